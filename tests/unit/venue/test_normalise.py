"""ccxt's rows, one trap each."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from risksvc.core.types import ZERO, Instrument, Side
from risksvc.venue.normalise import (
    net_positions,
    normalise_fill,
    normalise_mark,
    normalise_order,
    normalise_position,
)
from risksvc.venue.quirks import CAUTIOUS, FillKind, Quirks, quirks_of
from risksvc.venue.rows import FillRow, OrderRow, OrderStatus, PositionRow, Row, UnreadableRowError
from tests.unit.venue.builders import BTC, BYBIT, fill_row, inverse, linear, order_row, position_row

D = Decimal
BTC_LINEAR = linear()


def read_position(row: Row, *, instrument: Instrument = BTC_LINEAR, quirks: Quirks = BYBIT) -> PositionRow | None:
    return normalise_position(row, instrument=instrument, quirks=quirks)


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [
        ({}, "2"),
        ({"side": "short"}, "-2"),
        ({"side": "short", "contracts": "-2"}, "-2"),
        ({"side": "LONG"}, "2"),
        ({"contracts": 0.1}, "0.1"),
        ({"contracts": 67.83143340000001}, "67.83143340000001"),
        ({"contracts": "1e-7"}, "0.0000001"),
    ],
)
def test_a_position_is_signed_by_its_side(changes: dict[str, object], quantity: str) -> None:
    position = read_position(position_row(**changes))
    assert position is not None
    assert position.quantity == D(quantity)


@pytest.mark.parametrize("contracts", ["0", 0, 0.0, "0.000", "-0"], ids=repr)
@pytest.mark.parametrize("side", [None, "", "long"], ids=repr)
def test_only_zero_contracts_are_flat(contracts: object, side: object) -> None:
    assert read_position(position_row(contracts=contracts, side=side)) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"contracts": None}, "contracts is missing"),
        ({"contracts": ""}, "contracts is missing"),
        ({"contracts": "many"}, "not a number"),
        ({"contracts": float("nan")}, "not a finite number"),
        ({"contracts": "Infinity"}, "not a finite number"),
        ({"contracts": True}, "not a number"),
        ({"contracts": "1e30"}, "not a decimal"),
        ({"contracts": "0." + "1" * 19}, "not a decimal"),
        ({"side": None}, "long or short is needed"),
        ({"side": "both"}, "long or short is needed"),
        ({"side": "long", "contracts": "-2"}, "contradicts itself"),
        ({"info": {"closePositionAmt": "2"}}, "closed position"),
        ({"info": {"closedSize": "2"}}, "closed position"),
    ],
    ids=str,
)
def test_an_unreadable_position_is_refused_never_flat(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(UnreadableRowError, match=problem) as refusal:
        read_position(position_row(**changes))
    assert refusal.value.what == "positions"
    assert BTC in refusal.value.where


def test_a_missing_side_is_read_from_contracts_only_where_they_are_known_to_be_signed() -> None:
    row = position_row(side=None, contracts="-3")
    with pytest.raises(UnreadableRowError):
        read_position(row, quirks=CAUTIOUS)
    position = read_position(row, quirks=quirks_of("deribit"))
    assert position is not None
    assert position.quantity == D(-3)


def test_an_inverse_position_is_worth_its_contracts_whatever_the_price() -> None:
    position = read_position(position_row(side="short", contracts="300", notional="0.0044"), instrument=inverse("100"))
    assert position is not None
    assert position.notional == D(-30_000)
    assert position.base_quantity == D(-30_000) / D(51_000)


@pytest.mark.parametrize(
    ("changes", "quirks", "notional"),
    [
        ({"notional": "1"}, CAUTIOUS, "102000"),
        ({"markPrice": None, "unrealizedPnl": "-50"}, CAUTIOUS, "99950"),
        ({"markPrice": None, "unrealizedProfit": "-50"}, CAUTIOUS, "99950"),
        ({"markPrice": None, "entryPrice": None, "notional": "77"}, CAUTIOUS, None),
        ({"markPrice": None, "entryPrice": None, "notional": "77"}, quirks_of("binance"), "77"),
        ({"markPrice": "0", "entryPrice": None}, CAUTIOUS, None),
    ],
    ids=str,
)
def test_the_notional_is_a_value_at_the_mark_or_none(
    changes: dict[str, object], quirks: Quirks, notional: str | None
) -> None:
    position = read_position(position_row(**changes), quirks=quirks)
    assert position is not None
    assert position.notional == (None if notional is None else D(notional))


def test_figures_are_rounded_to_what_the_wire_carries() -> None:
    row = position_row(entryPrice="118692.04840909090909090909", unrealizedPnl="-57.26681734000000000000037")
    position = read_position(row)
    assert position is not None
    assert position.entry_price == D("118692.048409090909090909")
    assert position.unrealised_pnl == D("-57.26681734")


def test_the_legs_of_a_hedge_add_up() -> None:
    legs = [read_position(position_row()), read_position(position_row(side="short", contracts="5"))]
    (net,) = net_positions([leg for leg in legs if leg is not None])
    assert net.quantity == D(-3)
    assert net.notional == D(-3) * D(51_000)
    assert net.entry_price is None


def test_a_leg_that_is_listed_twice_is_refused() -> None:
    legs = [read_position(position_row()), read_position(position_row(contracts="5"))]
    with pytest.raises(UnreadableRowError, match="listed twice"):
        net_positions([leg for leg in legs if leg is not None])


def test_isolated_and_cross_margin_are_two_positions_of_one_instrument() -> None:
    rows = [position_row(marginMode=mode) for mode in ("cross", "isolated")]
    (net,) = net_positions([row for row in map(read_position, rows) if row is not None])
    assert net.quantity == D(4)


# --- orders ---


def read_order(row: Row, *, quirks: Quirks = BYBIT, listed_open: bool = False) -> OrderRow:
    return normalise_order(row, quirks=quirks, listed_open=listed_open)


@pytest.mark.parametrize(
    ("changes", "status", "filled"),
    [
        ({}, OrderStatus.OPEN, "0"),
        ({"filled": "1"}, OrderStatus.OPEN, "1"),
        ({"filled": None, "remaining": "0.5"}, OrderStatus.OPEN, "1.5"),
        ({"filled": None, "remaining": None}, OrderStatus.OPEN, "0"),
        ({"status": "closed", "filled": "2"}, OrderStatus.FILLED, "2"),
        ({"status": "closed", "filled": "1"}, OrderStatus.CANCELLED, "1"),
        ({"status": "canceled"}, OrderStatus.CANCELLED, "0"),
        ({"status": "expired", "filled": "1"}, OrderStatus.CANCELLED, "1"),
        ({"status": "rejected"}, OrderStatus.REJECTED, "0"),
        ({"status": "rejected", "filled": None}, OrderStatus.REJECTED, "0"),
        ({"status": "rejected", "filled": "1"}, OrderStatus.CANCELLED, "1"),
    ],
    ids=str,
)
def test_where_an_order_stands(changes: dict[str, object], status: OrderStatus, filled: str) -> None:
    order = read_order(order_row(**changes))
    assert (order.status, order.filled) == (status, D(filled))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": None}, "no id"),
        ({"amount": None}, "a number above 0"),
        ({"amount": "0"}, "a number above 0"),
        ({"side": None}, "buy or sell"),
        ({"status": "canceled", "filled": None}, "not known"),
        ({"status": "closed", "filled": None}, "not known"),
        ({"filled": "3"}, "not between"),
        ({"filled": "-1"}, "not between"),
        ({"price": None}, "limit order without a price"),
        ({"status": "weird"}, "neither working nor finished"),
        ({"status": None}, "neither working nor finished"),
        ({"timestamp": "soon"}, "not milliseconds"),
    ],
    ids=str,
)
def test_an_unreadable_order_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(UnreadableRowError, match=problem):
        read_order(order_row(**changes))


def test_an_order_listed_as_open_with_an_unknown_status_counts_as_working() -> None:
    order = read_order(order_row(status="pending_something", filled=None), listed_open=True)
    assert (order.status, order.filled) == (OrderStatus.OPEN, ZERO)


@pytest.mark.parametrize(
    ("changes", "limit", "trigger"),
    [
        ({}, "50000", None),
        ({"type": "market", "price": "60000"}, None, None),
        ({"type": "market", "price": None, "triggerPrice": "49000"}, None, "49000"),
        ({"triggerPrice": "0"}, "50000", None),
        ({"stopPrice": "48000"}, "50000", "48000"),
        ({"type": "stop_market", "price": "0"}, None, None),
    ],
    ids=str,
)
def test_the_prices_of_an_order(changes: dict[str, object], limit: str | None, trigger: str | None) -> None:
    order = read_order(order_row(**changes))
    assert order.limit_price == (None if limit is None else D(limit))
    assert order.trigger_price == (None if trigger is None else D(trigger))


def test_a_price_that_ccxt_leaves_out_is_found_where_the_venue_has_it() -> None:
    row = order_row(price=None, info={"limitPrice": "50"})
    assert read_order(row, quirks=quirks_of("krakenfutures")).limit_price == D(50)


@pytest.mark.parametrize(("flag", "expected"), [(True, True), (False, False), (None, False), ("true", False)])
def test_an_order_is_reduce_only_only_when_the_venue_says_so(flag: object, *, expected: bool) -> None:
    assert read_order(order_row(reduceOnly=flag)).reduce_only is expected


# --- fills ---


def read_fill(row: Row, quirks: Quirks = BYBIT) -> FillRow | None:
    return normalise_fill(row, quirks=quirks)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Trade", FillKind.TRADE),
        ("BustTrade", FillKind.LIQUIDATION),
        ("AdlTrade", FillKind.ADL),
        ("Delivery", FillKind.DELIVERY),
        ("Settle", FillKind.DELIVERY),
    ],
)
def test_the_kind_of_an_execution(kind: str, expected: FillKind) -> None:
    fill = read_fill(fill_row(info={"execType": kind, "orderLinkId": ""}))
    assert fill is not None
    assert fill.kind is expected


@pytest.mark.parametrize("kind", ["Funding", "SessionSettlePnL", "Dividend"])
def test_a_cash_flow_among_the_executions_is_no_fill(kind: str) -> None:
    assert read_fill(fill_row(info={"execType": kind}, side=None, amount=None)) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"info": {"execType": "Surprise"}}, "quirks.kinds"),
        ({"id": None}, "id is missing"),
        ({"symbol": None}, "symbol is missing"),
        ({"timestamp": None}, "timestamp is missing"),
        ({"side": None}, "buy or sell"),
        ({"amount": None}, "amount is None"),
        ({"amount": "0"}, "amount is '0'"),
        ({"price": "-1"}, "price is '-1'"),
    ],
    ids=str,
)
def test_an_unreadable_fill_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(UnreadableRowError, match=problem):
        read_fill(fill_row(**changes))


@pytest.mark.parametrize(
    ("row", "client_id"),
    [
        (fill_row(), "c-1"),
        (fill_row(info={"execType": "Trade", "orderLinkId": ""}), ""),
        (fill_row(info={"execType": "Trade"}), None),
        (fill_row(clientOrderId="direct", info={}), "direct"),
    ],
)
def test_whose_order_it_was_none_means_not_said(row: Row, client_id: str | None) -> None:
    fill = read_fill(row)
    assert fill is not None
    assert fill.client_order_id == client_id


@pytest.mark.parametrize(("named", "currency"), [("MNT", "MNT"), ("", "BTC"), (None, "BTC")])
def test_the_venues_own_word_for_a_fees_currency_goes_before_ccxts_rule(named: str | None, currency: str) -> None:
    row = fill_row(fee={"cost": "0.5", "currency": "BTC"}, info={"execType": "Trade", "feeCurrency": named})
    fill = normalise_fill(row, quirks=BYBIT)
    assert fill is not None
    assert fill.fee_currency == currency


def test_fees_are_kept_and_rebates_stay_negative() -> None:
    fill = read_fill(fill_row(fee={"cost": "-3.36e-07", "currency": "BTC"}))
    assert fill is not None
    assert (fill.fee, fill.fee_currency, fill.side) == (D("-0.000000336"), "BTC", Side.BUY)
    without = read_fill(fill_row(fee=None))
    assert without is not None
    assert (without.fee, without.fee_currency) == (None, "")


# --- marks ---


def test_a_mark_is_a_mark_price_and_nothing_else() -> None:
    mark = normalise_mark({"symbol": BTC, "markPrice": "10", "bid": "9", "ask": "", "last": "99"}, quirks=CAUTIOUS)
    assert mark is not None
    assert (mark.mark, mark.bid, mark.ask) == (D(10), D(9), None)
    assert normalise_mark({"symbol": BTC, "last": "99", "info": {}}, quirks=BYBIT) is None
    from_info = normalise_mark({"symbol": BTC, "info": {"markPrice": "11"}}, quirks=BYBIT)
    assert from_info is not None
    assert from_info.mark == D(11)


@pytest.mark.parametrize("read", [read_position, read_order, read_fill], ids=lambda read: read.__name__)
def test_a_row_without_anything_is_refused_not_crashed_on(read: Callable[[Row], object]) -> None:
    with pytest.raises(UnreadableRowError):
        read({})


# --- sides that ccxt reads wrongly ---


@pytest.mark.parametrize(
    ("written", "ccxt_says", "side"),
    [("1", "buy", Side.BUY), ("2", "sell", Side.BUY), ("3", "3", Side.SELL), ("4", "4", Side.SELL)],
)
def test_mexc_numbers_its_sides_and_ccxt_knows_one_of_them(written: str, ccxt_says: str, side: Side) -> None:
    mexc, info = quirks_of("mexc"), {"side": written}
    assert normalise_order(order_row(side=ccxt_says, info=info), quirks=mexc).side is side
    fill = normalise_fill(fill_row(side=ccxt_says, info=info), quirks=mexc)
    assert fill is not None
    assert fill.side is side


def test_a_side_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnreadableRowError, match="side is '5'"):
        normalise_fill(fill_row(side="5", info={"side": "5"}), quirks=quirks_of("mexc"))
    assert normalise_order(order_row(side="sell", info={"side": "SELL"}), quirks=quirks_of("mexc")).side is Side.SELL
