"""Position modes: one position per instrument, or one per side (hedge mode), as Bybit's `positionIdx` has them.

In hedge mode an order names its leg, 1 (long) or 2 (short); on the side that doesn't open the leg it only closes,
whether it says reduce-only or not. Spot orders know no legs. The mode belongs to the account, for all of its contracts.
"""

from typing import Final

from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.orders import LONG_LEG, ONE_WAY, SHORT_LEG, Side

# Which side opens each leg of a hedge.
_OPENS: Final = {LONG_LEG: Side.BUY, SHORT_LEG: Side.SELL}


def checked_leg(account: Account, text: str) -> int:
    """Read `positionIdx`; refuse one that the account's mode doesn't have."""
    allowed = {str(leg): leg for leg in account.legs}
    if not account.hedge:
        allowed[""] = ONE_WAY
    leg = allowed.get(text)
    if leg is None:
        raise bad_params("position idx not match position mode")
    return leg


def only_closes(side: Side, leg: int) -> bool:
    """Whether an order of `side` can only close what is held on `leg`."""
    return leg != ONE_WAY and side is not _OPENS[leg]


def switch(account: Account, *, hedge: bool) -> None:
    """Change an account's mode; refuse it while it holds a position or has an open order of a contract."""
    if account.hedge is hedge:
        raise VenueError(RetCode.SAME_MODE, "Position mode is not modified")
    if any(True for _ in account.held()):
        raise VenueError(RetCode.MODE_HELD, "You have an existing position, so position mode cannot be switched")
    if any(not order.spot for order in account.open_orders.newest_first()):
        raise VenueError(RetCode.MODE_ORDERS, "Open orders exist, so you cannot change position mode")
    account.hedge = hedge
