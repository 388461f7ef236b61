"""A look at the venue itself, by the account's feed: never from the ledger, and never in its place.

A feed that is not connected, hangs or can't read gives a look that is not complete, with the reason in words: unknown,
never flat. Nothing here raises for what a feed or a venue does.
"""

import asyncio
from collections.abc import Mapping, Sequence

from risksvc.core.incident.venue_look import VenueLook, not_seen
from risksvc.gate.app import GateApp
from risksvc.gate.feeds import FeedError
from risksvc.gate.incident.convert_look import venue_look

LOOK_WITHIN_SECONDS = 8.0  # the feed ends its own look after 5


async def look(app: GateApp, account: str, instruments: Sequence[str]) -> VenueLook:
    """What the venue shows of one account now; `instruments`: books wanted besides what is held and worked."""
    try:
        found = await app.feeds.assess(account, instruments, within_seconds=LOOK_WITHIN_SECONDS)
    except FeedError as error:
        return not_seen(f"positions: {error}")
    return venue_look(found)


async def look_at_all(app: GateApp, wanted: Mapping[str, Sequence[str]]) -> dict[str, VenueLook]:
    """The same for several accounts at once, by account."""
    found = await asyncio.gather(*(look(app, account, instruments) for account, instruments in wanted.items()))
    return dict(zip(wanted, found, strict=True))
