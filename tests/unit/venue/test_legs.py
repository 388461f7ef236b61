"""Hedge mode: two positions of one instrument, as venues' rows tell them; and one-way mode, which stays as it is."""

from decimal import Decimal

import pytest

from risksvc.core.types import ZERO
from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue import wire
from risksvc.venue.failures import ReadFailure, read_failure
from risksvc.venue.normalise import net_positions, normalise_fill, normalise_order, normalise_position
from risksvc.venue.quirks import CAUTIOUS, QUIRKS, FillKind, Leg, Quirks
from risksvc.venue.reader import Snapshot
from risksvc.venue.rows import FillRow, OrderRow, PositionRow, Row, UnknownInstrumentError, UnreadableRowError
from tests.unit.venue.builders import BYBIT, fill_row, linear, order_row, position_row

D = Decimal
OKX, BINANCE = QUIRKS["okx"], QUIRKS["binanceusdm"]


def netted(*rows: Row, quirks: Quirks = BYBIT) -> PositionRow:
    read = [normalise_position(row, instrument=linear(), quirks=quirks) for row in rows]
    (net,) = net_positions([row for row in read if row is not None])
    return net


def leg(name: str, side: str, contracts: str, *, key: str = "positionIdx") -> Row:
    return position_row(side=side, contracts=contracts, hedged=True, info={key: name, "seq": 7})


# --- positions ---


@pytest.mark.parametrize(
    ("quirks", "key", "long", "short"),
    [
        (BYBIT, "positionIdx", "1", "2"),
        (OKX, "posSide", "long", "short"),
        (BINANCE, "positionSide", "LONG", "SHORT"),
    ],
    ids=["bybit", "okx", "binance"],
)
def test_two_rows_become_one_position_with_both_quantities(quirks: Quirks, key: str, long: str, short: str) -> None:
    net = netted(leg(long, "long", "3", key=key), leg(short, "short", "5", key=key), quirks=quirks)
    assert (net.quantity, net.long, net.short) == (D(-2), D(3), D(5))
    assert net.sequence == 0, "the two legs were changed by different executions"


def test_equal_legs_are_flat_in_sum_and_still_a_position() -> None:
    net = netted(leg("1", "long", "3"), leg("2", "short", "3"))
    assert (net.quantity, net.long, net.short) == (ZERO, D(3), D(3))


def test_one_leg_alone_is_a_leg_though_the_other_is_not_listed() -> None:
    net = netted(leg("2", "short", "3"))
    assert (net.quantity, net.long, net.short) == (D(-3), ZERO, D(3))
    assert net.sequence == 0, "what closed the other leg may be later than this leg's own number"


def test_a_leg_of_zero_beside_the_other_changes_nothing() -> None:
    net = netted(leg("1", "long", "3"), leg("2", "short", "0"))
    assert (net.quantity, net.long, net.short) == (D(3), D(3), ZERO)


def test_ccxts_own_word_for_hedging_is_taken_where_the_table_names_no_key() -> None:
    net = netted(position_row(hedged=True, side="short"), quirks=CAUTIOUS)
    assert (net.long, net.short) == (ZERO, D(2))


@pytest.mark.parametrize("info", [{}, {"positionIdx": 0}, {"positionIdx": "0"}, {"positionIdx": None}], ids=str)
@pytest.mark.parametrize("hedged", [False, None])
def test_one_way_mode_has_no_legs(info: dict[str, object], hedged: object) -> None:
    net = netted(position_row(hedged=hedged, info={**info, "seq": "41"}))
    assert (net.quantity, net.long, net.short, net.sequence) == (D(2), None, None, 41)


def test_a_row_without_a_side_has_that_of_its_leg() -> None:
    net = netted(position_row(side=None, info={"posSide": "short"}), quirks=OKX)
    assert (net.quantity, net.short) == (D(-2), D(2))


def test_a_leg_that_contradicts_its_side_is_refused() -> None:
    with pytest.raises(UnreadableRowError, match="the short leg holds 2"):
        netted(position_row(info={"posSide": "short"}), quirks=OKX)


@pytest.mark.parametrize("seq", ["-1", "1.5", "many", "１", 2**64], ids=repr)  # noqa: RUF001 - a digit that is none
def test_a_sequence_number_that_is_none_is_refused(seq: object) -> None:
    with pytest.raises(UnreadableRowError, match="seq is"):
        netted(position_row(info={"seq": seq}))


# --- fills ---


def read_fill(side: str, closed: str | None, *, hedged: bool = True, quirks: Quirks = BYBIT) -> FillRow:
    info = {"execType": "Trade", "seq": 12, **({} if closed is None else {"closedSize": closed})}
    fill = normalise_fill(fill_row(side=side, amount="2", info=info), quirks=quirks, hedged=hedged)
    assert fill is not None
    return fill


