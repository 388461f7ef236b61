"""What a limits file means, what is shipped, and the world that it is read from."""

import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.limits import (
    DEFAULT_MAX_RESIDUAL,
    Limit,
    LimitMode,
    OnBreach,
    OrderLimits,
    StrategyInstrumentLimits,
)
from risksvc.core.types import ONE, SECOND, PositionRange
from risksvc.gate import templates
from risksvc.gate.config_problems import MAX_PROBLEMS
from risksvc.gate.limits_file import LimitsFileError, LoadedLimits, diff_limits, load_limits, parse_limits
from risksvc.gate.limits_schema import (
    AccountSection,
    DefaultsSection,
    ExposureLimitSection,
    InstrumentSection,
    LimitsSection,
    StrategyInstrumentSection,
    StrategySection,
)
from risksvc.gate.yaml_lines import MAX_BYTES, MAX_ENTRIES

ROOT = Path(__file__).resolve().parents[3]
PATH = Path("limits.yaml")
SHIPPED = [ROOT / "limits" / "limits.yaml", *sorted((ROOT / "limits" / "examples").glob("*.yaml"))]

ACCOUNT = "version: 1\naccounts:\n  main:\n    instruments:\n      BTC/USDT:USDT:\n"
STRATEGY = "    strategies:\n      maker:\n"
MAX_INTENDED = "        instruments: {BTC/USDT:USDT: {max_intended: 2}}\n"
SMALL = ACCOUNT + STRATEGY + MAX_INTENDED


def load(text: str) -> LoadedLimits:
    return parse_limits(text, path=PATH)


def errors_of(text: str) -> list[str]:
    with pytest.raises(LimitsFileError) as refused:
        load(text)
    return [str(error) for error in refused.value.errors]


# -- defaults -----------------------------------------------------------------------------------------------------


def test_the_headline_limits_are_the_designs_numbers_when_the_file_names_none() -> None:
    account = load(SMALL).limits.accounts["main"]
    instrument, strategy = account.instruments["BTC/USDT:USDT"], account.strategies["maker"]
    assert instrument.max_net_exposure == Limit(Decimal(50_000))
    assert account.max_total_exposure == Limit(Decimal(150_000))
    assert strategy.band == Limit(Decimal(150))
    assert instrument.price_collar == Decimal(5)
    assert (strategy.belief_required, strategy.belief_lag_ns, strategy.belief_max_age_ns) == (
        True,
        2 * SECOND,
        30 * SECOND,
    )
    assert instrument.max_net_exposure.warn_at == (Decimal(50), Decimal(75), Decimal(90))


def test_what_is_not_written_is_not_limited_at_that_scope() -> None:
    account = load(SMALL).limits.accounts["main"]
    strategy = account.strategies["maker"]
    assert account.max_orders_per_second is None
    assert account.instruments["BTC/USDT:USDT"].order == OrderLimits()
    assert account.instruments["BTC/USDT:USDT"].max_gross_exposure is None
    assert account.max_residual == DEFAULT_MAX_RESIDUAL
    assert (strategy.max_net_exposure, strategy.max_total_exposure, strategy.max_orders_per_second) == (
        None,
        None,
        None,
    )
    assert strategy.order == OrderLimits()
    assert strategy.instruments["BTC/USDT:USDT"].max_net_exposure is None


