"""The cursor over fills: late, duplicate, out of order, and whose they are."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risksvc.core.types import Side
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.quirks import FillKind
from risksvc.venue.rows import FillRow, OrderRow, OrderStatus
from tests.unit.venue.builders import BTC, ETH

NOW = 1_700_000_000_000
OVERLAPS = {Reach.SHORT: 2_000, Reach.USUAL: 10_000, Reach.DEEP: 120_000}


def fill(trade_id: str, at_ms: int, *, client_id: str | None = "c-1", symbol: str = BTC) -> FillRow:
    return FillRow(
        symbol=symbol,
        trade_id=trade_id,
        venue_order_id="v-1",
        client_order_id=client_id,
        side=Side.BUY,
        quantity=Decimal(1),
        price=Decimal(100),
        fee=None,
        fee_currency="",
        venue_time_ms=at_ms,
        kind=FillKind.TRADE,
    )


def cursor(since_ms: int = NOW, orders: OrderIds | None = None) -> FillCursor:
    return FillCursor(since_ms=since_ms, now_ms=NOW, overlaps=OVERLAPS, orders=orders or OrderIds())


def ids(fills: list[FillRow]) -> list[str]:
    return [each.trade_id for each in fills]


def test_each_fill_is_new_once() -> None:
    """ccxt#18854, #9409: duplicates after a reconnect, fills of the same millisecond."""
    reading = cursor()
    assert ids(reading.absorb([fill("b", NOW + 5), fill("a", NOW + 5)], NOW + 10)) == ["a", "b"]
    assert ids(reading.absorb([fill("a", NOW + 5), fill("c", NOW + 5)], NOW + 20)) == ["c"]
    assert ids(reading.absorb([fill("a", NOW + 5, symbol=ETH)], NOW + 30)) == ["a"], "ids are unique per instrument"


def test_a_read_starts_before_the_last_complete_one_ended() -> None:
    reading = cursor()
    assert reading.start_ms() == NOW - 10_000
    reading.absorb([], NOW + 60_000)
    assert reading.start_ms(Reach.USUAL) == NOW + 50_000
    assert reading.start_ms(Reach.SHORT) == NOW + 58_000
    assert reading.start_ms(Reach.DEEP) == NOW - 60_000
    reading.absorb([], NOW + 30_000)
    assert reading.start_ms() == NOW + 50_000, "an answer that was overtaken does not take it back"


def test_a_fill_that_was_listed_late_is_still_new() -> None:
    reading = cursor()
    reading.absorb([fill("a", NOW + 5)], NOW + 20_000)
    assert ids(reading.absorb([fill("late", NOW + 1)], NOW + 21_000)) == ["late"]


def test_from_now_on_means_nothing_that_the_first_snapshot_includes() -> None:
    reading = cursor(since_ms=0)
    assert reading.absorb([fill("old", NOW - 5), fill("same", NOW + 10)], NOW + 10) == []
    assert reading.absorb([fill("late", NOW + 9), fill("old", NOW - 5)], NOW + 20) == []
    assert ids(reading.absorb([fill("same", NOW + 10), fill("new", NOW + 10)], NOW + 30)) == ["new"]


def test_memory_is_bounded_by_the_longest_overlap() -> None:
    reading = cursor()
    for minute in range(30):
        at = NOW + minute * 60_000
        reading.absorb([fill(f"{minute}-{number}", at + number) for number in range(100)], at + 1_000)
    assert len(reading._seen) <= 500


def test_an_unresolved_fill_is_passed_on_again_when_its_order_is_known() -> None:
    orders = OrderIds()
    reading = cursor(orders=orders)
    (unknown,) = reading.absorb([fill("a", NOW, client_id=None)], NOW + 1)
    assert unknown.client_order_id is None
    assert reading.resolve_known() == []
    orders.learn([OrderRow(symbol=BTC, client_order_id="mine", venue_order_id="v-1", status=OrderStatus.OPEN)])
    assert [each.client_order_id for each in reading.resolve_known()] == ["mine"]
    assert reading.unresolved() == []


def test_a_fill_of_a_known_order_is_resolved_at_once() -> None:
    orders = OrderIds()
    orders.learn([OrderRow(symbol=BTC, client_order_id="mine", venue_order_id="v-1", status=OrderStatus.OPEN)])
    reading = cursor(orders=orders)
    (known,) = reading.absorb([fill("a", NOW, client_id=None)], NOW + 1)
    assert known.client_order_id == "mine"


@pytest.mark.parametrize("change", [{"venue_order_id": ""}, {"kind": FillKind.LIQUIDATION}], ids=str)
def test_what_no_look_up_could_resolve_is_not_waited_for(change: dict[str, object]) -> None:
    reading = cursor()
    (final,) = reading.absorb([replace(fill("a", NOW, client_id=None), **change)], NOW + 1)  # type: ignore[arg-type]
    assert final.client_order_id == ""
    assert reading.unresolved() == []


def test_fills_say_how_much_of_an_order_is_done_when_the_order_says_less() -> None:
    orders = OrderIds()
    reading = cursor(orders=orders)
    reading.absorb([fill("a", NOW), fill("b", NOW + 1)], NOW + 2)
    reading.absorb([fill("a", NOW), fill("b", NOW + 1)], NOW + 3)
    shown = OrderRow(symbol=BTC, client_order_id="c-1", venue_order_id="v-1", quantity=Decimal(5))
    orders.learn([shown])
    assert orders.client_id(fill("a", NOW)) is None, "what was not found teaches nothing"
    assert orders.filled(shown) == Decimal(2)
    assert orders.filled(replace(shown, filled=Decimal(4))) == Decimal(4)
