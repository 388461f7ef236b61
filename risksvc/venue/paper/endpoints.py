"""The table of endpoints: path → method, who may call it, what answers it.

A path that isn't in the table doesn't exist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from risksvc.venue.paper import account_data, ledger_data, market_data, trading
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.wire import Row

Access = Literal["public", "read", "trade"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path: `public` needs no key, `read` any key, `trade` a key that may order."""

    method: Literal["GET", "POST"]
    access: Access
    answer: Callable[[Call], Row]


ENDPOINTS: Final[Mapping[str, Endpoint]] = MappingProxyType(
    {
        "/v5/market/time": Endpoint("GET", "public", market_data.server_time),
        "/v5/market/instruments-info": Endpoint("GET", "public", market_data.instruments_info),
        "/v5/market/tickers": Endpoint("GET", "public", market_data.tickers),
        "/v5/market/orderbook": Endpoint("GET", "public", market_data.orderbook),
        "/v5/market/kline": Endpoint("GET", "public", market_data.kline),
        "/v5/market/mark-price-kline": Endpoint("GET", "public", market_data.mark_price_kline),
        "/v5/position/list": Endpoint("GET", "read", account_data.position_list),
        "/v5/order/realtime": Endpoint("GET", "read", account_data.open_orders),
        "/v5/order/history": Endpoint("GET", "read", account_data.order_history),
        "/v5/execution/list": Endpoint("GET", "read", account_data.execution_list),
        "/v5/account/wallet-balance": Endpoint("GET", "read", account_data.wallet_balance),
        "/v5/account/transaction-log": Endpoint("GET", "read", ledger_data.transaction_log),
        "/v5/account/info": Endpoint("GET", "read", account_data.account_info),
        "/v5/user/query-api": Endpoint("GET", "read", account_data.query_api),
        "/v5/asset/coin/query-info": Endpoint("GET", "read", account_data.coin_info),
        "/v5/order/create": Endpoint("POST", "trade", trading.create),
        "/v5/order/amend": Endpoint("POST", "trade", trading.amend),
        "/v5/order/cancel": Endpoint("POST", "trade", trading.cancel),
        "/v5/order/cancel-all": Endpoint("POST", "trade", trading.cancel_all),
        "/v5/position/switch-mode": Endpoint("POST", "trade", trading.switch_mode),
        "/v5/order/disconnected-cancel-all": Endpoint("POST", "trade", trading.cancel_on_disconnect),
    }
)
