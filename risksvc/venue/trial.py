"""What a capability report can't know without asking: the venue's clock, its markets, and what the key may do.

One measurement of the clock, one load of the markets, one complete read: nothing is written, nothing is cancelled, no
gate is told. Raises ReadFailure as every read does.
"""

from collections import Counter
from collections.abc import Sequence

from risksvc.core.types import InstrumentKind
from risksvc.venue.abilities import Finding, Verdict
from risksvc.venue.bybit import key_may_order
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import failing_as
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import FillRow

HOUR_MS = 3_600_000
_YES, _PARTLY, _NO = Verdict.YES, Verdict.PARTLY, Verdict.NO


async def try_out(connection: VenueConnection) -> tuple[Finding, ...]:
    """Ask the venue; without a key, only what needs none."""
    public = [await _clock(connection), await _markets(connection)]
    if not connection.config.secrets():
        return (*public, Finding("key", _PARTLY, "none was given: what it may do was not tried"))
    return (*public, await _key(connection), await _read(connection), await _legs(connection))


async def _clock(connection: VenueConnection) -> Finding:
    await connection.measure_clock()
    if connection.poll.has.get("fetchTime") is not True:
        return Finding("clock offset", _NO, "the venue tells no time")
    ahead_ms = -int(connection.poll.options.get("timeDifference", 0))
    where = "ahead of" if ahead_ms >= 0 else "behind"
    return Finding("clock offset", _YES, f"the venue is {abs(ahead_ms):,} ms {where} this machine, the way included")


async def _markets(connection: VenueConnection) -> Finding:
    await connection.load_markets()
    kinds = Counter(each.kind for each in connection.instruments.values())
    counts = ", ".join(f"{kinds[kind]:,} {kind.value.lower()}" for kind in InstrumentKind if kinds[kind])
    unlisted = sorted(set(connection.config.instruments) - connection.instruments.keys())
    if unlisted:
        says = f"{counts}; not among them: {', '.join(unlisted)}"
        return Finding("markets", _PARTLY, says, "mend venue.instruments")
    return Finding("markets", _YES, counts)


async def _key(connection: VenueConnection) -> Finding:
    await connection.check_key()
    wanted = connection.config.allow_orders
    if connection.quirks.listing != "bybit":
        says = "it reads the account; whether it may place orders, the venue doesn't tell"
        return Finding("key", _PARTLY if wanted else _YES, says, "the first cancel will show" if wanted else "")
    with failing_as("positions", connection.config.secrets()):
        may = await key_may_order(connection.command)
    if wanted and not may:
        return Finding("key", _NO, "it reads only, though allow_orders is set: it can't cancel", "give a trade key")
    if may and not wanted:
        return Finding("key", _PARTLY, "it may place orders, which this process needs not", "give a read-only key")
    return Finding("key", _YES, "it may read and cancel" if may else "it reads only")


async def _read(connection: VenueConnection) -> Finding:
    seen: list[FillRow] = []

    def count(fills: Sequence[FillRow]) -> None:
        seen.extend(fills)

    now_ms, orders = connection.venue_now_ms(), OrderIds()
    cursor = FillCursor(since_ms=now_ms - HOUR_MS, now_ms=now_ms, overlaps=dict.fromkeys(Reach, 0), orders=orders)
    read = await AccountReader(connection, cursor=cursor, orders=orders, pass_on=count).read()
    says = (
        f"{len(read.positions)} positions, {len(read.open_orders)} open orders, {len({each.key for each in seen})} "
        f"fills within the hour, read in {read.duration_ms:,} ms"
    )
    if read.duration_ms > connection.config.positions_every_ms:
        every = f"{connection.config.positions_every_ms:,} ms"
        return Finding("complete read", _PARTLY, f"{says}: longer than a cadence of {every}", "a slower cadence")
    return Finding("complete read", _YES, says)


async def _legs(connection: VenueConnection) -> Finding:
    """Count the instruments that two rows are listed for: the account is in hedge mode."""
    if connection.quirks.options.get("defaultType") == "spot":
        return Finding("hedge rows", _YES, "does not apply to a spot account")
    with failing_as("positions", connection.config.secrets()):
        rows = (await connection.poll_listing.positions()).rows
    both = sorted(symbol for symbol, count in Counter(str(row.get("symbol")) for row in rows).items() if count > 1)
    if connection.hedge_mode and not both:
        says = "the account is in hedge mode: a reduce-only order acts on one leg, and counts as an ordinary order"
        return Finding("hedge rows", _PARTLY, says, "see hedge mode")
    if not both:
        return Finding("hedge rows", _YES, "none: no instrument is listed with two legs")
    says = f"two rows each for {', '.join(both)}: the account is in hedge mode"
    return Finding("hedge rows", _PARTLY, says, "see hedge mode")
