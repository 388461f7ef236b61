"""For strategies: ask the risk gate before every order. Needs grpcio and protobuf only.

    from risksvc.client import RiskGate, guard

    gate = RiskGate("unix:/run/risksvc/strategy.sock", account="main", strategy="mm-1")
    exchange = guard(ccxt.bybit({...}), gate)
    exchange.create_order("BTC/USDT:USDT", "limit", "buy", 0.5, 50_000, intended_position="1", believed_position="0")

`OrderDenied` says why an order was not sent. Without ccxt, ask and report yourself:

    decision = gate.check(instrument="BTC/USDT:USDT", side="buy", type="limit", quantity="0.5", limit_price="50000",
                          intended_position="1", believed_position="0")
    if decision:                                     # true only while the order may still be sent
        gate.sent(decision.client_order_id)
        ...

    decisions = gate.check_batch([{"instrument": "BTC/USDT:USDT", ...}, ...], all_or_none=True)      # 100 at most

asyncio programs use `AsyncRiskGate`, which has the same methods to await. Anything unclear is a denial: an unreachable,
hung or silent gate, a halt, an answer that can't be read. There is no way to switch that off.
"""

from risksvc.client.asynchronous import AsyncRiskGate
from risksvc.client.blocking import RiskGate
from risksvc.client.decision import Decision, Denial, ExposureUse, LocalReason, OrderDenied
from risksvc.client.following import Halt
from risksvc.client.guard import guard
from risksvc.client.guard_async import AsyncGuardedExchange
from risksvc.client.guard_blocking import GuardedExchange
from risksvc.client.guarded import PastTheGateError
from risksvc.client.orders import Number, OrderArguments, new_client_order_id
from risksvc.client.session import PositionAnswer
from risksvc.core.types import MalformedInputError, OrderType, ReplaceMode, RiskError, Scope, Side, TradingState
from risksvc.tls.endpoint import Tls
from risksvc.tls.pem import TlsError

__all__ = [
    "AsyncGuardedExchange",
    "AsyncRiskGate",
    "Decision",
    "Denial",
    "ExposureUse",
    "GuardedExchange",
    "Halt",
    "LocalReason",
    "MalformedInputError",
    "Number",
    "OrderArguments",
    "OrderDenied",
    "OrderType",
    "PastTheGateError",
    "PositionAnswer",
    "ReplaceMode",
    "RiskError",
    "RiskGate",
    "Scope",
    "Side",
    "Tls",
    "TlsError",
    "TradingState",
    "guard",
    "new_client_order_id",
]
