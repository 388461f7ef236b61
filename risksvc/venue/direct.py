"""The venue read once, without a gate: the way to the truth when everything of ours is down.

Reads only: no order can be sent from here, whatever the settings allow. Several accounts are read at once, each for
itself: one that can't be reached is unknown, with the reason in words, and takes no other with it. Never raises for
what a venue or a setting is, and never shows a secret.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from risksvc.core.types import Instrument, RiskError, use_exact_arithmetic
from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.assessing import Assessor
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, StartError, read_failure

_MARKETS_WITHIN_S = 10.0  # what lists every instrument may be long; the look itself has its own limit


@dataclass(frozen=True, slots=True)
class DirectLook:
    """One account. `found` as a venue process would have told it to its gate."""

    account: str
    instruments: Mapping[str, Instrument]
    found: venue_pb2.FeedAssessment


def look_directly(
    configs: Sequence[VenueConfig], wanted: Mapping[str, Sequence[str]] | None = None
) -> list[DirectLook]:
    """Look at every account. `wanted`: by account, the books that are needed besides what is held."""
    use_exact_arithmetic()
    return asyncio.run(_all(configs, wanted or {}))


async def _all(configs: Sequence[VenueConfig], wanted: Mapping[str, Sequence[str]]) -> list[DirectLook]:
    return list(await asyncio.gather(*(_one(config, wanted.get(config.account, ())) for config in configs)))


async def _one(config: VenueConfig, wanted: Sequence[str]) -> DirectLook:
    try:
        connection = VenueConnection(replace(config, stream=False, allow_orders=False))
    except RiskError as error:
        return not_read(config.account, str(error))
    for exchange in (connection.poll, connection.command):
        exchange.timeout_on_exit = 0  # ccxt would sleep at its goodbye,
        exchange.enableRateLimit = False  # and between the few requests that list the instruments
    try:
        return await _look(connection, wanted)
    except (ReadFailure, StartError) as error:
        return not_read(config.account, str(error))
    finally:
        await connection.close()


async def _look(connection: VenueConnection, wanted: Sequence[str]) -> DirectLook:
    """The clock is a nicety that a look goes on without; the markets say what a row means."""
    _, markets = await asyncio.gather(connection.measure_clock(), _markets(connection), return_exceptions=True)
    if isinstance(markets, BaseException):
        raise markets
    look = await Assessor(connection).look(connection.known(wanted))
    return DirectLook(connection.config.account, connection.instruments, wire.assessment("", look).assessment)


async def _markets(connection: VenueConnection) -> None:
    try:
        async with asyncio.timeout(_MARKETS_WITHIN_S):
            await connection.load_markets()
    except TimeoutError as error:
        raise read_failure("markets", error) from error


def not_read(account: str, problem: str) -> DirectLook:
    """The look that could not be taken."""
    found = venue_pb2.FeedAssessment(problems=[f"positions: not read: {problem}"], complete=False)
    return DirectLook(account, {}, found)
