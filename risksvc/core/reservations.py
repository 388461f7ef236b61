"""Approved orders that are not proven finished, and the memory of ids that are.

A reservation starts in the same step as the approval and ends only on proof (`Reservation.is_final`, or a complete
look-up that does not know the id after the approval and the venue's window have run out). Never by time alone.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.immutable import immutable
from risksvc.core.outputs import Decision
from risksvc.core.types import MARKET, ZERO, Nanoseconds, Order, ReplaceMode, Side
from risksvc.core.venue_events import Fill, VenueOrder, VenueStatus


class ReservationStatus(Enum):
    """What is known of an approved order."""

    APPROVED = "APPROVED"
    SENT = "SENT"
    NEVER_SENT = "NEVER_SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CANCEL_REPORTED = "CANCEL_REPORTED"
    REJECT_REPORTED = "REJECT_REPORTED"
    FINAL_AWAITING_FILLS = "FINAL_AWAITING_FILLS"
    UNKNOWN = "UNKNOWN"


ACKNOWLEDGED, NEVER_SENT = ReservationStatus.ACKNOWLEDGED, ReservationStatus.NEVER_SENT
ENDS_WHEN = {
    ReservationStatus.APPROVED: "the strategy reports it, or a look-up past its approval and venue window misses it",
    ReservationStatus.SENT: "the venue shows it final, or a look-up past its approval and venue window misses it",
    ReservationStatus.NEVER_SENT: "the venue window has passed",
    ReservationStatus.ACKNOWLEDGED: "the venue shows it final with all its fills",
    ReservationStatus.CANCEL_REPORTED: "the venue confirms the cancel (a targeted read is under way)",
    ReservationStatus.REJECT_REPORTED: "the venue confirms the rejection (a targeted read is under way)",
    ReservationStatus.FINAL_AWAITING_FILLS: "the fills that the venue counts have arrived",
    ReservationStatus.UNKNOWN: "the venue says what became of it; look-ups repeat every second",
}

# Not yet known to have reached the venue: what may explain a belief that is ahead of the ledger.
IN_FLIGHT = frozenset({ReservationStatus.APPROVED, ReservationStatus.SENT, ReservationStatus.UNKNOWN})
# Statuses that a working order at the venue contradicts.
NOT_WORKING = IN_FLIGHT | {ReservationStatus.NEVER_SENT, ReservationStatus.REJECT_REPORTED}


NO_FINGERPRINT = bytes(8)
FINISHED_KEPT = 10_000
MISSED_READS = 2  # a venue may show an order filled a moment before it lists the fill


@immutable
class Version:
    """One approved form of an order: the first, or an amendment."""

    quantity: Decimal
    limit_price: Decimal | None
    valid_until: Nanoseconds


class Answer:
    """What was answered to one client order id: the same question gets it again.

    Made with the order that was asked about, or with its fingerprint: that is taken when somebody needs it.
    """

    __slots__ = ("_asked", "decision")
    decision: Decision

    def __init__(self, fingerprint: bytes | Order, decision: Decision) -> None:
        self._asked, self.decision = fingerprint, decision

    @property
    def fingerprint(self) -> bytes:
        """Of the order that was asked about."""
        if not isinstance(self._asked, bytes):
            self._asked = fingerprint(self._asked)
        return self._asked


@dataclass(slots=True)
class Reservation:
    """One approved order, or one found at the venue.

    `aliases` are further ids of the same order (amendments, the id that the venue shows), `venue_ids` the venue's own;
    `answers` the decision by id; `counted_*` is what it adds to the sums of its line at this moment. `shown_filled`:
    what the venue has shown as filled; `missed_reads`: complete reads in a row that did not bring those fills. `lost`:
    the venue had it and does not know it any more. `expected`: a person announced it, to place it by hand; `unnamed`:
    it will not carry its client order id at the venue.
    """

    order: Order
    approved_at: Nanoseconds
    versions: list[Version]
    reduces: bool
    answers: dict[str, Answer] = field(default_factory=dict)
    explained: bool = True
    found: bool = False
    by: str = ""
    aliases: list[str] = field(default_factory=list)
    venue_ids: list[str] = field(default_factory=list)
    status: ReservationStatus = ReservationStatus.APPROVED
    at_venue: bool = False
    filled: Decimal = ZERO
    final_filled: Decimal | None = None
    shown_filled: Decimal = ZERO
    missed_reads: int = 0
    lost: bool = False
    needs_look_up: bool = False
    looked_up_at: Nanoseconds = 0
    counted_quantity: Decimal = ZERO
    counted_value: Decimal = ZERO
    counted_flying: Decimal = ZERO
    expected: bool = False
    unnamed: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """Every client order id of it."""
        return (self.order.client_order_id, *self.aliases)

    @property
    def venue_order_id(self) -> str:
        """The id that the venue knows it by now; empty: not known."""
        return self.venue_ids[-1] if self.venue_ids else ""

    @property
    def valid_until(self) -> Nanoseconds:
        """When the last approval runs out."""
        return self.versions[-1].valid_until

    @property
    def quantity(self) -> Decimal:
        """The largest quantity that the venue may have."""
        if len(self.versions) == 1:
            return self.versions[0].quantity
        return max(version.quantity for version in self.versions)

    @property
    def limit_price(self) -> Decimal | None:
        """The largest limit price that the venue may have; None for a market order."""
        if self.order.type is MARKET:
            return None
        if len(self.versions) == 1:
            return self.versions[0].limit_price or ZERO
        return max(version.limit_price or ZERO for version in self.versions)

    def amended(self, order: Order) -> tuple[Decimal, Decimal | None, bool]:
        """What could still fill of this with one more version, at which largest limit price; and whether it reduces."""
        quantity, price = max(self.quantity, order.quantity), None
        if order.limit_price is not None:
            price = max(self.limit_price or ZERO, order.limit_price)
        return max(ZERO, quantity - self.filled), price, self.reduces

    @property
    def remaining(self) -> Decimal:
        """What can still fill."""
        whole = self.quantity if self.final_filled is None else self.final_filled
        return max(ZERO, whole - self.filled)

    @property
    def is_final(self) -> bool:
        """Proof: nothing can fill any more and every fill is applied."""
        if self.final_filled is not None:
            return self.filled >= self.final_filled
        return self.filled >= self.quantity

    @property
    def missing(self) -> Decimal:
        """What the venue shows as filled beyond the fills that are known."""
        if self.found:
            return ZERO  # what it had filled before it was found is not known fill by fill
        return max(ZERO, max(self.shown_filled, self.final_filled or ZERO) - self.filled)

    @property
    def fills_overdue(self) -> bool:
        """Final at the venue, which has not listed all its fills over several reads."""
        return self.final_filled is not None and self.missed_reads >= MISSED_READS and bool(self.missing)

    @property
    def may_be_missing(self) -> Decimal:
        """What may have filled without a fill that is known: all of it once the venue does not show it as open."""
        unseen = not self.found and self.final_filled is None and (self.needs_look_up or not self.at_venue)
        return self.remaining if unseen else self.missing

    @property
    def proven(self) -> bool:
        """Known to work at the venue: its quantity is the strategy's own doing."""
        return self.at_venue or self.status is ACKNOWLEDGED

    @property
    def in_flight(self) -> bool:
        """Approved, and not known to have reached the venue. What a person announced is in no strategy's tracker."""
        return not self.at_venue and not self.expected and self.status in IN_FLIGHT

    @property
    def awaits_its_order(self) -> bool:
        """Announced without an id: the order at the venue that it is has not been seen yet."""
        return self.unnamed and not self.at_venue

    def absence_proves(self, *, as_of: Nanoseconds, venue_window: Nanoseconds) -> bool:
        """A complete read, begun once approval and venue window had run out, that misses the order proves its end."""
        return not self.at_venue and self.final_filled is None and as_of > self.valid_until + venue_window

    def is_lost(self, *, as_of: Nanoseconds, venue_window: Nanoseconds) -> bool:
        """It was at the venue, which does not know it by now; a listing may lag behind for the venue's window."""
        return self.proven and self.final_filled is None and as_of > self.valid_until + venue_window

    def mark_of(self, client_order_id: str) -> bytes:
        """The fingerprint of what was asked under an id; of an id that nobody asked with, one that matches nothing."""
        answer = self.answers.get(client_order_id)
        return NO_FINGERPRINT if answer is None else answer.fingerprint

    # -- what the venue shows ------------------------------------------------------------------------------------

    def is_another(self, seen: VenueOrder | Fill) -> bool:
        """True when the venue shows a second order under an id of this one, or what this order can't be."""
        if seen.instrument != self.order.instrument or seen.side is not self.order.side:
            return True
        named = bool(seen.venue_order_id) and self.at_venue and bool(self.venue_ids)
        return named and seen.venue_order_id not in self.venue_ids and len(self.versions) == 1

    def is_as_shown(self, seen: VenueOrder) -> bool:
        """The venue shows what is known already: nothing is to be done."""
        return (
            self.at_venue
            and self.status is ReservationStatus.ACKNOWLEDGED
            and seen.status is VenueStatus.OPEN
            and not self.found
            and self.explained
            and not self.needs_look_up
            and not self.lost
            and seen.filled <= self.shown_filled
            and self.reduces <= seen.reduce_only
            and self.versions == [Version(seen.quantity, seen.limit_price, self.valid_until)]
            and seen.venue_order_id in ("", self.venue_order_id)
        )

    def exceeds_approval(self, seen: VenueOrder) -> bool:
        """The venue has more than was approved, or at a price that is worse."""
        if seen.quantity > self.quantity:
            return True
        prices = [version.limit_price for version in self.versions if version.limit_price is not None]
        if seen.limit_price is None or not prices:
            return False
        return seen.limit_price > max(prices) if seen.side is Side.BUY else seen.limit_price < min(prices)

    def show(self, seen: VenueOrder, *, settled_before: Nanoseconds) -> None:
        """Takes in what the venue shows. Amendments whose window closed before the read can't take effect any more."""
        self.at_venue, self.lost = True, False
        self.shown_filled = max(self.shown_filled, seen.filled)
        if seen.status is not VenueStatus.OPEN:
            self._finish(seen)
        elif self.final_filled is None:
            self.needs_look_up = self.status is ReservationStatus.CANCEL_REPORTED
            if self.status in NOT_WORKING:
                self.status = ReservationStatus.ACKNOWLEDGED
            if self.exceeds_approval(seen):
                self.explained = False
                self.versions.append(Version(seen.quantity, seen.limit_price, self.valid_until))
            elif len(self.versions) > 1:
                self._drop_superseded(seen, settled_before)

    def _finish(self, seen: VenueOrder) -> None:
        """Final at the venue. A venue that says FILLED and counts less is wrong in its count."""
        filled = max(seen.filled, seen.quantity) if seen.status is VenueStatus.FILLED else seen.filled
        self.final_filled = max(filled, self.final_filled or ZERO)
        self.status = ReservationStatus.FINAL_AWAITING_FILLS
        self.needs_look_up = False

    def _drop_superseded(self, seen: VenueOrder, settled_before: Nanoseconds) -> None:
        shown = Version(seen.quantity, seen.limit_price, self.valid_until)
        self.versions = [shown, *(one for one in self.versions if one.valid_until >= settled_before)]


