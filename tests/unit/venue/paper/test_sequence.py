"""The cross sequence of a position tells exactly which executions it contains, however far the view lags."""

from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.venue.paper.account_data import position_list
from risksvc.venue.paper.orders import ExecType, Execution
from tests.unit.venue.paper.builders import D, Venue
from tests.unit.venue.paper.random_walk import KEYS, STEPS, Walk

WALKS = settings(max_examples=min(100, settings().max_examples))
CONTRACTS = [key for key in KEYS if not key.startswith("spot:")]


def rows(venue: Venue, lag_ms: int) -> list[dict[str, object]]:
    found = []
    for key in CONTRACTS:
        category = venue.engine.markets[key].instrument.category
        found += position_list(venue.lagging(lag_ms, category=category, symbol=key))["list"]
    return found


def executions_of(venue: Venue, row: dict[str, object]) -> list[Execution]:
    each = venue.account.executions.newest_first(symbol=str(row["symbol"]))
    return [execution for execution in each if execution.leg == row["positionIdx"]]


@WALKS
@given(st.integers(0, 2**32), st.booleans(), st.integers(1, 1_500))
def test_a_position_is_the_sum_of_the_executions_up_to_its_sequence(
    seed: int,
    hedge: bool,  # noqa: FBT001
    lag_ms: int,
) -> None:
    walk = Walk(seed, hedge=hedge)
    for _ in range(STEPS):
        walk.step()
        for lag in (0, lag_ms):
            for row in rows(walk.venue, lag):
                assert_exact(walk.venue, row, seen_ms=walk.venue.now_ms - lag)


def assert_exact(venue: Venue, row: dict[str, object], *, seen_ms: int) -> None:
    every = executions_of(venue, row)
    inside = [each for each in every if each.seq <= int(str(row["seq"]))]
    traded = (each.side.sign * each.qty for each in inside if each.exec_type is not ExecType.FUNDING)
    size = D(str(row["size"])) * (-1 if row["side"] == "Sell" else 1)
    assert size == sum(traded, start=D(0))
    assert D(str(row["cumRealisedPnl"])) == sum((each.pnl - each.fee for each in inside), start=D(0))
    assert [each for each in every if each.at_ms <= seen_ms] == inside, "all that happened by then, and nothing later"
    assert row["seq"] == max((each.seq for each in inside), default=-1)


def test_a_lagging_position_shows_its_old_sequence() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    venue.wait(1_000)
    venue.order("Buy", "1")
    (now,) = position_list(venue.call(category="linear", symbol="BTCUSDT"))["list"]
    (then,) = position_list(venue.lagging(500, category="linear", symbol="BTCUSDT"))["list"]
    assert [(row["size"], row["seq"]) for row in (now, then)] == [("2", 2), ("1", 1)]
    (nothing,) = position_list(venue.lagging(1_500, category="linear", symbol="BTCUSDT"))["list"]
    assert (nothing["size"], nothing["seq"]) == ("0", -1)
