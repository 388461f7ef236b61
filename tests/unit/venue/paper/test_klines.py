"""Candles: the minutes that a market has lived through, as public clients read them."""

from decimal import Decimal

import pytest

from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.klines import KEPT, Candles
from risksvc.venue.paper.market_data import kline, mark_price_kline
from risksvc.venue.paper.prices import BAR_MS
from tests.unit.venue.paper.builders import Venue

D = Decimal


def closes(candles: Candles, start: int, end: int, *, now: int) -> list[tuple[int, int]]:
    found = candles.between(start * BAR_MS, end * BAR_MS, now_ms=now * BAR_MS)
    return [(one.start_ms // BAR_MS, int(one.close)) for one in found]


def test_a_minute_holds_what_was_noted_in_it_and_begins_where_the_last_one_ended() -> None:
    candles = Candles()
    for now_ms, price in ((BAR_MS, 100), (BAR_MS + 1, 103), (BAR_MS + 2, 98), (2 * BAR_MS, 99)):
        candles.note(now_ms, D(price))
    first, second = candles.between(0, 10 * BAR_MS, now_ms=2 * BAR_MS)
    assert (first.open, first.high, first.low, first.close) == (D(100), D(103), D(98), D(98))
    assert (second.open, second.high, second.low, second.close) == (D(98), D(99), D(98), D(99))


def test_a_minute_without_a_note_stood_still_and_none_is_left_out() -> None:
    candles = Candles()
    candles.note(BAR_MS, D(100))
    candles.note(4 * BAR_MS, D(110))
    assert closes(candles, 0, 99, now=6) == [(1, 100), (2, 100), (3, 100), (4, 110), (5, 110), (6, 110)]
    assert closes(candles, 2, 5, now=6) == [(2, 100), (3, 100), (4, 110), (5, 110)]
    assert closes(Candles(), 0, 99, now=6) == []


def test_memory_is_bounded() -> None:
    candles = Candles()
    for minute in range(KEPT + 10):
        candles.note(minute * BAR_MS, D(minute + 1))
    assert closes(candles, 0, 10, now=KEPT + 9) == [(10, 11)]


def test_candles_as_they_are_asked_for() -> None:
    venue = Venue()
    venue.price("50000")
    venue.order("Buy", "0.5")
    start_ms = venue.engine.now_ms - venue.engine.now_ms % BAR_MS
    venue.wait(2 * BAR_MS)
    venue.price("51000")
    rows = kline(venue.call(category="linear", symbol="BTCUSDT", interval="1"))["list"]
    assert [int(row[0]) for row in rows] == [start_ms + 2 * BAR_MS, start_ms + BAR_MS, start_ms]
    assert (rows[0][4], rows[2][5]) == ("51000", "0.5")
    marks = mark_price_kline(
        venue.call(category="linear", symbol="BTCUSDT", interval="1", limit="1", end=str(start_ms))
    )
    assert [(row[0], len(row)) for row in marks["list"]] == [(str(start_ms), 5)]
    first = mark_price_kline(venue.call(category="linear", symbol="BTCUSDT", interval="1", start="0", limit="2"))
    assert first["list"] == [], "without an end, as many minutes as fit from the start on"


def test_another_interval_is_refused() -> None:
    venue = Venue()
    with pytest.raises(VenueError, match="interval 1"):
        kline(venue.call(category="linear", symbol="BTCUSDT", interval="60"))
