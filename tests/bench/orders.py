"""The orders that are asked for, in Python: the same as the C++ generator's, one after the other."""

from risksvc.client.orders import OrderArguments
from risksvc.v1 import strategy_pb2, types_pb2

_WIDE = strategy_pb2.PositionRange(low="-100000", high="100000")


class Orders:
    """Small, by turns buy and sell, over all instruments and strategies."""

    def __init__(self, prefix: str, *, instruments: int, strategies: int) -> None:
        self.prefix, self.instruments, self.strategies = prefix, instruments, strategies
        self.made = 0
        self._request = strategy_pb2.CheckOrderRequest(
            account="main",
            strategy_version="bench-1",
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity="0.001",
            intended_range=_WIDE,
            believed_position="0",
        )

    def request(self) -> strategy_pb2.CheckOrderRequest:
        """The next one as a message, which is changed by the call after this."""
        number, request = self.made, self._request
        buys = number % 2 == 1
        request.client_order_id = f"{self.prefix}-{number:09d}"
        request.instrument = f"C{number % self.instruments}/USDT:USDT"
        request.strategy = f"s{number // self.instruments % self.strategies}"
        request.side = types_pb2.SIDE_BUY if buys else types_pb2.SIDE_SELL
        request.limit_price = "49999.5" if buys else "50000.5"
        self.made += 1
        return request

    def arguments(self) -> OrderArguments:
        """The next one as the client library takes it."""
        number = self.made
        buys = number % 2 == 1
        self.made += 1
        return {
            "instrument": f"C{number % self.instruments}/USDT:USDT",
            "side": "buy" if buys else "sell",
            "type": "limit",
            "quantity": "0.001",
            "limit_price": "49999.5" if buys else "50000.5",
            "intended_position": ("-100000", "100000"),
            "believed_position": "0",
            "client_order_id": f"{self.prefix}-{number:09d}",
        }
