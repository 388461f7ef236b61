"""Where venues differ, as data: one entry per ccxt exchange id, and a cautious entry for every other one.

Never imports ccxt nor touches a network. A venue that is not listed gets the strictest reading: short plain client
order ids, page sizes unknown, contract signs taken from `side` only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import Enum

from risksvc.core.types import ONE, MalformedInputError, parse_positive


class FillKind(Enum):
    """What a fill is."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    DELIVERY = "DELIVERY"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The frame of every good answer of a venue: `code_key` holds one of `ok_codes`, `data_key` the rest."""

    code_key: str
    ok_codes: tuple[str, ...]
    data_key: str
    data_types: tuple[type, ...] = (dict, list)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """Rows that one request returns at most; 0: the venue gives all, None: not known."""

    positions: int | None = None
    open_orders: int | None = None
    fills: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One venue.

    `listing`: which reader speaks to it ("bybit", or "unified": ccxt's unified calls).
    `inverse_contract_size`: quote units per unit of an inverse order where ccxt's own contract size is wrong for that.
    `signed_contracts`: ccxt passes the sign of a short through in `contracts`.
    `mark_per_contract`: the mark in a position row is the value of one contract.
    `notional_at_mark`: the notional in a position row is a value at the mark (elsewhere often the entry value).
    `limit_price_key`, `trade_client_id_key`, `mark_key`: where `info` holds what ccxt leaves out of an order, a trade,
    a ticker.
    `kind_key`, `kinds`: where `info` says what an execution is, and what that means; what maps to None is no fill.
    `client_id_param`, `cancel_client_id_param`: how fetch_order, cancel_order take a client order id; empty: can't.
    `position_lag_ms`: how far positions may lag behind fills.
    `rate_limit_ms`: ccxt's `rateLimit`, where ccxt's own is more cautious than the venue asks for; 0: ccxt's own.
    """

    listing: str = "unified"
    envelope: Envelope | None = None
    pages: PageLimits = PageLimits()
    inverse_contract_size: Decimal | None = None
    signed_contracts: bool = False
    mark_per_contract: bool = False
    notional_at_mark: bool = False
    limit_price_key: str = ""
    trade_client_id_key: str = ""
    mark_key: str = ""
    kind_key: str = ""
    kinds: Mapping[str, FillKind | None] = field(default_factory=dict)
    client_id_param: str = ""
    cancel_client_id_param: str = ""
    client_order_id_max_length: int = 32
    client_order_id_characters: str = "A-Za-z0-9"
    enforces_reduce_only: bool = True
    position_lag_ms: int = 2_000
    fills_window_ms: int = 7 * 86_400_000 - 1
    rate_limit_ms: int = 0
    options: Mapping[str, object] = field(default_factory=lambda: {"defaultType": "swap"})
    positions_params: Mapping[str, object] = field(default_factory=dict)
    open_orders_params: Mapping[str, object] = field(default_factory=dict)
    fills_params: Mapping[str, object] = field(default_factory=dict)


# Keys of `info` that only a closed position has: such a row looks exactly like an open one and must not be counted.
CLOSED_POSITION_KEYS = (
    "closePositionAmt",
    "closeTotalPos",
    "closedSize",
    "closeAllPositions",
    "avgClosePrice",
    "closeAvgPx",
)

_UNDERSCORED = "A-Za-z0-9_-"
_BINANCE = Quirks(
    notional_at_mark=True,
    client_id_param="clientOrderId",
    cancel_client_id_param="clientOrderId",
    client_order_id_max_length=36,
    client_order_id_characters=r".A-Z:/a-z0-9_-",
    pages=PageLimits(positions=0, open_orders=0, fills=1000),
    # One request for all instruments' orders costs more weight, and misses none.
    options={"defaultType": "swap", "fetchOpenOrders": {"warnWithoutSymbol": False}},
)

QUIRKS: Mapping[str, Quirks] = {
    "bybit": Quirks(
        listing="bybit",
        envelope=Envelope("retCode", ("0",), "result", (dict,)),
        pages=PageLimits(positions=200, open_orders=50, fills=100),
        inverse_contract_size=ONE,  # an inverse order is in USD; ccxt shows the smallest order as the contract size
        trade_client_id_key="orderLinkId",
        cancel_client_id_param="orderLinkId",
        mark_key="markPrice",
        kind_key="execType",
        kinds={
            "Trade": FillKind.TRADE,
            "BlockTrade": FillKind.TRADE,
            "MovePosition": FillKind.TRADE,
            "FutureSpread": FillKind.TRADE,
            "BustTrade": FillKind.LIQUIDATION,
            "AdlTrade": FillKind.ADL,
            "Delivery": FillKind.DELIVERY,
            "Settle": FillKind.DELIVERY,
            "ForwardSplitSettle": FillKind.DELIVERY,
            "ReverseSplitSettle": FillKind.DELIVERY,
            "CorporateAction": FillKind.DELIVERY,
            "SessionSettlePnL": None,  # realises profit of USDC perpetuals; the position stays
            "Funding": None,
            "Dividend": None,
        },
        client_order_id_max_length=36,
        client_order_id_characters=_UNDERSCORED,
        # Bybit allows 50 list calls a second and account; ccxt asks for 10.
        rate_limit_ms=10,
        options={"fetchMarkets": {"types": ["linear", "inverse"]}},
    ),
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "okx": Quirks(
        envelope=Envelope("code", ("0",), "data", (list,)),
        pages=PageLimits(positions=0, open_orders=100, fills=100),
        trade_client_id_key="clOrdId",
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        fills_params={"instType": "SWAP"},
    ),
    "bitget": Quirks(
        envelope=Envelope("code", ("00000",), "data"),
        client_id_param="clientOrderId",
        client_order_id_characters=_UNDERSCORED,
        mark_key="markPrice",
    ),
    "bingx": Quirks(signed_contracts=True, client_order_id_characters=_UNDERSCORED),
    "bitmart": Quirks(mark_per_contract=True),
    "deribit": Quirks(
        signed_contracts=True,
        inverse_contract_size=ONE,  # `contracts` and order amounts are in USD already, though contractSize says 10
        trade_client_id_key="label",
        client_order_id_max_length=64,
        client_order_id_characters=_UNDERSCORED,
    ),
    "delta": Quirks(signed_contracts=True, client_id_param="clientOrderId"),
    "gate": Quirks(client_order_id_max_length=28, client_order_id_characters=_UNDERSCORED, trade_client_id_key="text"),
    "kucoinfutures": Quirks(
        envelope=Envelope("code", ("200000",), "data"),
        client_id_param="clientOrderId",
        client_order_id_max_length=40,
        client_order_id_characters=_UNDERSCORED,
    ),
    "krakenfutures": Quirks(
        limit_price_key="limitPrice",
        trade_client_id_key="cliOrdId",
        mark_key="markPrice",
        client_order_id_max_length=100,
        client_order_id_characters=_UNDERSCORED,
    ),
    "hyperliquid": Quirks(
        client_id_param="clientOrderId", client_order_id_max_length=34, client_order_id_characters="a-fx0-9"
    ),
    "mexc": Quirks(client_id_param="clientOrderId"),
    "htx": Quirks(client_id_param="clientOrderId"),
    "phemex": Quirks(client_id_param="clientOrderId"),
    "woo": Quirks(client_id_param="clientOrderId"),
    # Their ccxt classes do nothing with reduceOnly: such an order counts as an ordinary one.
    "bitflyer": Quirks(enforces_reduce_only=False),
    "bullish": Quirks(enforces_reduce_only=False),
    "cryptocom": Quirks(enforces_reduce_only=False),
    "whitebit": Quirks(enforces_reduce_only=False),
}

CAUTIOUS = Quirks()


def _kinds(value: object, entry: Quirks) -> object:
    given = {str(name): FillKind(kind) if kind else None for name, kind in dict(value).items()}  # type: ignore[call-overload]
    return {**entry.kinds, **given}


def _pages(value: object, entry: Quirks) -> object:
    return replace(entry.pages, **dict(value))  # type: ignore[call-overload]


def _decimal(value: object, entry: Quirks) -> object:
    del entry
    return parse_positive(str(value), field="quirks.inverse_contract_size")


# How a settings file's value becomes a field; every other field must have the type of the one that it replaces.
_CONVERSIONS: Mapping[str, Callable[[object, Quirks], object]] = {
    "kinds": _kinds,
    "pages": _pages,
    "inverse_contract_size": _decimal,
}


def _converted(name: str, value: object, entry: Quirks) -> object:
    if name not in _FIELDS:
        raise MalformedInputError(f"quirks.{name}", f"not known; allowed: {', '.join(sorted(_FIELDS))}")
    try:
        if name in _CONVERSIONS:
            return _CONVERSIONS[name](value, entry)
    except (TypeError, ValueError) as error:
        raise MalformedInputError(f"quirks.{name}", f"can't be read: {error}") from None
    if type(value) is not type(getattr(CAUTIOUS, name)):
        wanted = type(getattr(CAUTIOUS, name)).__name__
        raise MalformedInputError(f"quirks.{name}", f"must be a {wanted}, not {type(value).__name__}")
    return value


_FIELDS = frozenset(each.name for each in fields(Quirks)) - {"envelope"}


def quirks_of(exchange_id: str, overrides: Mapping[str, object] | None = None) -> Quirks:
    """Give a venue's entry, with the fields that the settings replace."""
    entry = QUIRKS.get(exchange_id, CAUTIOUS)
    changes = {name: _converted(name, value, entry) for name, value in (overrides or {}).items()}
    return replace(entry, **changes)  # type: ignore[arg-type]  # each was converted to its field's type
