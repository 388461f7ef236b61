"""Order books of every unit become the order unit; order and crossing are never taken on trust."""

import pytest

from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.types import Instrument, InstrumentKind, MalformedInputError
from risksvc.venue.books import normalise_book
from risksvc.venue.quirks import quirks_of
from risksvc.venue.rows import UnreadableRowError
from tests.unit.core.catalogue import D
from tests.unit.venue.builders import BTC, BYBIT, inverse, linear

SPOT = Instrument("BTC/USDT", InstrumentKind.SPOT, "BTC", "USDT", D(1))


def book(bids: object, asks: object, instrument: Instrument | None = None, unit: str = "order") -> Book:
    quirks = quirks_of("bybit", {"book_unit": unit})
    return normalise_book({"bids": bids, "asks": asks}, instrument=instrument or linear(), quirks=quirks)


def test_text_prices_are_sorted_as_numbers() -> None:
    # As ccxt sorts them with numbers as text.
    read = book([["99", "1"], ["101", "2"], ["100", "3"]], [["102", "1"], ["1000", "2"], ["103", "3", "a count"]])
    assert [level.price for level in read.bids] == [101, 100, 99]
    assert [level.price for level in read.asks] == [102, 103, 1000]


def test_levels_that_hold_nothing_are_left_out() -> None:
    assert book([["99", "0"], ["98", "1"]], []) == Book(bids=(Level(D(98), D(1)),), asks=())


@pytest.mark.parametrize(
    ("unit", "instrument", "expected"),
    [
        ("order", linear(contract_size="0.01"), "5"),
        ("base", linear(contract_size="0.01"), "500"),
        ("base", SPOT, "5"),
        ("base", inverse(contract_size="10"), "25000"),  # 5 BTC at 50,000, in contracts of 10 USD
        ("quote", inverse(contract_size="10"), "0.5"),
        ("quote", linear(contract_size="0.01"), "0.01"),  # 5 USDT at 50,000 are 0.0001 BTC
        ("order", inverse(), "5"),
    ],
)
def test_amounts_come_in_the_order_unit(unit: str, instrument: Instrument, expected: str) -> None:
    read = book([["50000", "5"]], [], instrument, unit)
    assert read.bids == (Level(D(50000), D(expected)),)


def test_a_unit_that_does_not_exist_is_refused() -> None:
    with pytest.raises(MalformedInputError, match="allowed: order, base, quote"):
        quirks_of("bybit", {"book_unit": "contracts"})


@pytest.mark.parametrize(
    ("bids", "asks", "says"),
    [
        (None, [], "not a list of levels"),
        ([], "nothing", "not a list of levels"),
        ([["99"]], [], "not a price and an amount"),
        (["99"], [], "not a price and an amount"),
        ([["ninety", "1"]], [], "price is 'ninety'"),
        ([["99", "-1"]], [], "amount is '-1'"),
        ([["99", None]], [], "amount is None"),
        ([["101", "1"]], [["100", "1"]], "crossed"),
    ],
)
def test_a_book_that_can_not_be_read_is_refused(bids: object, asks: object, says: str) -> None:
    with pytest.raises(UnreadableRowError, match=says) as refused:
        normalise_book({"bids": bids, "asks": asks}, instrument=linear(), quirks=BYBIT)
    assert refused.value.what == "book"
    assert refused.value.where.startswith(BTC)
