"""Makes the venue refuse an order that comes late, where it can: an order that hung on its way must not fill after all.

The window is fixed. What a venue needs for it is in `core/request_expiry.py`; where it has no such thing, nothing is
set, and the capability report says so.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from risksvc.core.request_expiry import DeadlineForm, ExpiryKind, RequestExpiry, request_expiry
from risksvc.venue.connection import VenueConnection

LATE_MS = 5_000  # Bybit's own default; a slow line and a clock that is a little off fit in


@contextmanager
def late_orders_refused(connection: VenueConnection) -> Iterator[Mapping[str, object]]:
    """Give the parameters that an order carries; what goes elsewhere is set while it is being sent."""
    expiry, exchange = request_expiry(connection.exchange_id), connection.command
    if expiry.kind is ExpiryKind.OPTION:  # signed into every request: one that is smaller already stays
        exchange.options[expiry.name] = min(int(exchange.options.get(expiry.name, LATE_MS)), LATE_MS)
    if expiry.kind is ExpiryKind.PARAM:
        yield {expiry.name: _deadline(expiry, connection)}
        return
    if expiry.kind is ExpiryKind.HEADER:  # only placing and amending look at it, so other requests may carry it
        exchange.headers[expiry.name] = str(_deadline(expiry, connection))
    try:
        yield {}
    finally:
        if expiry.kind is ExpiryKind.HEADER:
            exchange.headers.pop(expiry.name, None)


def _deadline(expiry: RequestExpiry, connection: VenueConnection) -> int | str:
    at_ms = connection.venue_now_ms() + LATE_MS
    if expiry.form is DeadlineForm.MILLISECONDS:
        return at_ms
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
