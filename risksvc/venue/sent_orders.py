"""The ids of the orders that this process has sent, in whichever session: none is sent twice.

A second lock: the gate gives every order an id of its own. Bounded; the oldest are forgotten first.
"""

from collections import OrderedDict

_KEPT = 10_000


class SentOrders:
    """Ids, oldest first."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._ids: OrderedDict[str, None] = OrderedDict()

    def take(self, client_order_id: str) -> bool:
        """Note that an order is being sent; False: it was before, and must not be."""
        if client_order_id in self._ids:
            return False
        self._ids[client_order_id] = None
        if len(self._ids) > self._kept:
            self._ids.popitem(last=False)
        return True
