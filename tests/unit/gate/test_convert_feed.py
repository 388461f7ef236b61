import re
from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.types import InstrumentKind, MalformedInputError
from risksvc.core.venue_events import FillKind, VenueStatus
from risksvc.gate import convert_feed
from risksvc.v1 import types_pb2, venue_pb2

NOW = 1_000_000


def instrument(**fields: Any) -> venue_pb2.InstrumentDefinition:  # noqa: ANN401 - fields by name
    usual: dict[str, Any] = {
        "instrument": "BTC/USDT:USDT",
        "kind": venue_pb2.INSTRUMENT_KIND_LINEAR,
        "base": "BTC",
        "quote": "USDT",
        "contract_size": "0.001",
    }
    return venue_pb2.InstrumentDefinition(**{**usual, **fields})


def hello(**fields: Any) -> venue_pb2.FeedHello:  # noqa: ANN401
    usual: dict[str, Any] = {
        "account": "main",
        "venue": "bybit",
        "instruments": [instrument()],
        "client_order_id_max_length": 36,
        "client_order_id_characters": "A-Za-z0-9_-",
    }
    return venue_pb2.FeedHello(**{**usual, **fields})


def order(**fields: Any) -> venue_pb2.FeedOrder:  # noqa: ANN401
    usual: dict[str, Any] = {
        "instrument": "B",
        "venue_order_id": "v",
        "side": types_pb2.SIDE_BUY,
        "quantity": "2",
        "filled": "1",
        "status": venue_pb2.VENUE_ORDER_STATUS_OPEN,
    }
    return venue_pb2.FeedOrder(**{**usual, **fields})


def snapshot(**fields: Any) -> venue_pb2.FeedSnapshot:  # noqa: ANN401
    usual: dict[str, Any] = {"as_of_gate_time_ns": NOW, "window_start_ms": 1, "window_end_ms": 2}
    return venue_pb2.FeedSnapshot(**{**usual, **fields})


def fill(**fields: Any) -> venue_pb2.FeedFill:  # noqa: ANN401
    usual: dict[str, Any] = {
        "instrument": "B",
        "trade_id": "t",
        "side": types_pb2.SIDE_SELL,
        "quantity": "1",
        "price": "2",
        "venue_time_ms": 5,
    }
    return venue_pb2.FeedFill(**{**usual, **fields})


def test_a_hello_is_read() -> None:
    found = convert_feed.whole(
        convert_feed.feed_connected(hello(can_cancel=True, enforces_reduce_only=True, software="x 1"))
    )
    assert found.instruments[0].kind is InstrumentKind.LINEAR
    assert found.instruments[0].quantity_step is None
    assert (found.can_cancel, found.enforces_reduce_only, found.id_max_length) == (True, True, 36)


@pytest.mark.parametrize("body", ["A-Za-z0-9_-", r".A-Z:/a-z0-9_-", "a-fx0-9", "A-Za-z0-9", r"a-z\-"])
def test_character_classes_of_real_venues(body: str) -> None:
    found = convert_feed.whole(convert_feed.feed_connected(hello(client_order_id_characters=body)))
    assert re.fullmatch(f"[{found.id_characters}]+", "abc")


@pytest.mark.parametrize(
    "body", ["", "]", "a]b", "^a", "z-a", "[a", "a&&b", "a--b", r"\w", "a b", "é", "x" * 101, "\\"]
)
def test_a_character_class_that_is_none_is_refused(body: str) -> None:
    with pytest.raises(MalformedInputError, match=r"hello\.client_order_id_characters"):
        convert_feed.whole(convert_feed.feed_connected(hello(client_order_id_characters=body)))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"account": ""}, "hello.account"),
        ({"venue": "a b"}, "hello.venue"),
        ({"client_order_id_max_length": 0}, "hello.client_order_id_max_length"),
        ({"client_order_id_max_length": 256}, "hello.client_order_id_max_length"),
        ({"software": "a\nb"}, "hello.software"),
        ({"instruments": [instrument(), instrument()]}, "hello.instruments"),
        ({"instruments": [instrument(kind=0)]}, "hello.instruments[0].kind"),
        ({"instruments": [instrument(contract_size="0")]}, "hello.instruments[0].contract_size"),
        ({"instruments": [instrument(quantity_step="-1")]}, "hello.instruments[0].quantity_step"),
        ({"instruments": [instrument(), instrument(instrument="x y")]}, "hello.instruments[1].instrument"),
    ],
)
def test_a_malformed_hello_names_the_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedInputError) as error:
        convert_feed.whole(convert_feed.feed_connected(hello(**fields)))
    assert error.value.field == field


