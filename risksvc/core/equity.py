"""The equity check: what the venue says the account is worth, against what is known to have moved it.

The venue's equity since an anchor must have moved by positions x change of the mark, and by fills' distance from it,
fees, funding and transfers. What is left over is money that nobody explains: it alerts, and changes nothing.
"""

from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.outputs import Notice
from risksvc.core.types import Nanoseconds
from risksvc.core.venue_events import BalancesReceived


@dataclass(slots=True)
class EquityCheck:
    """One account's; `difference` and `tolerance` in the limits' currency, None until two balances were compared."""

    difference: Decimal | None = None
    tolerance: Decimal | None = None


def take_balances(book: AccountBook, event: BalancesReceived, *, now: Nanoseconds) -> list[Notice]:
    """Takes balances and bookings in."""
    del book, event, now
    return []