def test_defaults_fill_the_gaps_of_the_scope_that_they_belong_to() -> None:
    written = """
defaults:
  max_net_exposure: 1000
  max_total_exposure: 2000
  band: 110
  price_collar: 0.5
  max_gross_exposure: 5000
  max_residual: 60
  max_order_quantity: 3
  max_order_notional: 400
  max_orders_per_second: 7
  belief: optional
  belief_lag: 500ms
  belief_max_age: 1m
  warn_at: [80]
"""
    account = load(SMALL + written).limits.accounts["main"]
    instrument, strategy = account.instruments["BTC/USDT:USDT"], account.strategies["maker"]
    warn = (Decimal(80),)
    assert account.max_total_exposure == Limit(Decimal(2000), warn)
    assert account.max_orders_per_second is None
    assert instrument.max_net_exposure == Limit(Decimal(1000), warn)
    assert instrument.price_collar == Decimal("0.5")
    assert instrument.order.max_order_quantity == Limit(Decimal(3), warn, on_breach=OnBreach.DENY)
    assert instrument.order.max_order_notional == Limit(Decimal(400), warn, on_breach=OnBreach.DENY)
    assert instrument.max_gross_exposure == Limit(Decimal(5000), warn, on_breach=OnBreach.DENY)
    assert account.max_residual == Limit(Decimal(60), warn, on_breach=OnBreach.DENY)
    assert strategy.band == Limit(Decimal(110), warn)
    assert strategy.max_orders_per_second == Limit(Decimal(7), warn, on_breach=OnBreach.DENY)
    assert strategy.order == OrderLimits()
    assert (strategy.belief_required, strategy.belief_lag_ns, strategy.belief_max_age_ns) == (
        False,
        SECOND // 2,
        60 * SECOND,
    )


def test_what_is_written_replaces_a_default_whole_its_mode_included() -> None:
    defaults = "defaults: {max_net_exposure: {limit: 9, mode: shadow, on_breach: halt, warn_at: [10]}}\n"
    text = SMALL.replace("BTC/USDT:USDT:\n", "BTC/USDT:USDT: {max_net_exposure: 5}\n      ETH/USDT:USDT:\n") + defaults
    instruments = load(text).limits.accounts["main"].instruments
    assert instruments["BTC/USDT:USDT"].max_net_exposure == Limit(Decimal(5))
    assert instruments["ETH/USDT:USDT"].max_net_exposure == Limit(
        Decimal(9), (Decimal(10),), LimitMode.SHADOW, OnBreach.HALT
    )


def test_only_headline_limits_trip() -> None:
    account = load((ROOT / "limits" / "examples" / "directional.yaml").read_text(encoding="utf-8")).limits.accounts[
        "swing"
    ]
    trend = account.strategies["trend"]
    order = trend.instruments["BTC/USDT:USDT"].order
    assert trend.max_total_exposure is not None
    assert trend.max_total_exposure.on_breach is OnBreach.HALT
    assert trend.band.on_breach is OnBreach.REDUCE
    assert order.max_order_notional is not None
    assert order.max_order_notional.on_breach is OnBreach.DENY


def test_an_intended_position_is_a_number_or_a_range() -> None:
    text = ACCOUNT + "      ETH/USDT:USDT:\n" + STRATEGY + "        instruments:\n"
    text += "          BTC/USDT:USDT: {intended: -1.5}\n          ETH/USDT:USDT: {intended: {low: -1, high: 2}}\n"
    pairs = load(text).limits.accounts["main"].strategies["maker"].instruments
    one = Decimal("-1.5")
    assert pairs["BTC/USDT:USDT"] == StrategyInstrumentLimits(intended=PositionRange(one, one))
    assert pairs["ETH/USDT:USDT"].intended == PositionRange(Decimal(-1), Decimal(2))


def test_numbers_are_exact_and_may_be_grouped() -> None:
    text = SMALL.replace("max_intended: 2", "max_intended: 1_234_567.000000000000000001")
    limit = load(text).limits.accounts["main"].strategies["maker"].instruments["BTC/USDT:USDT"].max_intended
    assert limit is not None
    assert str(limit.value) == "1234567.000000000000000001"


def test_words_that_yaml_would_make_something_else_of_stay_words() -> None:
    strategies = (
        load(ACCOUNT + "    strategies: {no: , 010: , 1e3: , null: , yes: }\n").limits.accounts["main"].strategies
    )
    assert sorted(strategies) == ["010", "1e3", "no", "null", "yes"]