def test_a_snapshot_is_read() -> None:
    position = venue_pb2.FeedPosition(instrument="B", quantity="-2", entry_price="5", unrealised_pnl="-0.5")
    read = convert_feed.whole(
        convert_feed.snapshot(snapshot(positions=[position], open_orders=[order()]), "main", now=NOW)
    )
    assert read.as_of == NOW
    assert (read.positions[0].quantity, read.positions[0].unrealised_pnl) == (Decimal(-2), Decimal("-0.5"))
    assert read.open_orders[0].status is VenueStatus.OPEN


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"as_of_gate_time_ns": 0}, "snapshot.as_of_gate_time_ns"),
        ({"as_of_gate_time_ns": -1}, "snapshot.as_of_gate_time_ns"),
        ({"as_of_gate_time_ns": NOW + 1}, "snapshot.as_of_gate_time_ns"),
        ({"window_start_ms": 0}, "snapshot.window_start_ms"),
        ({"window_start_ms": 3}, "snapshot.window_start_ms"),
        ({"positions": [venue_pb2.FeedPosition(instrument="B", quantity="")]}, "snapshot.positions[0].quantity"),
        ({"positions": [venue_pb2.FeedPosition(instrument="B", quantity="1")] * 2}, "snapshot.positions"),
        ({"open_orders": [order(), order()]}, "snapshot.open_orders"),
        ({"open_orders": [order(filled="3")]}, "snapshot.open_orders[0].filled"),
        ({"open_orders": [order(filled="-1")]}, "snapshot.open_orders[0].filled"),
        ({"open_orders": [order(side=0)]}, "snapshot.open_orders[0].side"),
        ({"open_orders": [order(status=0)]}, "snapshot.open_orders[0].status"),
        (
            {"open_orders": [order(status=venue_pb2.VENUE_ORDER_STATUS_FILLED)]},
            "snapshot.open_orders[0].status",
        ),
        ({"open_orders": [order(venue_order_id="")]}, "snapshot.open_orders[0].venue_order_id"),
    ],
)
def test_a_malformed_snapshot_is_refused_whole(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedInputError) as error:
        convert_feed.whole(convert_feed.snapshot(snapshot(**fields), "main", now=NOW))
    assert error.value.field == field


def test_marks_come_in_small_parts_of_one_read() -> None:
    rows = [venue_pb2.FeedMark(instrument=f"I{i}", mark="1") for i in range(60)]
    parts = convert_feed.whole(
        convert_feed.marks(venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=NOW), "main", now=NOW)
    )
    assert [len(part.marks) for part in parts] == [25, 25, 10]
    assert {part.as_of for part in parts} == {NOW}


@pytest.mark.parametrize("wrong", [{"mark": "0"}, {"mark": ""}, {"mark": "1", "bid": "x"}, {"mark": "1", "ask": "-1"}])
def test_one_wrong_mark_refuses_all(wrong: dict[str, str]) -> None:
    rows = [venue_pb2.FeedMark(instrument="A", mark="1"), venue_pb2.FeedMark(instrument="B", **wrong)]
    with pytest.raises(MalformedInputError, match=r"marks\.marks\[1\]"):
        convert_feed.whole(convert_feed.marks(venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=NOW), "main", now=NOW))


def test_fills_are_read_in_parts() -> None:
    rows = [fill(trade_id=f"t{i}", fee="-0.1", fee_currency="USDT") for i in range(60)]
    parts = convert_feed.whole(convert_feed.fills(venue_pb2.FeedFills(fills=rows)))
    assert [len(part) for part in parts] == [25, 25, 10]
    assert parts[0][0].kind is FillKind.TRADE
    assert convert_feed.whole(convert_feed.fills(venue_pb2.FeedFills())) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"trade_id": ""}, "trade_id"),
        ({"quantity": "0"}, "quantity"),
        ({"price": ""}, "price"),
        ({"venue_time_ms": 0}, "venue_time_ms"),
        ({"kind": 9}, "kind"),
        ({"fee": "x"}, "fee"),
        ({"side": 0}, "side"),
    ],
)
def test_a_malformed_fill_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedInputError) as error:
        convert_feed.whole(convert_feed.fills(venue_pb2.FeedFills(fills=[fill(), fill(**fields)])))
    assert error.value.field == f"fills.fills[1].{field}"


def test_an_order_that_the_venue_does_not_know_needs_only_its_name() -> None:
    missing = venue_pb2.FeedOrder(instrument="B", client_order_id="c", status=venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND)
    finished = order(status=venue_pb2.VENUE_ORDER_STATUS_CANCELLED)
    states = venue_pb2.FeedOrderStates(orders=[missing, finished], as_of_gate_time_ns=NOW)
    (read,) = convert_feed.whole(convert_feed.order_states(states, "main", now=NOW))
    assert [one.status for one in read.orders] == [VenueStatus.NOT_FOUND, VenueStatus.CANCELLED]
    assert (read.orders[0].client_order_id, read.orders[0].venue_order_id) == ("c", "")


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert_feed, "MAX_ROWS", 1)
    with pytest.raises(MalformedInputError, match="at most 1"):
        convert_feed.whole(convert_feed.fills(venue_pb2.FeedFills(fills=[fill(), fill()])))


def test_a_long_message_is_read_in_steps_of_a_few_rows() -> None:
    rows = [order(client_order_id=f"c{number}") for number in range(60)]
    states = venue_pb2.FeedOrderStates(orders=rows, as_of_gate_time_ns=NOW)
    steps = convert_feed.order_states(states, "main", now=NOW)
    assert [next(steps), next(steps)] == [None, None]
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert [len(part.orders) for part in done.value.value] == [25, 25, 10]
