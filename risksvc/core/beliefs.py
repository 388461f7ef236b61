"""What strategies' own trackers believe, beside the ledger; neither ever overwrites the other.

Only fills younger than the lag when the belief was said, fills that came since, and quantity in flight explain a
difference; resting quantity never does.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.types import ZERO, Nanoseconds

NEVER = -1


@dataclass(slots=True)
class Belief:
    """What a tracker believes, and when it said so.

    `unheard_low` and `unheard_high` bound what the belief may differ by because the tracker had not heard of fills.
    """

    quantity: Decimal
    at: Nanoseconds
    unheard_low: Decimal = ZERO
    unheard_high: Decimal = ZERO

    def may_lack(self, signed: Decimal) -> None:
        """A fill that the tracker may not have known of when it spoke."""
        if signed > ZERO:
            self.unheard_low -= signed
        else:
            self.unheard_high -= signed


@dataclass(slots=True)
class HeldBeliefs:
    """When one strategy last spoke of each position that it holds: the oldest is found without walking them."""

    _at: dict[str, Nanoseconds] = field(default_factory=dict)
    _by_age: list[tuple[Nanoseconds, str]] = field(default_factory=list)

    def hold(self, key: str, *, spoken_at: Nanoseconds) -> None:
        """The position is held; `spoken_at` is NEVER or when the tracker last spoke of it."""
        self.drop(key)
        self._at[key] = spoken_at
        insort(self._by_age, (spoken_at, key))

    def drop(self, key: str) -> None:
        """The position is not held any more."""
        at = self._at.pop(key, None)
        if at is not None:
            del self._by_age[bisect_left(self._by_age, (at, key))]

    def speak(self, key: str, *, now: Nanoseconds) -> None:
        """The tracker has spoken of a position, held or not."""
        if key in self._at:
            self.hold(key, spoken_at=now)

    def oldest(self) -> tuple[Nanoseconds, str] | None:
        """The held position that the tracker has been silent about for longest; None: nothing is held."""
        return self._by_age[0] if self._by_age else None

    def newest(self) -> Nanoseconds:
        """When the tracker last spoke of anything that is held; NEVER: it has not, or nothing is held."""
        return self._by_age[-1][0] if self._by_age else NEVER
