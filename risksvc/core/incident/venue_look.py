"""What one look at the venue itself found, apart from the complete reads: the ground truth of an incident.

Data only. What is absent from a complete look is flat; what is absent from one that is not complete is unknown. It
never moves the ledger, nor a belief.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.incident.exit_cost import Book
from risksvc.core.venue_events import VenueOrder, VenuePosition

AGE_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Market:
    """One instrument's market. `book`, `mark` None: not read, or there is none; `mark_age_ms` -1: not known."""

    book: Book | None = None
    mark: Decimal | None = None
    mark_age_ms: int = AGE_UNKNOWN


@dataclass(frozen=True, slots=True)
class VenueLook:
    """One account. `markets` by instrument; `problems`: what could not be read, in words.

    `complete`: positions and open orders, trigger orders among them, were read whole.
    """

    positions: tuple[VenuePosition, ...]
    open_orders: tuple[VenueOrder, ...]
    markets: Mapping[str, Market]
    problems: tuple[str, ...]
    complete: bool


def not_seen(problem: str) -> VenueLook:
    """The look that could not be taken."""
    return VenueLook((), (), {}, (problem,), complete=False)