def test_rates_have_the_currency_itself_and_the_dollars() -> None:
    assert load(SMALL).limits.rates == {"USD": ONE, "USDC": ONE, "USDT": ONE}
    assert load(SMALL + "rates: {USDT: 0.999, EUR: 1.1}\n").limits.rates == {
        "USD": ONE,
        "USDC": ONE,
        "USDT": Decimal("0.999"),
        "EUR": Decimal("1.1"),
    }
    assert load(SMALL + "currency: EUR\nrates: {USDT: 0.9}\n").limits.rates == {"EUR": ONE, "USDT": Decimal("0.9")}


# -- what is shipped ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_live_file_and_every_example_load(path: Path) -> None:
    loaded = load_limits(path)
    assert loaded.limits.accounts
    assert loaded.text == path.read_text(encoding="utf-8")
    if path.stem != "shadow-rollout":
        assert loaded.warnings == ()


def test_the_example_of_a_roll_out_lists_what_it_leaves_open() -> None:
    shadow, belief = load_limits(ROOT / "limits" / "examples" / "shadow-rollout.yaml").warnings
    assert "in shadow mode" in shadow
    assert "legacy.belief: optional" in belief


def test_the_template_loads_and_its_numbers_are_the_defaults() -> None:
    text = templates.limits_text()
    start, end = text.index("\ndefaults:"), text.index("# The firm as a whole")
    assert load(text).warnings == ()
    assert load(text).limits == load(text[:start] + text[end:]).limits


def uncommented(text: str) -> list[tuple[str, str]]:
    """The template with one commented key at a time brought to life: the key, and the text."""
    lines = text.splitlines()
    made = []
    for number in range(lines.index("version: 1"), len(lines)):
        found = re.fullmatch(r"( *)# ([a-z_]+):(?: [^ ].*)?", lines[number])
        if found is None:
            continue
        alive = [re.sub(r"# ", "", line, count=1) for line in lines[number : number + (2 if found[2] == "firm" else 1)]]
        made.append((found[2], "\n".join([*lines[:number], *alive, *lines[number + len(alive) :]])))
    return made


@pytest.mark.parametrize(("key", "text"), uncommented(templates.limits_text()))
def test_every_key_that_the_template_has_in_a_comment_is_right_too(key: str, text: str) -> None:
    assert load(text).limits.accounts, key


def test_the_template_shows_every_key() -> None:
    shown = set(re.findall(r"([a-z_]+):", templates.limits_text()))
    sections = (
        LimitsSection,
        DefaultsSection,
        AccountSection,
        InstrumentSection,
        StrategySection,
        ExposureLimitSection,
    )
    assert {key for section in (*sections, StrategyInstrumentSection) for key in section.key_names()} <= shown


# -- the world ----------------------------------------------------------------------------------------------------


