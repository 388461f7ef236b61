"""Order books of the venues in the table, by the real ccxt classes: they can be asked for, and come as written.

`quirks.book_unit` says "order" for all of them: ccxt hands a book's amounts on as the venue writes them, and an order's
amount as it is given, so both count the same. Should a release of ccxt begin to convert one of the two, this fails.
"""

import inspect

import ccxt.async_support
import pytest

from risksvc.venue.quirk_fields import BOOK_UNITS
from risksvc.venue.quirks import QUIRKS
from tests.unit.venue.test_table_against_ccxt import HERE, first_request

pytestmark = pytest.mark.usefixtures("no_sockets")

ON_THE_WAY = (
    "fetch_order_book",
    "parse_order_book",
    "parse_order_book_bids_asks",
    "parse_order_book_bid_ask",
    "custom_parse_order_book",
    "custom_parse_bid_ask",
)
CONVERSIONS = ("contractSize", "contract_size", "string_mul", "string_div")


@pytest.mark.parametrize("venue", HERE)
async def test_a_book_of_so_many_levels_can_be_asked_for(venue: str) -> None:
    levels = QUIRKS[venue].book_levels or None
    sent = await first_request(venue, lambda exchange, symbol: exchange.fetch_order_book(symbol, levels))
    assert sent.startswith(("GET ", "POST "))


@pytest.mark.parametrize("venue", HERE)
def test_ccxt_converts_no_amount_of_a_book(venue: str) -> None:
    kind = getattr(ccxt.async_support, venue)
    sources = [inspect.getsource(getattr(kind, name)) for name in ON_THE_WAY if hasattr(kind, name)]
    assert len(sources) >= 4
    assert not [word for word in CONVERSIONS for source in sources if word in source]
    assert QUIRKS[venue].book_unit == BOOK_UNITS[0]
