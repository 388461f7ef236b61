"""Who learns of changes in an account's books: the one hook between the engine and what tells the world of it.

The books call an observer in the middle of a matching event, so an observer only takes note: it looks at nothing but
what it is given, changes nothing and never fails. One event may tell of the same order several times.
"""

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from risksvc.venue.paper.orders import Execution, Order
    from risksvc.venue.paper.positions import Position


class Observer(Protocol):
    """Takes note of changes; `account` is the account's name."""

    def order_changed(self, account: str, order: "Order") -> None:
        """Note that an order is new, or that its state, its fills, its quantity or its price are."""

    def executed(self, account: str, execution: "Execution") -> None:
        """Note an execution of any type."""

    def position_changed(self, account: str, position: "Position") -> None:
        """Note what is held now of an instrument, or of a leg of it."""

    def wallet_changed(self, account: str) -> None:
        """Note that a balance, or what orders keep back of one, has changed."""


class Nobody:
    """An observer that isn't interested."""

    def order_changed(self, account: str, order: "Order") -> None:
        """Do nothing."""

    def executed(self, account: str, execution: "Execution") -> None:
        """Do nothing."""

    def position_changed(self, account: str, position: "Position") -> None:
        """Do nothing."""

    def wallet_changed(self, account: str) -> None:
        """Do nothing."""


NOBODY: Final = Nobody()
