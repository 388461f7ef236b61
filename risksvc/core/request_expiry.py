"""Which venues can be told to refuse an order that comes late, and how ccxt 4.5.90 tells them; data.

In the core because both sides of the house read it and neither may import the other: the client's guard sets the
window, the gate says in `status` which account's venue has none. Rule: what is not listed, or can't be set for the
sending of an order alone, counts as no expiry: the last acceptance at that venue is unbounded, and said to be. Each row
is tried against the installed ccxt by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class ExpiryKind(Enum):
    """How it is set.

    OPTION: `exchange.options[name]`, milliseconds; ccxt signs it into every request beside the time of signing.
    PARAM: a parameter of the order: the moment after which it is refused. HEADER: the same as a header of the exchange
    object, which then goes with every request, so it is there only while an order is being sent. NONE: it can't be set.
    """

    OPTION = "OPTION"
    PARAM = "PARAM"
    HEADER = "HEADER"
    NONE = "NONE"


class DeadlineForm(Enum):
    """How a moment is written: Unix time in milliseconds, or ISO 8601 in UTC."""

    MILLISECONDS = "MILLISECONDS"
    ISO = "ISO"


@dataclass(frozen=True, slots=True)
class RequestExpiry:
    """One venue. `note`: where it stands in ccxt, or why there is none."""

    kind: ExpiryKind
    name: str = ""
    form: DeadlineForm = DeadlineForm.MILLISECONDS
    note: str = ""

    @property
    def bounded(self) -> bool:
        """A late order is refused by the venue."""
        return self.kind is not ExpiryKind.NONE


_BINANCE = RequestExpiry(
    ExpiryKind.OPTION, "recvWindow", note="sign(): recvWindow, beside timestamp; 10,000 by default"
)

# By ccxt's exchange id.
REQUEST_EXPIRY: Mapping[str, RequestExpiry] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "bybit": RequestExpiry(ExpiryKind.OPTION, "recvWindow", note="sign(): X-BAPI-RECV-WINDOW; 5,000 by default"),
    "backpack": RequestExpiry(ExpiryKind.OPTION, "recvWindow", note="sign(): X-Window; 5,000 by default"),
    "okx": RequestExpiry(
        ExpiryKind.HEADER, "expTime", note="a header of placing and amending only; ccxt sends exchange.headers along"
    ),
    "krakenfutures": RequestExpiry(
        ExpiryKind.PARAM, "processBefore", DeadlineForm.ISO, note="createOrder passes the parameter on to sendorder"
    ),
    "deribit": RequestExpiry(
        ExpiryKind.PARAM, "valid_until", note="createOrder passes the parameter on to private/buy and private/sell"
    ),
    "gate": RequestExpiry(
        ExpiryKind.NONE,
        note="x-gate-exptime is a header of cancelling too, and ccxt's headers go with every request: not set, since a "
        "cancel must never be refused",
    ),
    "bitget": RequestExpiry(ExpiryKind.NONE, note="ccxt sends ACCESS-TIMESTAMP only"),
    "kucoinfutures": RequestExpiry(ExpiryKind.NONE, note="ccxt sends KC-API-TIMESTAMP only"),
    "hyperliquid": RequestExpiry(ExpiryKind.NONE, note="ccxt signs expiresAfter into no order"),
    "mexc": RequestExpiry(ExpiryKind.NONE, note="recvWindow goes with spot requests only, contracts have none"),
    "bingx": RequestExpiry(ExpiryKind.NONE, note="options.recvWindow goes with cancelling by time only, with no order"),
    "paradex": RequestExpiry(ExpiryKind.NONE, note="ccxt sets no recv_window; the venue's own default is an hour"),
    "coinbaseinternational": RequestExpiry(ExpiryKind.NONE, note="ccxt sends a timestamp only"),
}

_NOT_VERIFIED = RequestExpiry(ExpiryKind.NONE, note="not verified for this venue")


def request_expiry(exchange_id: str) -> RequestExpiry:
    """The row of a ccxt exchange id."""
    return REQUEST_EXPIRY.get(exchange_id, _NOT_VERIFIED)