def test_a_swapped_symlink_is_seen_at_the_next_load(tmp_path: Path) -> None:
    """Kubernetes mounts a ConfigMap as limits.yaml -> ..data/limits.yaml -> ..v1/ and swaps ..data by a rename.

    A peer watched the inode and missed the reload (envoyproxy/ratelimit#355).
    """
    for version, limit in (("..v1", 2), ("..v2", 3)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "limits.yaml").write_text(SMALL.replace("intended: 2", f"intended: {limit}"), "utf-8")
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "limits.yaml").symlink_to("..data/limits.yaml")
    first = load_limits(tmp_path / "limits.yaml")
    (tmp_path / "..new").symlink_to("..v2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    second = load_limits(first.path)
    assert [(before, after) for _, before, after in diff_limits(first.limits, second.limits)] == [("2", "3")]
    assert second.path == tmp_path / "limits.yaml"


def test_a_file_of_the_same_size_and_time_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(SMALL, "utf-8")
    first = load_limits(path)
    stamp = path.stat().st_mtime_ns
    path.write_text(SMALL.replace("intended: 2", "intended: 3"), "utf-8")
    os.utime(path, ns=(stamp, stamp))
    assert load_limits(path).limits.hash != first.limits.hash


def refused_file(path: Path) -> str:
    with pytest.raises(LimitsFileError) as refused:
        load_limits(path)
    assert len(refused.value.errors) == 1
    return str(refused.value).removeprefix(f"{path}: ")


def test_what_is_not_a_readable_file_is_told_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    assert refused_file(tmp_path / "missing.yaml") == "can't be read: No such file or directory"
    assert refused_file(tmp_path / "pipe") == "is not a regular file"
    assert refused_file(tmp_path) == "is not a regular file"
    assert refused_file(Path("/dev/zero")) == "is not a regular file"
    assert refused_file(tmp_path / "loop") == "can't be read: Too many levels of symbolic links"
    assert "embedded null byte" in refused_file(tmp_path / "a\0b")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert refused_file(path) == "is larger than 16 MB"


def test_more_entries_than_anyone_writes_are_refused() -> None:
    assert errors_of("a: [" + "1," * MAX_ENTRIES + "]") == [
        f"limits.yaml:1: a[{MAX_ENTRIES - 3}]: more than {MAX_ENTRIES} entries"
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load_limits(path).limits == load(SMALL).limits


def test_a_file_full_of_mistakes_is_told_in_a_screenful_sorted_by_line() -> None:
    broken = "".join(f"      C{number}/USDT:USDT: {{price_collar: x}}\n" for number in range(500))
    errors = errors_of(ACCOUNT.replace("      BTC/USDT:USDT:\n", broken))
    assert len(errors) == MAX_PROBLEMS + 1
    assert errors[0].startswith("limits.yaml:5: accounts.main.instruments.C0/USDT:USDT.price_collar: must be a number")
    assert errors[99].startswith("limits.yaml:104: ")
    assert errors[-1] == "limits.yaml: more problems follow; correct these first"


def test_more_instruments_than_anyone_trades_are_refused_without_a_look_at_each() -> None:
    listed = "".join(f"      C{number}: {{x: 1}}\n" for number in range(20_001))
    assert errors_of(ACCOUNT.replace("      BTC/USDT:USDT:\n", listed)) == [
        "limits.yaml:4: accounts.main.instruments: has 20001 entries; at most 20000 are allowed in one place"
    ]


def test_a_list_longer_than_anyone_writes_is_refused() -> None:
    text = SMALL + f"defaults: {{warn_at: [{'1, ' * 1001}]}}\n"
    assert errors_of(text) == ["limits.yaml:9: defaults.warn_at: has 1001 items; at most 1000 are allowed"]


def test_a_section_full_of_unknown_keys_is_another_kind_of_file() -> None:
    errors = errors_of(SMALL + "".join(f"key{number:02}: 1\n" for number in range(25)))
    assert len(errors) == 21
    assert errors[-1] == "limits.yaml:29: key20: and 5 more unknown keys"


def test_a_file_that_is_written_to_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(SMALL, "utf-8")
    stat_before_and_after = os.fstat
    stats: list[os.stat_result] = []

    def fstat(descriptor: int) -> os.stat_result:
        if stats:
            path.write_text(SMALL + "# more\n", "utf-8")
        stats.append(stat_before_and_after(descriptor))
        return stats[-1]

    monkeypatch.setattr(os, "fstat", fstat)
    assert refused_file(path).startswith("was written to while it was read; write a new file and rename it over")


def test_a_key_can_not_break_a_line_or_reach_into_a_terminal() -> None:
    (error,) = errors_of(SMALL + '"a\\nb\\e[31m": 1\n')
    assert error.startswith("limits.yaml:9: 'a\\nb\\x1b[31m': unknown key; allowed: version, ")


def test_ten_thousand_instruments_load() -> None:
    listed = "".join(f"      C{number}/USDT:USDT: {{max_net_exposure: {number}}}\n" for number in range(10_000))
    account = load(ACCOUNT.replace("      BTC/USDT:USDT:\n", listed) + STRATEGY).limits.accounts["main"]
    assert account.instruments["C9999/USDT:USDT"].max_net_exposure.value == Decimal(9999)
