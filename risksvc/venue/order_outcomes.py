"""What an error of a placing request proves, as data: refused (there is no order), or unknown.

In order: the first row that fits decides. What is in no row is unknown: a timeout, a cut connection, a 5xx, a body that
can't be read and the venues' own "system error" codes have all been seen on orders that were executed.
"""

import aiohttp
from ccxt.base import errors as ccxt_errors

REFUSED, UNKNOWN = True, False

# Class -> whether it proves that there is no order, and why.
OUTCOMES: tuple[tuple[type[Exception], bool, str], ...] = (
    (ccxt_errors.DuplicateOrderId, UNKNOWN, "an order with this id is there: perhaps this one"),
    (ccxt_errors.OrderNotFound, UNKNOWN, "no answer to a new order"),
    (ccxt_errors.OrderNotCached, UNKNOWN, "no answer to a new order"),
    (ccxt_errors.InvalidOrder, REFUSED, "the venue, or ccxt before it sent, names a rule that the order breaks"),
    (ccxt_errors.InsufficientFunds, REFUSED, "checked before an order is accepted"),
    (ccxt_errors.AuthenticationError, REFUSED, "checked before anything is done"),
    (ccxt_errors.RateLimitExceeded, REFUSED, "the venue counts, and refuses, before anything is done"),
    (ccxt_errors.ChecksumError, UNKNOWN, "of a stream, not of an order"),
    (ccxt_errors.InvalidNonce, REFUSED, "a time stamp is checked before anything is done"),
    (ccxt_errors.BadRequest, REFUSED, "the venue could not read the order"),
    (ccxt_errors.ArgumentsRequired, REFUSED, "ccxt did not send it"),
    (ccxt_errors.NotSupported, REFUSED, "ccxt did not send it"),
    (ccxt_errors.InvalidProxySettings, REFUSED, "ccxt did not send it"),
    (ccxt_errors.NoChange, UNKNOWN, "no answer to a new order"),
    (ccxt_errors.MarketClosed, REFUSED, "the venue takes no order for it now"),
    (ccxt_errors.RestrictedLocation, REFUSED, "checked before anything is done"),
)
# Venues (Bybit: 110072, 170141) whose duplicate ids come as another class.
_DUPLICATE = ("duplicate", "110072", "170141")


def is_refusal(error: Exception) -> bool:
    """Whether an error of a placing request proves that there is no order."""
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return REFUSED  # no connection was made, so nothing was sent
    if any(word in str(error).lower() for word in _DUPLICATE):
        return UNKNOWN
    return next((refused for kind, refused, _ in OUTCOMES if isinstance(error, kind)), UNKNOWN)
