"""I14: whatever becomes of a valid file, it either loads to sound limits or is refused with a line; nothing else."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from risksvc.core.limits import Limit, LimitMode, Limits, OnBreach
from risksvc.core.types import HUNDRED, ZERO
from risksvc.gate import templates
from risksvc.gate.config_problems import ConfigFileError, LimitsFileError, SettingsFileError
from risksvc.gate.limits_file import diff_limits, load_limits, parse_limits
from risksvc.gate.operator_tokens import Operator, hash_token
from risksvc.gate.settings import Settings, parse_settings
from risksvc.gate.settings_schema import BOUND_NS

ROOT = Path(__file__).resolve().parents[2]
LIMITS = [
    templates.limits_text(),
    *(path.read_text("utf-8") for path in sorted((ROOT / "limits").rglob("*.yaml"))),
]
SETTINGS = [templates.settings_text(), templates.settings_text([Operator("alice", hash_token("a"))])]
# What goes wrong in files: by hand, by tools, by malice.
PIECES = [
    "\t", " ", "\n", ":", ": ", "- ", "#", "'", '"', "{", "}", "[", "]", ",", "&a ", "*a", "!!float ", "<<: *a", "? ",
    "|\n", ">\n",
    "---\n", "...\n", "%YAML 1.1\n", "\x00", "\ufeff", "\u2028", "\x85", "\U0001f4a9",
    "-", "-1", "0", "1e9", ".nan", ".inf", "1_000",
    "0x10", "010", "1:30", "null", "~", "yes",
    "5%", "$5", "50k", "99999999999999999999", "0.0000000000000000001",
    "version: 1\n", "accounts:\n", "BTC/USDT:USDT", "limit: ", "warn_at: [90, 50]\n",
    "mode: shadow", "[" * 40, "a" * 200,
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, texts: list[str]) -> str:
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([cut, inserted, line_moved, line_removed, value_replaced, indented]))(draw, text)
    return text


def cut(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    return text[:start] + text[start + draw(st.integers(1, 40)) :]


def inserted(draw: st.DrawFn, text: str) -> str:
    where = draw(st.integers(0, len(text)))
    return text[:where] + draw(st.sampled_from(PIECES) | st.text(max_size=5)) + text[where:]


def line_moved(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    line = lines[draw(st.integers(0, len(lines) - 1))]
    lines.insert(draw(st.integers(0, len(lines))), line)
    return "\n".join(lines)


def line_removed(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    del lines[draw(st.integers(0, len(lines) - 1))]
    return "\n".join(lines)


def value_replaced(draw: st.DrawFn, text: str) -> str:
    values = [*re.finditer(r"(?<=: )[^\s#][^\n#]*", text)]
    if not values:
        return text
    value = values[draw(st.integers(0, len(values) - 1))]
    return text[: value.start()] + draw(st.sampled_from(PIECES) | st.text(max_size=8)) + text[value.end() :]


def indented(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    number = draw(st.integers(0, len(lines) - 1))
    lines[number] = draw(st.sampled_from([" ", "  ", "\t"])) + lines[number]
    return "\n".join(lines)


def limits_in(scope: object) -> list[Limit]:
    if isinstance(scope, Limit):
        return [scope]
    if isinstance(scope, dict):
        return [limit for each in scope.values() for limit in limits_in(each)]
    slots = getattr(type(scope), "__dataclass_fields__", {})
    return [limit for name in slots for limit in limits_in(getattr(scope, name))]


def assert_sound(limits: Limits) -> None:
    assert len(limits.hash) == 64
    assert limits.accounts
    for limit in limits_in(limits):
        assert limit.value >= ZERO
        assert isinstance(limit.mode, LimitMode)
        assert isinstance(limit.on_breach, OnBreach)
        assert all(ZERO < percent <= HUNDRED for percent in limit.warn_at)
        assert list(limit.warn_at) == sorted(set(limit.warn_at))
    for account in limits.accounts.values():
        assert all(ZERO < instrument.price_collar <= HUNDRED for instrument in account.instruments.values())
        assert all(symbol.split("/")[1].split(":")[0] in limits.rates for symbol in account.instruments)
        for strategy in account.strategies.values():
            assert HUNDRED <= strategy.band.value <= 10 * HUNDRED
            assert strategy.instruments.keys() <= account.instruments.keys()
            for pair in strategy.instruments.values():
                if pair.intended is not None:
                    assert pair.intended.low <= pair.intended.high
                if pair.intended is not None and pair.max_intended is not None:
                    assert max(abs(pair.intended.low), abs(pair.intended.high)) <= pair.max_intended.value
    assert all(rate > ZERO for rate in limits.rates.values())


# Parsing text is slow, and what it must hold is shown by fewer examples than the money rules need.
A_FEW = profile(max_examples=min(2_000, profile().max_examples))


def assert_told(error: ConfigFileError, text: str) -> None:
    lines = len(text.splitlines()) + 1
    assert error.errors
    for problem in error.errors:
        assert 0 <= problem.line <= lines
        assert problem.message
        assert str(problem).isprintable()


@A_FEW
@given(mutated(LIMITS))
def test_a_mutated_limits_file_loads_soundly_or_is_refused(text: str) -> None:
    try:
        loaded = parse_limits(text, path=Path("limits.yaml"))
    except LimitsFileError as error:
        assert_told(error, text)
    else:
        assert_sound(loaded.limits)


@A_FEW
@given(st.sampled_from(LIMITS), st.data())
def test_mutated_bytes_load_soundly_or_are_refused(text: str, data: st.DataObject) -> None:
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory(prefix="rs") as folder:
        path = Path(folder) / "limits.yaml"
        path.write_bytes(content)
        try:
            loaded = load_limits(path)
        except LimitsFileError as error:
            assert_told(error, content.decode("utf-8", "replace"))
        else:
            assert_sound(loaded.limits)


@A_FEW
@given(st.text() | st.text(alphabet="{}[]&*!|>-?:,#'\"% \n\tab01"))
def test_any_text_at_all_is_refused(text: str) -> None:
    with pytest.raises(LimitsFileError):
        parse_limits(text, path=Path("limits.yaml"))


def assert_sound_settings(settings: Settings) -> None:
    assert settings.poll_ns < settings.lease_ns
    assert settings.lease_ns + settings.approval_validity_ns <= BOUND_NS
    assert settings.accounts
    for listener in (settings.strategy, settings.operator, settings.venue, settings.http):
        assert listener.path is not None or listener.host in ("localhost", "::1") or listener.host.startswith("127.")
        assert not listener.mode & 0o007
    for account in settings.accounts.values():
        assert account.config.snapshot_max_age_ns > account.cadence.positions_ns
        assert account.config.mark_max_age_ns > account.cadence.marks_ns


@A_FEW
@given(mutated(SETTINGS))
def test_a_mutated_settings_file_loads_soundly_or_is_refused(text: str) -> None:
    try:
        settings = parse_settings(text, path=Path("/tmp/risksvc.yaml"))  # noqa: S108 - nothing is opened
    except SettingsFileError as error:
        assert_told(error, text)
    else:
        assert_sound_settings(settings)


# -- what a change means ------------------------------------------------------------------------------------------


def reordered(draw: Callable[[st.SearchStrategy[list[str]]], list[str]], node: object) -> object:
    if isinstance(node, dict):
        return {key: reordered(draw, node[key]) for key in draw(st.permutations(list(node)))}
    return node


def written(node: object) -> str:
    if isinstance(node, dict):
        return "{" + ", ".join(f'"{key}": {written(value)}' for key, value in node.items()) + "}"
    return str(node)


NUMBERS = st.decimals(0, 10**9, places=6, allow_nan=False, allow_infinity=False).map(lambda value: f"{value:f}")


@st.composite
def limits_trees(draw: st.DrawFn) -> dict[str, object]:
    symbols = draw(st.lists(st.sampled_from(["BTC/USDT:USDT", "ETH/USDC:USDC", "SOL/USDT"]), min_size=1, unique=True))
    strategies = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
    return {
        "version": 1,
        "accounts": {
            "main": {
                "max_total_exposure": draw(NUMBERS),
                "instruments": {symbol: {"max_net_exposure": draw(NUMBERS)} for symbol in symbols},
                "strategies": {
                    name: {"instruments": {symbol: {"max_intended": draw(NUMBERS)} for symbol in symbols}}
                    for name in strategies
                },
            }
        },
    }


@A_FEW
@given(limits_trees(), st.data())
def test_the_same_meaning_in_any_order_gives_the_same_limits(tree: dict[str, object], data: st.DataObject) -> None:
    one = parse_limits(written(tree), path=Path("a"))
    other = parse_limits(written(reordered(data.draw, tree)), path=Path("b"))
    assert one.limits == other.limits
    assert diff_limits(one.limits, other.limits) == []


@A_FEW
@given(limits_trees(), limits_trees())
def test_the_hashes_agree_exactly_when_nothing_differs(one: dict[str, object], other: dict[str, object]) -> None:
    first, second = (parse_limits(written(tree), path=Path("a")).limits for tree in (one, other))
    assert (first.hash == second.hash) == (diff_limits(first, second) == [])
    assert (first.hash == second.hash) == (first == replace(second, hash=first.hash))
