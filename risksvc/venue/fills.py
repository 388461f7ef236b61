"""What this feed knows of fills: how far they have been read, which were passed on, and which order each belongs to.

Pure bookkeeping. Invariants: a fill is passed on once as new, and once more when its order has been found; memory is
bounded by the overlap (fills) and by a cap (orders). Reading always starts before the last complete read ended, because
venues list fills late and several within one millisecond.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from itertools import takewhile
from typing import TypeVar

from risksvc.core.types import ZERO
from risksvc.venue.quirks import FillKind
from risksvc.venue.rows import FillRow, OrderRow, OrderStatus

T = TypeVar("T")

_KEPT_MS = 60_000  # beyond the longest overlap
_MAX_ORDERS = 200_000
_MAX_EARLY = 10_000  # fills that a stream tells before the first read; what does not fit is read


class Reach(Enum):
    """How far behind the last complete read a read starts: after a look-up, at each poll, now and then."""

    SHORT = "SHORT"
    USUAL = "USUAL"
    DEEP = "DEEP"


class OrderIds:
    """Which client order id an order of the venue carries, and how much of it is known to be filled."""

    def __init__(self) -> None:
        self._client_ids: dict[tuple[str, str], str] = {}
        self._filled: dict[tuple[str, str], Decimal] = {}

    def learn(self, orders: Iterable[OrderRow]) -> None:
        """Remember orders that were read."""
        for order in orders:
            if order.venue_order_id and order.status is not OrderStatus.NOT_FOUND:
                _put(self._client_ids, (order.symbol, order.venue_order_id), order.client_order_id)

    def client_id(self, fill: FillRow) -> str | None:
        """Give the client id of a fill's order; None when it is not known."""
        return self._client_ids.get((fill.symbol, fill.venue_order_id))

    def count(self, fill: FillRow) -> None:
        """Add a new fill to its order."""
        key = (fill.symbol, fill.venue_order_id)
        _put(self._filled, key, self._filled.get(key, ZERO) + fill.quantity)

    def filled(self, order: OrderRow) -> Decimal:
        """Give what the fills say; venues have shown orders as cancelled with nothing filled that were executed."""
        return max(order.filled, self.counted(order))

    def counted(self, order: OrderRow) -> Decimal:
        """Give the sum of an order's fills that this session has counted."""
        return self._filled.get((order.symbol, order.venue_order_id), ZERO)


def _put(known: dict[tuple[str, str], T], key: tuple[str, str], value: T) -> None:
    """Keep the newest entries: an order is asked for soon after it was seen, or never."""
    known.pop(key, None)
    known[key] = value
    if len(known) > _MAX_ORDERS:
        del known[next(iter(known))]


class FillCursor:
    """One session's reading of fills.

    `since_ms` 0: from now on. What the first read lists, and what is listed later but happened before that, belongs to
    the first snapshot then: it is remembered, never passed on. Fills that a stream tells before that first read wait
    for it; no fill of a stream says how far fills have been read.
    """

    def __init__(self, *, since_ms: int, now_ms: int, overlaps: Mapping[Reach, int], orders: OrderIds) -> None:
        self._overlaps = overlaps
        self._orders = orders
        self._complete_ms = since_ms or now_ms
        self._first = True
        self._from_now = since_ms == 0
        self._ignored_before_ms = 0
        self._seen: dict[tuple[str, str], int] = {}
        self._unresolved: dict[tuple[str, str], FillRow] = {}
        self._early: list[FillRow] = []

    def start_ms(self, reach: Reach = Reach.USUAL) -> int:
        """Say where the next read starts."""
        return max(self._complete_ms - self._overlaps[reach], 0)

    def absorb(self, fills: Sequence[FillRow], venue_time_ms: int) -> list[FillRow]:
        """Take in a complete read that was answered at `venue_time_ms`; give the fills that are new."""
        if self._first and self._from_now:
            self._ignored_before_ms = venue_time_ms
            self._seen.update((fill.key, fill.venue_time_ms) for fill in sorted(fills, key=_age))
        self._first = False
        early, self._early = self._early, []
        new = self._take([*fills, *early])
        self._complete_ms = max(self._complete_ms, venue_time_ms)
        self._forget()
        return new

    def absorb_live(self, fills: Sequence[FillRow]) -> list[FillRow]:
        """Take in what a stream tells; give the fills that are new, and may be passed on now."""
        if self._first and self._from_now:
            self._early = [*self._early, *fills][-_MAX_EARLY:]
            return []
        return self._take(fills)

    def unresolved(self) -> list[FillRow]:
        """Give the fills whose order is not known yet, oldest first."""
        return list(self._unresolved.values())

    def resolve(self, fill: FillRow, client_order_id: str) -> FillRow:
        """Settle which order a fill belongs to ("": one without a client id); give the fill to pass on again."""
        self._unresolved.pop(fill.key, None)
        return replace(fill, client_order_id=client_order_id)

    def resolve_known(self) -> list[FillRow]:
        """Settle the fills whose orders have become known; give them to pass on again."""
        known = [(fill, self._orders.client_id(fill)) for fill in self.unresolved()]
        return [self.resolve(fill, client_id) for fill, client_id in known if client_id is not None]

    def _take(self, fills: Sequence[FillRow]) -> list[FillRow]:
        new = [self._resolved(fill) for fill in sorted(fills, key=_age) if self._is_new(fill)]
        for fill in new:
            self._orders.count(fill)
            if fill.client_order_id is None:
                self._unresolved[fill.key] = fill
        return new

    def _is_new(self, fill: FillRow) -> bool:
        if fill.key in self._seen:
            return False
        self._seen[fill.key] = fill.venue_time_ms
        return fill.venue_time_ms >= self._ignored_before_ms

    def _resolved(self, fill: FillRow) -> FillRow:
        """Name the fill's order where the row does not and it is known, or where nothing could ever name it."""
        if fill.client_order_id is not None:
            return fill
        known = self._orders.client_id(fill)
        if known is None and (fill.kind is not FillKind.TRADE or not fill.venue_order_id):
            known = ""
        return replace(fill, client_order_id=known)

    def _forget(self) -> None:
        """Drop what no read can bring again: every read starts within the longest overlap."""
        horizon = self._complete_ms - max(self._overlaps.values()) - _KEPT_MS
        gone = list(takewhile(lambda key: self._seen[key] < horizon, self._seen))
        for key in gone:
            del self._seen[key]


def _age(fill: FillRow) -> tuple[int, str]:
    return (fill.venue_time_ms, fill.trade_id)
