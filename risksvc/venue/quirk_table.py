"""Where venues differ, as data: one entry per ccxt exchange id.

Read off ccxt 4.5.90's own classes, and off rows recorded at the venues; what neither proves keeps its cautious default.
"""

from collections.abc import Mapping

from risksvc.core.types import ONE
from risksvc.venue.quirk_fields import DAY_MS, Envelope, FillKind, Leg, PageLimits, Quirks

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
        stream=("watchOrders", "watchMyTrades", "watchPositions"),
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
