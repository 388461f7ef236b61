"""What a venue may differ in: the fields of one entry in the table of venues, and their cautious defaults.

Never imports ccxt nor touches a network. A default is the strictest reading: what is not known to be so is not so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.types import ONE, Side

DAY_MS = 86_400_000
SPOT = "spot"  # ccxt's name for it
BOOK_UNITS = ("order", "base", "quote")


class FillKind(Enum):
    """What a fill is. TRANSFER: an asset of a spot account came in or went out."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    DELIVERY = "DELIVERY"
    TRANSFER = "TRANSFER"


class LedgerKind(Enum):
    """What moved an account's balance, as far as the equity check tells kinds apart.

    TRADE: the cash side of an execution: its commission, realised profit and delivery included. FEE: one that no
    execution carries. INTEREST: on what is borrowed or held.
    OTHER: known, and none of these (a bonus, an insurance payment).
    """

    TRADE = "TRADE"
    FEE = "FEE"
    FUNDING = "FUNDING"
    TRANSFER = "TRANSFER"
    INTEREST = "INTEREST"
    REBATE = "REBATE"
    OTHER = "OTHER"


class Leg(Enum):
    """Which position of a hedge."""

    LONG = "LONG"
    SHORT = "SHORT"


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


@dataclass(frozen=True, slots=True)
class ReadCosts:
    """What one request costs in ccxt's units: the next one waits that many times `rateLimit`. 1 where not known."""

    positions: Decimal = ONE
    open_orders: Decimal = ONE
    fills: Decimal = ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One venue.

    `listing`: which reader speaks to it ("bybit", or "unified": ccxt's unified calls).
    `unreadable`: why ccxt's class can't be used by this process at all; empty: it can.
    `inverse_contract_size`: quote units per unit of an inverse order where ccxt's own contract size is wrong for that.
    `signed_contracts`: ccxt passes the sign of a short through in `contracts`.
    `mark_per_contract`: the mark in a position row is the value of one contract.
    `notional_at_mark`: the notional in a position row is a value at the mark (elsewhere often the entry value).
    `side_key`, `sides`: where an order's or a fill's `info` says the side, where ccxt reads it wrongly.
    `fee_currency_key`: where a trade's `info` names the currency of its fee, where ccxt goes by a rule of thumb.
    `limit_price_key`, `trade_client_id_key`, `mark_key`: where `info` holds what ccxt leaves out of an order, a trade,
    a ticker.
    `kind_key`, `kinds`: where `info` says what an execution is, and what that means; what maps to None is no fill.
    `client_id_param`, `cancel_client_id_param`: how fetch_order, cancel_order take a client order id; empty: can't.
    `marks_in_tickers`: ccxt's tickers carry a mark price; where they do not, `mark_key` must name it.
    `symbol_required`: by ccxt's name of a method, whether it wants an instrument, where ccxt's own table is wrong.
    `position_lag_ms`: how far positions may lag behind fills.
    `fills_window_ms`: the longest span that one request for fills may name. `fill_history_ms`: how far back
    `fetch_my_trades` reaches at all; a longer downtime can't be read up.
    `position_seq_key`, `fill_seq_key`: where `info` holds a number that grows with every execution, comparable between
    positions and fills; empty: none.
    `leg_key`, `leg_values`: where an order's `info` (and a position's, where ccxt gives no `side`) says which leg of a
    hedge it moves; a value that is not listed: no leg, the account is in one-way mode. `fill_leg_key`: the same in a
    fill's `info`. `closed_key`: where a fill's `info` says how much of it closed a position, which tells its leg.
    `attached_key`, `attached_values`: where an order's `info` says that the venue made it for another order's
    take-profit or stop-loss; `parent_key`: where it names that order.
    `hedge_mode`: the account holds a long and a short position per instrument, where the venue can't be asked.
    `stream`: the ccxt.pro methods whose messages may trigger a read.
    `ledger_kind_key`, `ledger_kinds`: where an entry of fetch_ledger says what it is (in `info`; empty: ccxt's `type`),
    and what that means. ccxt's own types call funding a fee or a trade at several venues.
    `ledger_fee_apart`: an entry's fee is not in its amount.
    `balance_total`: what ccxt's `total` of a balance of derivatives is: "wallet" (cash) or "equity" (unrealised profit
    included); empty: not known, so equity is not checked.
    `cash`: currencies that a spot account pays with: not counted as held, unless the settings name a pair of theirs.
    `spot_fills_params`: in place of `fills_params` in a spot account.
    `costs`: of the requests of a complete read; `spot_costs`: of a spot account's, its balances in place of positions.
    `remarks`: by the name of a capability, what the venue or ccxt does otherwise than the rest of the row suggests.
    `book_unit`: what an order book's amounts count: "order" (what an order's amount counts), "base" or "quote" units.
    `book_levels`: how many levels of a side to ask for; 0: as many as the venue gives by itself.
    `places`: the kinds of orders ("limit", "market") that ccxt was proven to send whole: id, quantity, price, immediate
    or cancel, reduce-only; none: this process places no order there. `place_id_param`: how create_order takes a client
    order id; `ioc`: how it takes immediate-or-cancel. `places_legs`: it names the leg of a hedge that it closes.
    `rate_limit_ms`: ccxt's `rateLimit`, where ccxt's own is more cautious than the venue asks for; 0: ccxt's own.
    """

    listing: str = "unified"
    unreadable: str = ""
    envelope: Envelope | None = None
    pages: PageLimits = PageLimits()
    inverse_contract_size: Decimal | None = None
    signed_contracts: bool = False
    mark_per_contract: bool = False
    notional_at_mark: bool = False
    side_key: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)
    fee_currency_key: str = ""
    limit_price_key: str = ""
    trade_client_id_key: str = ""
    mark_key: str = ""
    marks_in_tickers: bool = False
    kind_key: str = ""
    kinds: Mapping[str, FillKind | None] = field(default_factory=dict)
    client_id_param: str = ""
    cancel_client_id_param: str = ""
    client_order_id_max_length: int = 32
    client_order_id_characters: str = "A-Za-z0-9"
    enforces_reduce_only: bool = True
    position_lag_ms: int = 2_000
    fills_window_ms: int = 7 * DAY_MS - 1
    fill_history_ms: int = 7 * DAY_MS
    position_seq_key: str = ""
    fill_seq_key: str = ""
    leg_key: str = ""
    leg_values: Mapping[str, Leg] = field(default_factory=dict)
    fill_leg_key: str = ""
    closed_key: str = ""
    attached_key: str = ""
    attached_values: tuple[str, ...] = ()
    parent_key: str = ""
    hedge_mode: bool = False
    stream: tuple[str, ...] = ()
    ledger_kind_key: str = ""
    ledger_kinds: Mapping[str, LedgerKind] = field(default_factory=dict)
    ledger_fee_apart: bool = False
    balance_total: str = ""
    cash: tuple[str, ...] = ("USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "EUR", "GBP", "JPY", "TRY", "BRL")
    book_unit: str = "order"
    book_levels: int = 100
    places: tuple[str, ...] = ()
    place_id_param: str = "clientOrderId"
    ioc: Mapping[str, object] = field(default_factory=lambda: {"timeInForce": "IOC"})
    places_legs: bool = False
    rate_limit_ms: int = 0
    costs: ReadCosts = ReadCosts()
    spot_costs: ReadCosts = ReadCosts()
    symbol_required: Mapping[str, bool] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=lambda: {"defaultType": "swap"})
    positions_params: Mapping[str, object] = field(default_factory=dict)
    open_orders_params: Mapping[str, object] = field(default_factory=dict)
    fills_params: Mapping[str, object] = field(default_factory=dict)
    spot_fills_params: Mapping[str, object] = field(default_factory=dict)

    @property
    def spot(self) -> bool:
        """Whether the account is read as a spot account."""
        return self.options.get("defaultType") == SPOT


# Keys of `info` that only a closed position has: such a row looks exactly like an open one and must not be counted.
CLOSED_POSITION_KEYS = (
    "closePositionAmt",
    "closeTotalPos",
    "closedSize",
    "closeAllPositions",
    "avgClosePrice",
    "closeAvgPx",
)
