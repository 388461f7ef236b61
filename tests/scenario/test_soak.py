"""`make soak` for a moment: random load without a false halt, every drift found, every fault of a read survived.

The long runs, with pairs of faults, the silences, release times and costs, are `python -m tests.soak`.
"""

import random
from decimal import Decimal

import pytest

from risksvc.v1 import operator_pb2, types_pb2
from risksvc.venue.paper.faults import FAULTS
from tests.soak.drift import in_process
from tests.soak.faults import OF_THE_STREAM, Runs, Truth, choose
from tests.soak.load import one_load
from tests.soak.options import Options
from tests.soak.trader import KEPT
from tests.soak.verdict import Bar, Verdict

# Worlds start slowly on a busy machine, and recovery is waited for.
pytestmark = pytest.mark.timeout(300)


def told(verdict: Verdict) -> str:
    return "\n".join(verdict.lines())


def test_every_drift_of_one_step_is_found_within_three_reconciles() -> None:
    verdict = in_process(Options(trials=96, seed=7))
    assert verdict.holds, told(verdict)


def test_random_load_beside_a_market_maker_halts_nothing() -> None:
    verdict = one_load(Options(seconds=5), 20, 3, 200)
    assert verdict.holds, told(verdict)


def test_every_fault_of_a_read_is_survived() -> None:
    verdict, chance = Verdict("faults"), random.Random(3)
    chosen = [(choose(name, chance),) for name in FAULTS if not name.startswith(OF_THE_STREAM)]
    runs = Runs(verdict, seed=3)
    runs.run(chosen, lasting_s=(0.2, 0.5))
    runs.judge()
    assert verdict.holds, told(verdict)
    assert runs.done == len(chosen)


@pytest.mark.parametrize(
    ("truth", "low", "high", "active", "wrong"),
    [
        ("0.1", "0.1", "0.1", True, ""),
        ("0.1", "0", "0.1", True, ""),
        ("0.1", "0", "0", False, "flat by mistake"),
        ("0.1", "0.2", "0.3", True, "outside, and ACTIVE"),
        ("0.1", "0.2", "0.3", False, ""),
        ("0", "0", "0", True, ""),
        ("0", "0.1", "0.1", True, "outside, and ACTIVE"),
    ],
)
def test_the_oracle_knows_what_is_wrong(*, truth: str, low: str, high: str, active: bool, wrong: str) -> None:
    oracle, state = Truth(), types_pb2.TRADING_STATE_ACTIVE if active else types_pb2.TRADING_STATE_REDUCING
    one = operator_pb2.InstrumentExposure(worst_low=low, worst_high=high, trading_state=state)
    oracle.compare(next(iter(KEPT)), Decimal(truth), one, open_for_orders=True)
    assert [text.partition(":")[0] for text in oracle.wrong] == [one for one in (wrong,) if one]


@pytest.mark.parametrize("bar", [Bar("at most", 3, 3), Bar("at least", 3, 3, at_least=True)], ids=str)
def test_a_bar_includes_its_limit(bar: Bar) -> None:
    assert bar.holds


@pytest.mark.parametrize(
    "bar",
    [
        Bar("at most", 3.1, 3),
        Bar("at least", 2.9, 3, at_least=True),
        Bar("never measured", float("nan"), 3),
        Bar("never measured", float("nan"), 3, at_least=True),
    ],
    ids=str,
)
def test_a_bar_knows_when_it_is_missed(bar: Bar) -> None:
    assert not bar.holds


def test_a_part_that_measured_nothing_does_not_hold() -> None:
    assert not Verdict("nothing").holds
    failed = Verdict("failed", problems=["it did not begin"])
    failed.most("a bar that holds", 0, 1)
    assert not failed.holds
