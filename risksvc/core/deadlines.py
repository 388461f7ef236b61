"""When time may bring something about for an order, so that a tick looks at those few and not at every order.

Follows from the watched orders, so no snapshot holds it. Rule 1: an order is here under a moment before which nothing
can be due for it; whoever looks at it then decides, and puts it back. Rule 2: those found are in the order in which
they began to be watched, as if all had been walked.
"""

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from risksvc.core.reservations import ACKNOWLEDGED, NEVER_SENT, Reservation
from risksvc.core.types import SECOND, Nanoseconds

LOOK_UP_AGAIN_NS = SECOND
SPARE = 1_000


@dataclass(slots=True)
class Deadlines:
    """Those of one account. `ripe`: whose moment is over, and that nobody has put back yet."""

    numbers: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[Nanoseconds, int, str]] = field(default_factory=list)
    ripe: dict[str, int] = field(default_factory=dict)
    last: int = 0

    def watch(self, watched: dict[str, Reservation], reservation: Reservation, *, window: Nanoseconds) -> None:
        """Keeps an order that time may bring something about for, or lets it go. `window`: the venue's."""
        id_ = reservation.order.client_order_id
        unproven = not reservation.at_venue and reservation.status is not ACKNOWLEDGED
        unproven = unproven and not reservation.awaits_its_order  # complete reads tell, not time
        if unproven or reservation.needs_look_up:
            watched[id_] = reservation
            self.put(reservation, window=window)
        else:
            self.let_go(watched, id_)

    def let_go(self, watched: dict[str, Reservation], id_: str) -> None:
        """Time brings nothing about for it any more."""
        if watched.pop(id_, None) is not None:
            del self.numbers[id_]
            self.ripe.pop(id_, None)

    def put(self, reservation: Reservation, *, window: Nanoseconds) -> None:
        """Waits for the next moment of an order that is watched."""
        id_ = reservation.order.client_order_id
        number = self.numbers.get(id_)
        if number is None:
            self.last += 1
            number = self.numbers[id_] = self.last
        self.ripe.pop(id_, None)
        heappush(self.waiting, (_nothing_until(reservation, window), number, id_))
        if len(self.waiting) > SPARE + 4 * len(self.numbers):
            self._tidy()

    def _tidy(self) -> None:
        """Forgets orders that were let go, and of the others all moments but the first: a replay has few ticks."""
        first: dict[str, tuple[Nanoseconds, int, str]] = {}
        for one in self.waiting:
            if self.numbers.get(one[2]) == one[1]:
                first[one[2]] = min(one, first.get(one[2], one))
        self.waiting = list(first.values())
        heapify(self.waiting)

    def ripen(self, now: Nanoseconds) -> list[str]:
        """The orders whose moment is over by now."""
        while self.waiting and self.waiting[0][0] < now:
            _, number, id_ = heappop(self.waiting)
            if self.numbers.get(id_) == number:
                self.ripe[id_] = number
        return sorted(self.ripe, key=self.ripe.__getitem__)


def _nothing_until(reservation: Reservation, window: Nanoseconds) -> Nanoseconds:
    """Up to and at this moment nothing is due for it, as it stands now."""
    over, again = reservation.valid_until + window, reservation.looked_up_at + LOOK_UP_AGAIN_NS - 1
    if reservation.needs_look_up:
        return min(over, again)
    return over if reservation.status is NEVER_SENT else max(over, again)
