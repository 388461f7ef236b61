"""Refusals: Bybit's return codes and the one exception that carries them.

A refusal is an ordinary answer (HTTP 200 with `retCode` other than 0); it never leaves state half changed, because
every check runs before the first write. Source of the codes: Bybit v5 documentation, "Error Codes".
"""

from enum import IntEnum


class RetCode(IntEnum):
    """The codes that the paper venue itself answers with; a fault switch may answer with any other."""

    PARAMS = 10001
    STALE_REQUEST = 10002
    BAD_KEY = 10003
    BAD_SIGN = 10004
    NOT_PERMITTED = 10005
    TOO_MANY_VISITS = 10006
    SERVER_ERROR = 10016
    NO_ROUTE = 10017
    NO_SUCH_ORDER = 110001
    PRICE_OUT_OF_RANGE = 110003
    BALANCE = 110007
    ORDER_IS_FINAL = 110008
    REDUCE_ONLY = 110017
    TOO_MANY_ORDERS = 110020
    MODE_HELD = 110024
    SAME_MODE = 110025
    MODE_ORDERS = 110028
    BELOW_FILLED = 110064
    DUPLICATE_LINK_ID = 110072
    NOT_LIVE = 110074
    MIN_NOTIONAL = 110094
    SPOT_BALANCE = 170131
    SPOT_MIN_VALUE = 170140
    SPOT_DUPLICATE_LINK_ID = 170141
    SPOT_NO_SUCH_ORDER = 170213


class VenueError(Exception):
    """The venue refuses a request: `code` is Bybit's, `message` is what `retMsg` says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{int(code)}: {message}")
        self.code = int(code)
        self.message = message


def bad_params(message: str) -> VenueError:
    """Build the refusal for a request that is malformed or lacks a field."""
    return VenueError(RetCode.PARAMS, message)
