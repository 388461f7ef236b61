"""A limits file from the process that reads it to the gate and its journal: in portions, and nothing is lost."""

import asyncio
import os
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.events import LimitsLoaded
from risksvc.core.limits import (
    DEFAULT_MAX_RESIDUAL,
    DEFAULT_WARN_AT,
    InstrumentLimits,
    Limit,
    LimitMode,
    OnBreach,
    OrderLimits,
    StrategyInstrumentLimits,
    StrategyLimits,
)
from risksvc.gate import limits_keeper
from risksvc.gate.codec import decode, encode, prepared
from risksvc.gate.config_problems import LimitsFileError
from risksvc.gate.limits_bytes import ROWS_AT_ONCE, Unpacking, pack_limits, rows_of
from risksvc.gate.limits_file import effective, parse_limits
from risksvc.gate.limits_keeper import LimitsKeeper, in_turns, let_go
from risksvc.gate.limits_loading import answer, decode_pieces, problems_of, show
from risksvc.v1 import operator_pb2

NUMBER = 250
TEXT = """
version: 1
rates: {EUR: 1.1}
accounts:
  main:
    max_total_exposure: {limit: 1000000, mode: shadow, warn_at: [10, 20]}
    max_orders_per_second: 50
    instruments:
%s
    strategies:
      mm: {band: {limit: 120, on_breach: halt}, belief: optional, instruments: {C1/USDT:USDT: {max_intended: 2},
        C2/USDT:USDT: {intended: {low: -1, high: 3}, max_order_notional: 7}}}
      trend:
  empty: {strategies: {mm: }}
"""
ROWS = "\n".join(
    f"      C{number}/USDT:USDT: {{max_net_exposure: {1000 + number % 7}, price_collar: {1 + number % 3}}}"
    for number in range(NUMBER)
)
LIMITS = parse_limits(TEXT % ROWS, path=Path("limits.yaml")).limits


def unpacked() -> Unpacking:
    made = Unpacking(pack_limits(LIMITS))
    for _ in made:
        pass
    return made


def test_limits_come_whole_in_short_steps() -> None:
    made = Unpacking(pack_limits(LIMITS))
    steps = sum(1 for _ in made)

    assert steps == -(-NUMBER // ROWS_AT_ONCE) + 1  # the instruments, and one strategy's two
    assert made.limits() == LIMITS
    assert list(made.limits().accounts["main"].instruments) == list(LIMITS.accounts["main"].instruments)


def test_rows_that_are_written_alike_are_one_object() -> None:
    rows = rows_of(unpacked().limits())

    assert len(rows) == NUMBER + 2
    assert len({id(one) for one in rows}) == 7 * 3 + 2


def test_the_journal_gets_the_bytes_that_came_and_reads_the_same_limits() -> None:
    made = unpacked()
    event = LimitsLoaded(made.limits(), "ann", "test")
    with prepared(made.written):
        written = encode(1, 2, event, ())

    table = next(data for known, data in made.written if known is made.limits().accounts["main"].instruments)
    assert table in written
    assert decode(written).input == LimitsLoaded(LIMITS, "ann", "test")
    assert len(written) < len(encode(1, 2, event, ())) / 2
    assert decode(encode(1, 2, event, ())).input == event


def test_the_defaults_that_a_journal_leaves_out_never_change() -> None:
    one = Decimal(1)
    assert Limit(one) == Limit(one, (Decimal(50), Decimal(75), Decimal(90)), LimitMode.ENFORCE, OnBreach.REDUCE)
    assert Limit(one).warn_at == DEFAULT_WARN_AT
    assert InstrumentLimits(Limit(one), one) == InstrumentLimits(Limit(one), one, OrderLimits(None, None), None)
    assert StrategyInstrumentLimits() == StrategyInstrumentLimits(None, None, None, OrderLimits(None, None))
    assert StrategyLimits(Limit(one)).belief_lag_ns == 2_000_000_000
    assert Limit(Decimal(50), on_breach=OnBreach.DENY) == DEFAULT_MAX_RESIDUAL


# -- the process ----------------------------------------------------------------------------------------------------


def test_an_answer_says_what_changes_and_what_is_in_force(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text((TEXT % ROWS).replace("max_intended: 2", "max_intended: 3"))
    found = answer(path, b"".join(show(effective(LIMITS))))

    changes = operator_pb2.ReloadLimitsResponse.FromString(b"".join(decode_pieces(found.changes))).changes
    assert [(one.before, one.after) for one in changes] == [("2", "3")]
    shown = operator_pb2.GetLimitsResponse.FromString(b"".join(decode_pieces(found.effective))).effective
    assert len(shown) == len(effective(LIMITS))
    assert problems_of(found) == ()


def test_an_answer_names_every_mistake(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text("version: 1\naccounts: {main: {instruments: {X: }}}\nrate: 1\n")

    assert [one.line for one in problems_of(answer(path, b""))] == [2, 3]


def test_a_file_is_read_by_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(TEXT % ROWS)
    keeper = LimitsKeeper(path)
    keeper.begin(LIMITS)
    read = asyncio.run(keeper.read())

    assert read.loaded.limits == LIMITS
    assert read.loaded.text == path.read_text()
    assert read.changes == []
    keeper.took(read, by="ann", at=7)
    assert (keeper.loaded_by, keeper.loaded_at, keeper.text) == ("ann", 7, path.read_text())

    path.write_text("version: 2\n")
    with pytest.raises(LimitsFileError, match="not a version"):
        asyncio.run(keeper.read())


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit(3)", "ended with code 3"),
        ("import time; time.sleep(60)", "took longer than 3 s"),
    ],
)
def test_a_process_that_gives_nothing_refuses_the_file(
    program: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!{sys.executable}\n{program}\n")
    fake.chmod(0o700)
    monkeypatch.setattr(sys, "executable", os.fspath(fake))
    monkeypatch.setattr(limits_keeper, "LONGEST_SECONDS", 3.0)
    keeper = LimitsKeeper(tmp_path / "limits.yaml")
    keeper.begin(LIMITS)

    with pytest.raises(LimitsFileError, match=said):
        asyncio.run(keeper.read())


def test_a_process_that_can_not_be_started_refuses_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", os.fspath(tmp_path / "missing"))
    with pytest.raises(LimitsFileError, match="can't be started"):
        asyncio.run(LimitsKeeper(tmp_path / "limits.yaml").read())


def test_others_have_the_loop_between_two_portions() -> None:
    async def run() -> list[str]:
        said: list[str] = []

        async def other() -> None:
            for _ in range(3):
                said.append("other")
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(other())
        await in_turns(map(said.append, ["step"] * 3))
        rows: list[object] = [object() for _ in range(1_000)]
        await let_go(rows)
        assert rows == []
        await beside
        return said

    said = asyncio.run(run())
    assert said.index("other") < len(said) - 1 - said[::-1].index("step")
