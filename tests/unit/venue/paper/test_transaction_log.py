"""The transaction log: one entry for each change of a wallet, which add up, in pages and within a window."""

from typing import Any

import pytest

from risksvc.venue.paper import forced
from risksvc.venue.paper.accounts import Bounds
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.ledger_data import transaction_log
from risksvc.venue.paper.paging import DAY_MS
from tests.unit.venue.paper.builders import CROSS, INVERSE, SPOT, D, Venue


def entries(venue: Venue, **params: str) -> list[dict[str, Any]]:
    return list(transaction_log(venue.call(accountType="UNIFIED", **params))["list"])


def busy_venue() -> Venue:
    venue = Venue(coins={"BTC": "5"})
    venue.order("Buy", "2")
    venue.order("Sell", "1")
    venue.order("Buy", "1000", symbol=INVERSE)
    venue.order("Sell", "0.1", symbol=SPOT)
    venue.order("Buy", "1", symbol=CROSS)
    forced.fund(venue.engine, venue.engine.markets["BTCUSDT"], D("0.0001"), accounts=[venue.account])
    forced.transfer(venue.engine, venue.account, "USDT", D(-500))
    venue.engine.liquidate(venue.account, "BTCUSDT", qty=None, now_ms=venue.now_ms)
    return venue


def test_entries_add_up_to_what_each_wallet_gained() -> None:
    venue = busy_venue()
    rows = entries(venue, limit="50")
    for coin, opening in (("USDT", 1_000_000), ("BTC", 5), ("ETH", 0)):
        own = [row for row in rows if row["currency"] == coin]
        total = D(opening)
        for row in reversed(own):
            zero_if_empty = D(row["funding"] or 0)
            assert D(row["change"]) == D(row["cashFlow"]) + zero_if_empty - D(row["fee"])
            total += D(row["change"])
            assert D(row["cashBalance"]) == total
        assert total == venue.account.wallets[coin]


def test_a_trade_of_a_contract_is_shown_as_the_venue_does() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", link_id="mine")
    (row,) = entries(venue)
    assert row == {
        **row,
        "symbol": "BTCUSDT",
        "category": "linear",
        "side": "Buy",
        "type": "TRADE",
        "qty": "1",
        "size": "1",
        "currency": "USDT",
        "tradePrice": "50005",
        "funding": "",
        "fee": "27.50275",
        "cashFlow": "0",
        "change": "-27.50275",
        "cashBalance": "999972.49725",
        "feeRate": "0.00055",
        "tradeId": order.fills[0].exec_id,
        "orderId": order.order_id,
        "orderLinkId": "mine",
    }


def test_a_spot_trade_has_an_entry_for_each_coin() -> None:
    venue = Venue()
    venue.order("Buy", "0.1", symbol=SPOT)
    received, paid = entries(venue)
    assert (paid["currency"], paid["change"], paid["fee"]) == ("USDT", "-5000.5", "0")
    assert (received["currency"], received["cashFlow"], received["fee"], received["change"]) == (
        "BTC",
        "0.1",
        "0.0001",
        "0.0999",
    )
    assert received["tradeId"] == paid["tradeId"]


@pytest.mark.parametrize(
    ("params", "types"),
    [
        ({"type": "SETTLEMENT"}, ["SETTLEMENT"]),
        ({"type": "TRANSFER_OUT"}, ["TRANSFER_OUT"]),
        ({"category": "linear"}, ["LIQUIDATION", "SETTLEMENT", "TRADE", "TRADE", "TRADE"]),
        ({"category": "inverse"}, ["TRADE"]),
        ({"category": "spot", "currency": "ETH"}, ["TRADE"]),
        ({"baseCoin": "ETH"}, ["TRADE", "TRADE"]),
        ({"type": "INTEREST"}, []),
    ],
)
def test_entries_are_filtered(params: dict[str, str], types: list[str]) -> None:
    assert [row["type"] for row in entries(busy_venue(), **params)] == types


def test_a_transfer_has_no_instrument() -> None:
    (row,) = entries(busy_venue(), type="TRANSFER_OUT")
    assert (row["symbol"], row["category"], row["side"], row["tradeId"]) == ("", "", "None", "")
    assert (row["cashFlow"], row["qty"], row["funding"], row["feeRate"]) == ("-500", "500", "", "")


def test_pages_follow_each_other_by_cursor() -> None:
    venue = Venue()
    for _ in range(45):
        forced.transfer(venue.engine, venue.account, "USDT", D(1))
    first = transaction_log(venue.call(accountType="UNIFIED"))
    assert len(first["list"]) == 20, "the default page"
    assert len(entries(venue, limit="1000")) == 45, "at most fifty"
    seen, cursor = [row["cashBalance"] for row in first["list"]], first["nextPageCursor"]
    while cursor:
        forced.transfer(venue.engine, venue.account, "USDT", D(1))
        page = transaction_log(venue.call(accountType="UNIFIED", cursor=cursor))
        seen += [row["cashBalance"] for row in page["list"]]
        cursor = page["nextPageCursor"]
    assert seen == [str(1_000_000 + number) for number in range(45, 0, -1)]


def test_a_day_is_shown_unless_more_is_asked_for() -> None:
    venue = Venue()
    start = venue.now_ms
    for amount in range(1, 9):
        forced.transfer(venue.engine, venue.account, "USDT", D(amount))
        venue.wait(DAY_MS)

    def amounts(**span: int) -> list[str]:
        return [row["change"] for row in entries(venue, **{name: str(at) for name, at in span.items()})]

    assert amounts() == ["8"], "the last 24 hours, both ends included"
    assert amounts(startTime=start) == ["2", "1"]
    assert amounts(endTime=start) == ["1"]
    assert amounts(startTime=start, endTime=start + 7 * DAY_MS) == ["8", "7", "6", "5", "4", "3", "2", "1"]
    with pytest.raises(VenueError, match="7 days"):
        amounts(startTime=start, endTime=start + 7 * DAY_MS + 1)


def test_only_the_unified_account_has_one() -> None:
    with pytest.raises(VenueError, match="UNIFIED"):
        transaction_log(Venue().call(accountType="SPOT"))


def test_the_log_is_bounded() -> None:
    venue = Venue(bounds=Bounds(executions=16))
    for _ in range(100):
        forced.transfer(venue.engine, venue.account, "USDT", D(1))
    assert len(venue.account.ledger) <= 18
