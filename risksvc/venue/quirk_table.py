"""Where venues differ, as data: one entry per ccxt exchange id.

Read off ccxt 4.5.90's own classes (the method is named where it isn't obvious), and off rows recorded at the venues;
what neither proves keeps its cautious default. `fill_history_ms`: the documented reach of the endpoint that ccxt asks.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from risksvc.core.types import ONE, Side
from risksvc.venue.quirk_fields import DAY_MS, Envelope, FillKind, Leg, PageLimits, Quirks, ReadCosts
from risksvc.venue.quirk_ledgers import ledger_of
from risksvc.venue.quirk_orders import order_ways

_UNDERSCORED = "A-Za-z0-9_-"
_UPPER_LEGS = {"LONG": Leg.LONG, "SHORT": Leg.SHORT}
_LOWER_LEGS = {"long": Leg.LONG, "short": Leg.SHORT}
_ALL_STREAMS = ("watchOrders", "watchMyTrades", "watchPositions")
_NO_POSITION_STREAM = ("watchOrders", "watchMyTrades")
_NO_END = (
    "ccxt passes no end of a span on here: more than one page of fills within the span of one read can't be told "
    "apart from a cut list, and fails the read"
)
_COARSE_CANCEL = "ccxt wants one request per instrument"


def _cost(positions: str, open_orders: str, fills: str) -> ReadCosts:
    return ReadCosts(Decimal(positions), Decimal(open_orders), Decimal(fills))


_BINANCE = Quirks(
    notional_at_mark=True,
    client_id_param="clientOrderId",
    cancel_client_id_param="clientOrderId",
    client_order_id_max_length=36,
    client_order_id_characters=r".A-Z:/a-z0-9_-",
    pages=PageLimits(positions=0, open_orders=0, fills=1000),
    leg_key="positionSide",
    leg_values=_UPPER_LEGS,
    fill_leg_key="positionSide",
    stream=_ALL_STREAMS,
    balance_total="equity",  # marginBalance
    costs=_cost("5", "40", "5"),  # v3/positionRisk, openOrders without a symbol, userTrades
    spot_costs=_cost("4", "16", "4"),  # account, openOrders without a symbol, myTrades
    remarks={"cancel all": _COARSE_CANCEL},
    # One request for all instruments' orders costs more weight, and misses none.
    options={"defaultType": "swap", "fetchOpenOrders": {"warnWithoutSymbol": False}},
)

_ENTRIES: Mapping[str, Quirks] = {
    "bybit": Quirks(
        listing="bybit",
        envelope=Envelope("retCode", ("0",), "result", (dict,)),
        pages=PageLimits(positions=200, open_orders=50, fills=100),
        inverse_contract_size=ONE,  # an inverse order is in USD; ccxt shows the smallest order as the contract size
        trade_client_id_key="orderLinkId",
        cancel_client_id_param="orderLinkId",
        mark_key="markPrice",
        marks_in_tickers=True,
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
        fill_history_ms=730 * DAY_MS,
        position_seq_key="seq",
        fill_seq_key="seq",
        leg_key="positionIdx",
        leg_values={"1": Leg.LONG, "2": Leg.SHORT},
        closed_key="closedSize",
        attached_key="createType",
        attached_values=(
            "CreateByTakeProfit",
            "CreateByStopLoss",
            "CreateByPartialTakeProfit",
            "CreateByPartialStopLoss",
            "CreateByTrailingStop",
            "CreateByTrailingProfit",
        ),
        parent_key="parentOrderLinkId",
        fee_currency_key="feeCurrency",  # of a spot fee, which may be paid in a coin of its own; empty for contracts
        balance_total="wallet",
        stream=_ALL_STREAMS,
        # Bybit allows 50 list calls a second and account; ccxt asks for 10.
        rate_limit_ms=10,
        costs=_cost("5", "5", "5"),
        spot_costs=_cost("1", "5", "5"),  # account/wallet-balance, order/realtime, execution/list
        options={"fetchMarkets": {"types": ["linear", "inverse"]}},
    ),
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": replace(_BINANCE, costs=_cost("1", "5", "5")),
    "okx": Quirks(
        envelope=Envelope("code", ("0",), "data", (list,)),
        pages=PageLimits(positions=0, open_orders=100, fills=100),
        trade_client_id_key="clOrdId",
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        marks_in_tickers=True,
        fill_history_ms=90 * DAY_MS,
        leg_key="posSide",
        leg_values=_LOWER_LEGS,
        fill_leg_key="posSide",
        stream=_ALL_STREAMS,
        costs=_cost("2", "0.34", "2"),
        spot_costs=_cost("2", "0.34", "2"),
        remarks={
            "fills": "fills of perpetuals only; for dated futures: quirks.fills_params: {instType: FUTURES}",
        },
        balance_total="equity",
        fills_params={"instType": "SWAP"},
        spot_fills_params={"instType": "SPOT"},
    ),
    "bitget": Quirks(
        envelope=Envelope("code", ("00000",), "data"),
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        client_order_id_characters=_UNDERSCORED,
        mark_key="markPrice",
        marks_in_tickers=True,
        leg_key="posSide",
        leg_values=_LOWER_LEGS,
        stream=_ALL_STREAMS,
        costs=_cost("4", "2", "2"),
        # Left open, ccxt asks which kind of account it is, and takes every failure of that question for "classic": the
        # lists of a unified account would then be empty.
        options={"defaultType": "swap", "uta": False},
        remarks={
            "positions": "a classic account's USDT-margined contracts only; a unified account: options: {uta: true}; "
            "other contracts: quirks.positions_params: {productType: ...}",
            # parse_order turns the side of a closing order round, parse_trade does not.
            "hedge mode": "ccxt leaves the side of a closing fill as the venue writes it, which is the leg's: in hedge "
            "mode the ledger would be wrong. Set the account to one-way mode",
            "cancel all": _COARSE_CANCEL,
        },
    ),
    "bingx": Quirks(
        signed_contracts=True,
        cancel_client_id_param="clientOrderId",
        client_order_id_characters=_UNDERSCORED,
        marks_in_tickers=True,
        fill_history_ms=30 * DAY_MS,
        leg_key="positionSide",
        leg_values=_UPPER_LEGS,
        stream=_ALL_STREAMS,
        costs=_cost("2", "2", "2"),
        remarks={"fills": "the recorded fills carry neither id nor side: such a row fails the read"},
    ),
    "bitmart": Quirks(mark_per_contract=True),
    "deribit": Quirks(
        signed_contracts=True,
        inverse_contract_size=ONE,  # `contracts` and order amounts are in USD already, though contractSize says 10
        trade_client_id_key="label",
        client_order_id_max_length=64,
        client_order_id_characters=_UNDERSCORED,
        marks_in_tickers=True,
        fill_history_ms=3_650 * DAY_MS,  # asked with include_old
        stream=_NO_POSITION_STREAM,
        remarks={
            "fills": _NO_END,
            "client order ids": "ccxt hands no client id on; give it as params label, which fills carry too",
            "positions": "a position in an option is an unknown instrument, which fails the read",
        },
    ),
    "delta": Quirks(
        signed_contracts=True,
        client_id_param="clientOrderId",
        marks_in_tickers=True,
        remarks={"fills": _NO_END},
    ),
    "gate": Quirks(
        balance_total="wallet",
        client_order_id_max_length=28,
        client_order_id_characters=_UNDERSCORED,
        trade_client_id_key="text",
        marks_in_tickers=True,
        stream=_ALL_STREAMS,
        remarks={
            "client order ids": "they begin with `t-`: ccxt puts it before an id that does not begin with t, and the "
            "venue then knows another id than the gate",
            "positions": "USDT-margined contracts only, unless quirks.positions_params (and open_orders_params, "
            "fills_params) name another settle",
            "hedge mode": "an order's row says its leg only where it closes one",
            "cancel all": _COARSE_CANCEL,
        },
    ),
    "kucoinfutures": Quirks(
        envelope=Envelope("code", ("200000",), "data"),
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        client_order_id_max_length=40,
        client_order_id_characters=_UNDERSCORED,
        marks_in_tickers=True,
        leg_key="positionSide",
        leg_values=_UPPER_LEGS,
        stream=_ALL_STREAMS,
        costs=_cost("4", "4", "10"),  # futuresPrivate: positions, orders, fills
        remarks={"positions": "an empty list was seen while a position was open; the flat rule holds it unconfirmed"},
    ),
    "krakenfutures": Quirks(
        limit_price_key="limitPrice",
        trade_client_id_key="cliOrdId",
        mark_key="markPrice",
        marks_in_tickers=True,
        kind_key="fillType",
        kinds={
            "maker": FillKind.TRADE,
            "taker": FillKind.TRADE,
            "takerAfterEdit": FillKind.TRADE,
            "liquidation": FillKind.LIQUIDATION,
            "assignee": FillKind.ADL,  # somebody else's position is assigned to this account, or this one's away
            "assignor": FillKind.ADL,
            "unwindCounterparty": FillKind.ADL,
            "unwindBankrupt": FillKind.LIQUIDATION,
        },
        client_order_id_max_length=100,
        client_order_id_characters=_UNDERSCORED,
        stream=_ALL_STREAMS,
        remarks={
            "fills": "the venue lists its newest page only, whatever span is asked for: " + _NO_END,
            "inverse": "ccxt gives inverse fills without an amount: an account that trades them can't be read",
        },
    ),
    "hyperliquid": Quirks(
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        client_order_id_max_length=34,
        client_order_id_characters="a-fx0-9",
        mark_key="markPx",
        # ccxt's table wants an instrument for both; its fetch_my_trades and fetch_open_orders ask for all without one.
        symbol_required={"fetchMyTrades": False, "fetchOpenOrders": False},
        stream=_ALL_STREAMS,
        costs=_cost("2", "10", "10"),  # info: clearinghouseState 2, other types 10
        # Left alone, ccxt signs two requests before the first cancel: approving its own fee, and naming a referrer.
        options={"defaultType": "swap", "builderFee": False, "approvedBuilderFee": True, "refSet": True},
        remarks={
            "client order ids": "0x and 32 hexadecimal digits, exactly",
            "ledger": "funding is not in it",
            "positions": "the first perpetual exchange only, not those of builders (dex)",
        },
    ),
    "mexc": Quirks(
        # fetch_order of contracts asks for the order "None" when it is given a client id: no way to look one up.
        # 1 opens a long, 2 closes a short, 3 opens a short, 4 closes a long; ccxt's parse_order_side takes 2 for a
        # sell, and leaves 3 and 4 as they are.
        side_key="side",
        sides={"1": Side.BUY, "2": Side.BUY, "3": Side.SELL, "4": Side.SELL},
        mark_key="fairPrice",  # what the venue calls its mark price
        fill_history_ms=90 * DAY_MS,
        symbol_required={"fetchOpenOrders": False},  # fetch_open_orders of contracts sends no symbol at all
        stream=_NO_POSITION_STREAM,
        costs=_cost("2", "2", "2"),
        remarks={"fills": _NO_END},
    ),
    "htx": Quirks(
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        fills_window_ms=2 * DAY_MS - 1,
        leg_key="position_side",
        leg_values=_LOWER_LEGS,
        fill_leg_key="position_side",
        stream=_NO_POSITION_STREAM,
        fill_history_ms=120 * DAY_MS,
        book_levels=0,  # spot books come with 5, 10, 20 or, asked for nothing, 150 levels
        costs=_cost("0.42", "1", "0.42"),
        remarks={
            "client order ids": "contracts want a whole number; ccxt drops every other id",
            "positions": "USDT-margined contracts only, unless options.defaultSubType says inverse",
            "ledger": "of the spot account only",
        },
    ),
    "phemex": Quirks(
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        mark_key="markPriceRp",
        leg_key="posSide",
        leg_values={"Long": Leg.LONG, "Short": Leg.SHORT},
        stream=_NO_POSITION_STREAM,
        costs=_cost("1", "1", "5"),
        remarks={
            "fills": _NO_END,
            "positions": "USDT-margined contracts only, unless quirks.positions_params names another settle",
            "inverse": "a coin-margined ticker has its mark in another unit and is not read: every order is denied",
        },
    ),
    "woo": Quirks(
        client_id_param="clientOrderId",
        cancel_client_id_param="clientOrderId",
        marks_in_tickers=True,
        leg_key="positionSide",
        leg_values=_UPPER_LEGS,
        fill_history_ms=90 * DAY_MS,
        stream=_ALL_STREAMS,
        costs=_cost("3.33", "1", "1"),
        remarks={"ledger": "money in and out only"},
    ),
    "dydx": Quirks(remarks={"ledger": "transfers only"}),
    "kraken": Quirks(
        ledger_fee_apart=True,
        # fetch_order asks for txid None beside the client id: no way to look one up.
        cancel_client_id_param="clientOrderId",
        client_order_id_max_length=18,  # of free text; a UUID may be longer
        enforces_reduce_only=False,
        stream=_NO_POSITION_STREAM,
        spot_costs=_cost("3", "3", "6"),  # Balance, OpenOrders, TradesHistory
        options={"defaultType": "spot"},
    ),
    "coinbase": Quirks(
        client_order_id_characters=_UNDERSCORED,
        client_order_id_max_length=36,
        enforces_reduce_only=False,
        stream=("watchOrders",),
        remarks={"client order ids": "ccxt makes one up: give yours as params client_order_id"},
        options={"defaultType": "spot"},
    ),
    # Their ccxt classes do nothing with reduceOnly: such an order counts as an ordinary one.
    "bitflyer": Quirks(enforces_reduce_only=False, remarks={"fills": _NO_END}),
    "bullish": Quirks(enforces_reduce_only=False),
    "cryptocom": Quirks(enforces_reduce_only=False, fills_window_ms=DAY_MS - 1),
    "whitebit": Quirks(enforces_reduce_only=False, remarks={"fills": _NO_END}),
    # calculate_rate_limiter_cost compares a number that it has parsed with an int.
    "pacifica": Quirks(unreadable="ccxt's class fails at its first request when numbers are exact (number=str)"),
}

# Classes that ccxt derives from another one: the same protocol at another address. Their rate limits are ccxt's.
_DERIVED: Mapping[str, str] = {
    "bybiteu": "bybit",
    "bybitid": "bybit",
    "myokx": "okx",
    "okxus": "okx",
    "gateeu": "gate",
}


def _whole(name: str) -> Quirks:
    ledger, orders = ledger_of(name), order_ways(name)
    return replace(
        _ENTRIES[name],
        ledger_kind_key=ledger.key,
        ledger_kinds=ledger.kinds,
        places=orders.places,
        place_id_param=orders.id_param,
        ioc=orders.ioc,
        places_legs=orders.legs,
    )


QUIRKS: Mapping[str, Quirks] = {
    **{name: _whole(name) for name in _ENTRIES},
    **{name: replace(_whole(origin), rate_limit_ms=0) for name, origin in _DERIVED.items()},
}