@dataclass(slots=True)
class Finished:
    """An order proven finished at a time, for what tells of it late all the same.

    `unfilled`: what fills it might still explain.
    """

    reservation: Reservation
    unfilled: Decimal
    at: Nanoseconds


def keep_finished(kept: OrderedDict[str, Finished], reservation: Reservation, *, now: Nanoseconds) -> None:
    """Keeps an order that was proven finished now under all its ids, as one of the last so many."""
    finished = Finished(reservation, max(ZERO, reservation.quantity - reservation.filled), now)
    for id_ in (*reservation.ids, *map(stand_in_id, reservation.venue_ids)):
        kept[id_] = finished
        if len(kept) > FINISHED_KEPT:
            kept.popitem(last=False)


def rests_above(reservation: Reservation, instrument: str, price: Decimal) -> bool:
    """True for a counted order of this instrument whose limit is above a price: a mark up to there changes nothing."""
    limit = reservation.limit_price
    return limit is not None and limit > price and reservation.order.instrument == instrument


def stand_in_id(venue_order_id: str) -> str:
    """The name that an order goes by of which only the venue's id is known."""
    return f"venue:{venue_order_id}"


def fingerprint(order: Order) -> bytes:
    """What makes two orders the same: everything that the venue would see, and whose it is."""
    mode = order.replace_mode.value if order.replaces else ReplaceMode.CANCEL_REPLACE.value
    parts = (
        order.strategy,
        order.instrument,
        order.side.value,
        order.type.value,
        str(order.quantity.normalize()),
        "" if order.limit_price is None else str(order.limit_price.normalize()),
        str(order.reduce_only),
        order.replaces,
        mode,
    )
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
