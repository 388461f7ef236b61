"""Each of ccxt's position venues, with the network cut off: a report or a refusal in one line, never a stack trace."""

import asyncio
import functools

import ccxt.async_support
import pytest

from risksvc.venue.abilities import Finding
from risksvc.venue.capability import RULES
from risksvc.venue.check import UNUSABLE, USABLE, check_venue
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, StartError
from risksvc.venue.quirks import QUIRKS
from tests.unit.venue.builders import settings
from tests.unit.venue.cut_off import cut_off

pytestmark = pytest.mark.usefixtures("no_sockets")

AT_MOST_S = 10.0  # for one attempt to connect; it takes a fraction of a second
LEAST_VENUES = 55  # ccxt adds and drops some with every release; the text of this project says sixty-odd


@functools.cache
def position_venues() -> tuple[str, ...]:
    library = ccxt.async_support
    return tuple(
        name for name in sorted(set(library.exchanges)) if getattr(library, name)().has.get("fetchPositions") is True
    )


def config_of(venue: str) -> VenueConfig:
    return settings(exchange=venue, credentials={"password": "PHRASE", "uid": "UID"})


def one_line(text: str) -> bool:
    return bool(text.strip()) and "\n" not in text and "Traceback" not in text


def test_there_are_sixty_odd_of_them() -> None:
    assert len(position_venues()) >= LEAST_VENUES
    listed = set(QUIRKS) - {"bitmart", "kraken", "coinbase"}
    assert listed & set(position_venues()) >= {"bybit", "okx", "binanceusdm", "dydx"}


def test_each_gives_a_report_or_a_refusal_in_one_line() -> None:
    usable = set()
    for venue in position_venues():
        check = check_venue(config_of(venue), offline=True)
        assert [row.name for row in check.report] == [row.name for row in check_venue_of_bybit()], venue
        assert all(one_line(row.line) for row in check.report), venue
        assert (check.code == USABLE) == (not check.problem), venue
        assert check.code in (USABLE, UNUSABLE), venue
        if check.problem:
            assert one_line(check.problem), venue
        else:
            usable.add(venue)
    assert len(usable) > len(position_venues()) // 2
    assert usable >= {"bybit", "okx", "binanceusdm", "bitget", "gate", "kucoinfutures", "hyperliquid", "krakenfutures"}


@functools.cache
def check_venue_of_bybit() -> tuple[Finding, ...]:
    report = check_venue(config_of("bybit"), offline=True).report
    assert len(report) == len(RULES)
    return report


async def attempt(venue: str) -> Exception:
    """Builds the connection and tries to connect; gives what ended it."""
    try:
        async with asyncio.timeout(AT_MOST_S), cut_off(VenueConnection(config_of(venue))) as connection:
            await connection.measure_clock()
            await connection.load_markets()
            await connection.check_key()
    except (ReadFailure, StartError) as end:
        return end
    raise AssertionError(f"{venue} connected with the network cut off")


async def test_each_ends_an_attempt_to_connect_cleanly_and_soon() -> None:
    ends = await asyncio.gather(*(attempt(venue) for venue in position_venues()))
    for venue, end in zip(position_venues(), ends, strict=True):
        assert one_line(str(end)), venue
        refused = isinstance(end, StartError)
        report = check_venue(config_of(venue), offline=True)
        # What the process refuses at its start, the report has said before.
        assert not refused or report.problem, f"{venue}: {end}"
        assert refused or not end.permanent, f"{venue}: {end}"  # type: ignore[attr-defined]
    reached = [end for end in ends if isinstance(end, ReadFailure)]
    assert all("ExchangeNotAvailable" in str(end) for end in reached), [str(end) for end in reached]
    assert len(reached) > len(ends) // 2
