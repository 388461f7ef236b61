"""`risksvc venue check`, the part that knows ccxt: the report of one account's venue, and what a trial found.

`offline` makes no connection at all. Ends with a code as every command's: 0 usable, 2 it can't be used, 3 the venue
can't be reached now, 4 it refuses the key. Never raises for what a venue or a setting is.
"""

import asyncio
from dataclasses import dataclass

from risksvc.core.types import MalformedInputError, use_exact_arithmetic
from risksvc.venue.abilities import Finding, abilities_of
from risksvc.venue.capability import findings, unusable
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, StartError, read_failure
from risksvc.venue.guarded import build_exchange, exchange_class_of, exchange_id_of
from risksvc.venue.quirks import quirks_of
from risksvc.venue.trial import try_out

USABLE, UNUSABLE, UNREACHABLE, REFUSED = 0, 2, 3, 4
_LONGEST_S = 60.0  # of a whole trial; each request has a limit of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCheck:
    """What is known of one account's venue. `problem`: why it can't be used, in one line; empty: it can."""

    account: str
    exchange: str
    report: tuple[Finding, ...] = ()
    tried: tuple[Finding, ...] = ()
    problem: str = ""
    code: int = USABLE


def check_venue(config: VenueConfig, *, offline: bool) -> VenueCheck:
    """Make the report, and unless `offline` try it out."""
    use_exact_arithmetic()
    try:
        exchange_id, report = capability_report(config)
    except (StartError, MalformedInputError) as error:
        return VenueCheck(account=config.account, exchange=config.exchange, problem=str(error), code=UNUSABLE)
    tried, problem, code = _outcome(config, report, offline=offline)
    return VenueCheck(
        account=config.account, exchange=exchange_id, report=report, tried=tried, problem=problem, code=code
    )


def capability_report(config: VenueConfig) -> tuple[str, tuple[Finding, ...]]:
    """Give the exchange's id and its report; raises StartError or MalformedInputError."""
    exchange_id = exchange_id_of(exchange_class_of(config.exchange))
    quirks = quirks_of(exchange_id, config.quirks, spot=config.spot)
    exchange = build_exchange(config, quirks, throttled=True)
    return exchange_id, findings(abilities_of(exchange, config, quirks))


def _outcome(
    config: VenueConfig, report: tuple[Finding, ...], *, offline: bool
) -> tuple[tuple[Finding, ...], str, int]:
    if problem := unusable(report):
        return (), problem, UNUSABLE
    try:
        return (() if offline else asyncio.run(_tried(config))), "", USABLE
    except (StartError, MalformedInputError) as error:
        return (), str(error), UNUSABLE
    except ReadFailure as failure:
        if failure.permanent:
            return (), f"it refuses this key, or can't be read: {failure}", REFUSED
        return (), f"it can't be reached or read now: {failure}", UNREACHABLE


async def _tried(config: VenueConfig) -> tuple[Finding, ...]:
    connection = VenueConnection(config)
    try:
        async with asyncio.timeout(_LONGEST_S):
            return await try_out(connection)
    except TimeoutError as error:
        raise read_failure("positions", error) from error
    finally:
        await connection.close()
