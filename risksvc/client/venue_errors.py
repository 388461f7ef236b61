"""What an exception of the exchange client proves about the order it was raised for.

Pure, and imports no exchange client: classes are told by their names. Rule: REJECTED and NEVER_SENT are said only where
the exception proves it; a timeout, a reset, a 5xx, an unknown error leave the order UNKNOWN, and what is unknown stays
counted. Subclasses are not guessed from their parents: DuplicateOrderId is an InvalidOrder, and means that the order is
there. That a client resends by itself would make every proof here wrong: `placing.forbid_resending` sees to it.
"""

from enum import Enum


class Proof(Enum):
    """What is known of an order whose sending raised."""

    NEVER_SENT = "NEVER_SENT"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"


# The venue, or the client before sending, refused the order as it is. The gate still looks it up.
_REJECTIONS = frozenset(
    {
        "AccountNotEnabled",
        "AccountSuspended",
        "ArgumentsRequired",
        "AuthenticationError",
        "BadRequest",
        "BadSymbol",
        "ContractUnavailable",
        "InsufficientFunds",
        "InvalidNonce",
        "InvalidOrder",
        "MarketClosed",
        "NotSupported",
        "OrderImmediatelyFillable",
        "OrderNotFillable",
        "PermissionDenied",
        "RestrictedLocation",
    }
)
# An amendment of an order that is gone changes nothing.
_AMEND_REJECTIONS = _REJECTIONS | {"NoChange", "OrderNotFound"}

# What the exchange client wraps a failed connection attempt in.
_WRAPPERS = frozenset({"ExchangeNotAvailable", "NetworkError", "RequestTimeout"})
# aiohttp: no connection was made, so nothing was written.
_NO_CONNECTION = frozenset(
    {
        "ClientConnectorCertificateError",
        "ClientConnectorDNSError",
        "ClientConnectorError",
        "ClientConnectorSSLError",
        "ClientProxyConnectionError",
        "ConnectionTimeoutError",
    }
)
# requests wraps urllib3's error, and that names the reason: requests.ConnectionError(MaxRetryError(reason=...)).
_NO_CONNECTION_REASONS = frozenset({"ConnectTimeoutError", "NameResolutionError", "NewConnectionError"})


def proof_of(error: BaseException, *, amending: bool = False) -> Proof:
    """Tell what an exception of `create_order` (or `edit_order`: `amending`) proves."""
    name = type(error).__name__
    if name in (_AMEND_REJECTIONS if amending else _REJECTIONS):
        return Proof.REJECTED
    if name in _WRAPPERS and _connection_failed(error.__cause__):
        return Proof.NEVER_SENT
    return Proof.UNKNOWN


def _connection_failed(cause: BaseException | None) -> bool:
    # Only the explicit cause counts: __context__ may be an earlier attempt's.
    if cause is None:
        return False
    if type(cause).__name__ in _NO_CONNECTION:
        return True
    reason = getattr(cause.args[0] if cause.args else None, "reason", None)
    return type(reason).__name__ in _NO_CONNECTION_REASONS
