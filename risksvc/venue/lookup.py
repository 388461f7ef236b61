"""Targeted reads of orders, which say what became of a client order id.

Look-ups that arrive close together are read together (a re-quoting market maker causes a hundred a second): the lists
of open and recently ended orders first, then one by one what they do not show. An order is NOT_FOUND only when every
place where it could be was read and does not know it; any error means no answer. An order is called finished only after
the fills were read once more, and with no less filled than the fills say.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, read_failure
from risksvc.venue.fills import OrderIds, Reach
from risksvc.venue.listing import Listing, OrderReference
from risksvc.venue.normalise import normalise_order
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import OrderRow, OrderStatus, Row

_TOGETHER = 3  # from so many on, lists are cheaper than single reads


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a batch of look-ups gave: states, and for each reference that has none the failure."""

    orders: tuple[OrderRow, ...]
    failed: dict[OrderReference, ReadFailure]


class OrderLookUp:
    """Looks orders up for one session."""

    def __init__(self, connection: VenueConnection, *, reader: AccountReader, orders: OrderIds) -> None:
        self._connection = connection
        self._reader = reader
        self._orders = orders
        self._secrets = connection.config.secrets()

    async def look_up(self, references: Sequence[OrderReference]) -> LookedUp:
        """Look orders up; each reference gets a state or a failure."""
        unique = list(dict.fromkeys(references))
        found: dict[OrderReference, OrderRow] = {}
        failed: dict[OrderReference, ReadFailure] = {}
        askable = [reference for reference in unique if self._check(reference, failed)]
        try:
            async with asyncio.timeout(self._connection.config.read_timeout_ms / 1_000):
                if len(askable) >= _TOGETHER:
                    await self._from_lists(askable, found, failed)
                left = [each for each in askable if each not in found and each not in failed]
                await asyncio.gather(*(self._single(each, found, failed) for each in left))
                await self._confirm_finished(found, failed)
        except TimeoutError as error:
            failure = read_failure("order", error)
            failed.update((each, failure) for each in askable if each not in failed)
        self._orders.learn(found.values())
        return LookedUp(tuple(order for each, order in found.items() if each not in failed), failed)

    @property
    def _listing(self) -> Listing:
        return self._connection.command_listing

    def _check(self, reference: OrderReference, failed: dict[OrderReference, ReadFailure]) -> bool:
        if reference.instrument not in self._connection.instruments:
            problem = f"{reference.instrument!r} is not listed"
            failed[reference] = ReadFailure.unlisted("order", problem, reference.instrument)
        elif not reference.has_id:
            failed[reference] = ReadFailure("order", f"{reference.instrument}: neither id is given")
        return reference not in failed

    async def _from_lists(
        self,
        references: Sequence[OrderReference],
        found: dict[OrderReference, OrderRow],
        failed: dict[OrderReference, ReadFailure],
    ) -> None:
        try:
            with failing_as("order", self._secrets):
                listed = await self._listing.recent_orders(sorted({each.instrument for each in references}))
        except ReadFailure as failure:
            failed.update((each, failure) for each in references)
            return
        by_instrument: dict[object, list[Row]] = {}
        for row in listed.rows:
            by_instrument.setdefault(row.get("symbol"), []).append(row)
        for reference in references:
            rows = [row for row in by_instrument.get(reference.instrument, []) if reference.fits(row)]
            self._take(reference, rows, found, failed)

    async def _single(
        self,
        reference: OrderReference,
        found: dict[OrderReference, OrderRow],
        failed: dict[OrderReference, ReadFailure],
    ) -> None:
        try:
            with failing_as("order", self._secrets):
                listed = await self._listing.order(reference)
        except ReadFailure as failure:
            failed[reference] = failure
            return
        if listed.rows:
            self._take(reference, listed.rows, found, failed)
        else:
            found[reference] = _not_found(reference)

    def _take(
        self,
        reference: OrderReference,
        rows: Sequence[Row],
        found: dict[OrderReference, OrderRow],
        failed: dict[OrderReference, ReadFailure],
    ) -> None:
        """Read the rows of one order, oldest first; two different orders under one client id are no answer."""
        if not rows:
            return
        if len({row.get("id") for row in rows}) > 1:
            failed[reference] = ReadFailure(
                "order", f"{reference.client_order_id}: several orders carry this client id"
            )
            return
        try:
            with failing_as("order", self._secrets):
                found[reference] = normalise_order(rows[-1], quirks=self._connection.quirks)
        except ReadFailure as failure:
            failed[reference] = failure

    async def _confirm_finished(
        self, found: dict[OrderReference, OrderRow], failed: dict[OrderReference, ReadFailure]
    ) -> None:
        """Read the fills before anything is called finished, and let them correct what the order rows say."""
        finished = [each for each, order in found.items() if order.status.final]
        if not finished:
            return
        try:
            await self._reader.read_fills(self._listing, Reach.SHORT)
        except ReadFailure as failure:
            failed.update((each, failure) for each in finished)
            return
        for each in finished:
            if found[each].status is not OrderStatus.NOT_FOUND:
                found[each] = self._by_fills(found[each])

    def _by_fills(self, order: OrderRow) -> OrderRow:
        filled = self._orders.filled(order)
        if filled == order.filled:
            return order
        status = OrderStatus.FILLED if filled >= order.quantity else OrderStatus.CANCELLED
        return replace(order, filled=filled, quantity=max(order.quantity, filled), status=status)


def _not_found(reference: OrderReference) -> OrderRow:
    return OrderRow(
        symbol=reference.instrument,
        client_order_id=reference.client_order_id,
        venue_order_id=reference.venue_order_id,
        status=OrderStatus.NOT_FOUND,
    )