@pytest.mark.parametrize(
    ("side", "closed", "expected"),
    [
        ("buy", "0", Leg.LONG),
        ("buy", "2", Leg.SHORT),
        ("buy", "2.000", Leg.SHORT),
        ("sell", "0", Leg.SHORT),
        ("sell", "2", Leg.LONG),
        ("buy", "", Leg.LONG),
        ("buy", None, None),
    ],
)
def test_the_leg_of_an_execution_follows_from_what_it_closed(side: str, closed: str | None, expected: Leg) -> None:
    assert read_fill(side, closed).leg is expected


@pytest.mark.parametrize("closed", ["1", "3", "-2"])
def test_an_execution_that_opens_and_closes_at_once_is_refused_in_hedge_mode(closed: str) -> None:
    with pytest.raises(UnreadableRowError, match=r"closedSize is .* never both"):
        read_fill("buy", closed)


@pytest.mark.parametrize("closed", ["0", "1", "2"])
def test_in_one_way_mode_an_execution_has_no_leg(closed: str) -> None:
    assert read_fill("buy", closed, hedged=False).leg is None


def test_a_leg_that_the_venue_names_needs_no_reckoning() -> None:
    row = fill_row(side="sell", info={"positionSide": "LONG"})
    fill = normalise_fill(row, quirks=BINANCE)
    assert fill is not None
    assert fill.leg is Leg.LONG
    both = normalise_fill(fill_row(info={"positionSide": "BOTH"}), quirks=BINANCE)
    assert both is not None
    assert both.leg is None


# --- orders ---


def read_order(**info: object) -> OrderRow:
    return normalise_order(order_row(info=info), quirks=BYBIT)


@pytest.mark.parametrize(("index", "expected"), [(0, None), (1, Leg.LONG), ("2", Leg.SHORT)])
def test_the_leg_of_an_order(index: object, expected: Leg | None) -> None:
    assert read_order(positionIdx=index).leg is expected


@pytest.mark.parametrize(
    ("kind", "attached"),
    [
        ("CreateByUser", False),
        ("CreateByTakeProfit", True),
        ("CreateByStopLoss", True),
        ("CreateByPartialStopLoss", True),
        ("CreateByLiq", False),
        ("", False),
    ],
)
def test_orders_that_the_venue_made_from_a_take_profit_or_stop_loss(kind: str, *, attached: bool) -> None:
    assert read_order(createType=kind).attached is attached


def test_the_parent_of_an_attached_order_where_the_venue_says_it() -> None:
    assert read_order(createType="CreateByStopLoss", parentOrderLinkId="c-0").parent_order_id == "c-0"
    assert read_order(createType="CreateByStopLoss", parentOrderLinkId="").parent_order_id == ""
    assert normalise_order(order_row(), quirks=CAUTIOUS).attached is False


# --- the wire ---


def test_legs_sequence_and_parents_reach_the_wire() -> None:
    net = netted(leg("1", "long", "3"), leg("2", "short", "5"))
    order = read_order(createType="CreateByTakeProfit", parentOrderLinkId="c-0", positionIdx=2)
    read = Snapshot((net, netted(position_row(info={"seq": 9}))), (order,), 1, 2, 3)
    shown = wire.snapshot(read, as_of_ns=1).snapshot
    hedged, one_way = shown.positions
    assert (hedged.quantity, hedged.long_quantity, hedged.short_quantity, hedged.sequence) == ("-2", "3", "5", 0)
    assert (one_way.long_quantity, one_way.short_quantity, one_way.sequence) == ("", "", 9)
    (working,) = shown.open_orders
    assert (working.attached, working.parent_order_id, working.leg) == (True, "c-0", venue_pb2.POSITION_LEG_SHORT)


def test_fills_carry_leg_and_sequence_and_transfers_their_kind() -> None:
    fill = read_fill("sell", "2")
    moved = FillRow(
        symbol="BTC",
        trade_id="l-1",
        venue_order_id="",
        client_order_id="",
        side=fill.side,
        quantity=D(1),
        price=D(1),
        fee=None,
        fee_currency="",
        venue_time_ms=1,
        kind=FillKind.TRANSFER,
    )
    (message,) = wire.fills([fill, moved])
    first, second = message.fills.fills
    assert (first.leg, first.sequence, first.side) == (venue_pb2.POSITION_LEG_LONG, 12, types_pb2.SIDE_SELL)
    assert (second.kind, second.leg) == (venue_pb2.FILL_KIND_TRANSFER, venue_pb2.POSITION_LEG_UNSPECIFIED)


def test_a_failure_names_the_instrument_that_is_not_known() -> None:
    failure = read_failure("positions", UnknownInstrumentError("positions", "NEWUSDT", "not loaded"))
    assert failure.markets_stale
    assert wire.read_failure(failure).read_failure.unknown_instrument == "NEWUSDT"
    for other in (ReadFailure("fills", "x"), ReadFailure.unlisted("fills", "x", "not a name")):
        assert wire.read_failure(other).read_failure.unknown_instrument == ""


def test_every_venue_with_named_legs_can_read_them() -> None:
    for name, quirks in QUIRKS.items():
        assert not quirks.leg_key or set(quirks.leg_values.values()) == set(Leg), name
