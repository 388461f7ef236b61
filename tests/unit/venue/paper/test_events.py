"""The control API's events as plain calls: whatever they are told, they happen or are refused, and the books agree."""

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.events import EVENTS
from risksvc.venue.paper.orders import LONG_LEG, SHORT_LEG, ExecType
from tests.unit.venue.paper.builders import INVERSE, SPOT, D, Venue

NAMES = st.sampled_from([
    "account", "symbol", "category", "side", "orderType", "qty", "price", "positionIdx", "rate", "execType", "coin",
    "amount", "takeProfit", "stopLoss", "on", "base", "quote", "tick", "step", "status", "orderLinkId", "reduceOnly",
    "marketUnit", "timeInForce",
])  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from([
        "main", "other", "BTCUSDT", "BTCUSD", "ETHBTC", "linear", "inverse", "spot", "Buy", "Sell", "Market", "Limit",
        "1", "0.1", "-1", "2", "0", "50000", "48000", "52000", "0.0001", "Settle", "BTC", "USDT", "USDC", "true",
        "false", "NEW", "Trading", "PreLaunch", "quoteCoin", "999999999999999.999999999999999999",
    ]),
    st.text(max_size=10),
)  # fmt: skip
VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.lists(TEXTS, max_size=1))
LISTED = sorted(EVENTS.keys() - {"drift"})  # all but the one whose point it is that nothing lists it
HAPPENINGS = st.lists(st.tuples(st.sampled_from(LISTED), st.dictionaries(NAMES, VALUES)), max_size=6)
USUAL = {
    "account": "main", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.1", "coin": "USDT",
    "amount": "1", "base": "NEW", "takeProfit": "60000", "on": "true",
}  # fmt: skip


def happen(venue: Venue, name: str, **params: object) -> dict[str, object]:
    return EVENTS[name].happen(Call(engine=venue.engine, params=params, now_ms=venue.now_ms))


@settings(max_examples=min(300, settings().max_examples))
@given(st.booleans(), HAPPENINGS)
def test_any_event_happens_or_is_refused(hedge: bool, happenings: list[tuple[str, Mapping[str, object]]]) -> None:  # noqa: FBT001
    venue = Venue(hedge=hedge, coins={"BTC": "5"})
    for name, params in happenings:
        with suppress(VenueError):
            happen(venue, name, **{**USUAL, **params})
    account = venue.account
    for (key, leg), position in account.positions.items():
        traded = [
            each.side.sign * each.qty
            for each in account.executions.newest_first(symbol=key)
            if each.leg == leg and each.exec_type is not ExecType.FUNDING
        ]
        assert position.size == sum(traded, start=D(0))
        assert leg != LONG_LEG or position.size >= 0
        assert leg != SHORT_LEG or position.size <= 0


def test_without_an_index_the_only_leg_that_is_held_is_meant() -> None:
    venue = Venue(hedge=True)
    venue.order("Sell", "2", leg=SHORT_LEG)
    happen(venue, "liquidation", account="main", symbol="BTCUSDT", qty="1")
    assert venue.held(leg=SHORT_LEG) == -1
    venue.order("Buy", "1", leg=LONG_LEG)
    with pytest.raises(VenueError, match="position mode"):
        happen(venue, "liquidation", account="main", symbol="BTCUSDT")


def test_funding_may_be_settled_with_one_account_alone() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    happen(venue, "fill", account="other", symbol="BTCUSDT", side="Sell", qty="1")
    wallets = {name: account.wallets["USDT"] for name, account in venue.engine.accounts.items()}
    rows = happen(venue, "funding", symbol="BTCUSDT", account="other")["list"]
    assert isinstance(rows, list)
    assert [row["execFee"] for row in rows] == ["-5"], "a short receives the usual rate"
    assert venue.account.wallets["USDT"] == wallets["main"]
    assert venue.engine.accounts["other"].wallets["USDT"] == wallets["other"] + 5


def test_a_symbol_alone_means_the_contract_and_a_category_the_spot_pair() -> None:
    venue = Venue(coins={"BTC": "1"})
    happen(venue, "fill", account="main", symbol="BTCUSDT", side="Buy", qty="0.5")
    happen(venue, "fill", account="main", symbol="BTCUSDT", side="Sell", qty="0.25", category="spot")
    happen(venue, "fill", account="main", symbol="ETHBTC", side="Buy", qty="1")
    assert (venue.held(), venue.account.wallets["BTC"]) == (D("0.5"), D("0.7"))
    assert {each.symbol for each in venue.account.executions.newest_first()} == {"BTCUSDT", SPOT, "spot:ETHBTC"}
    assert INVERSE not in {key for key, _ in venue.account.positions}


def test_a_drift_moves_a_position_and_nothing_else() -> None:
    venue = Venue()
    assert happen(venue, "drift", account="main", symbol="BTCUSDT", qty="-0.003") == {
        "symbol": "BTCUSDT",
        "size": "-0.003",
    }
    assert not len(venue.account.executions)
    for params in ({}, {"qty": "0"}, {"qty": "0.0005"}, {"qty": "1", "category": "spot"}):
        with pytest.raises(VenueError):
            happen(venue, "drift", **{"account": "main", "symbol": "BTCUSDT", **params})
