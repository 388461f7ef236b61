"""The reference in process: NautilusTrader's RiskEngine on a limit order of a cash account, with every check on.

Run by the Python of an environment of its own (`make bench-tools`), never imported. Reads a number of orders from each
line of its input, gives back the microseconds of each as JSON: execute(SubmitOrder) alone, with the order made before.
Its execution engine is a stand-in that takes what the RiskEngine lets through, and every order is checked to get there.
"""

import json
import sys
import time
from decimal import Decimal

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.config import RiskEngineConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.engine import RiskEngine
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.test_kit.stubs.events import TestEventStubs
from nautilus_trader.test_kit.stubs.identifiers import TestIdStubs


class Engine:
    """A RiskEngine with all around it."""

    def __init__(self) -> None:
        self.clock, self.trader, self.strategy = LiveClock(), TraderId("BENCH-001"), StrategyId("S-001")
        self.bus = MessageBus(trader_id=self.trader, clock=self.clock)
        cache = Cache()
        portfolio = Portfolio(msgbus=self.bus, cache=cache, clock=self.clock)
        self.instrument = TestInstrumentProvider.default_fx_ccy("AUD/USD")
        config = RiskEngineConfig(
            max_order_submit_rate="1000000/00:00:01",
            max_notional_per_order={str(self.instrument.id): 1_000_000},
        )
        self.risk = RiskEngine(portfolio=portfolio, msgbus=self.bus, cache=cache, clock=self.clock, config=config)
        self.passed = 0
        self.bus.register(endpoint="ExecEngine.execute", handler=self._take)
        self.bus.register(endpoint="ExecEngine.process", handler=self._refused)
        cache.add_instrument(self.instrument)
        portfolio.update_account(TestEventStubs.cash_account_state(account_id=TestIdStubs.account_id()))
        self.orders = OrderFactory(trader_id=self.trader, strategy_id=self.strategy, clock=self.clock)

    def _take(self, _command: object) -> None:
        self.passed += 1

    def _refused(self, event: object) -> None:
        raise SystemExit(f"an order was refused: {event}")

    def command(self) -> SubmitOrder:
        order = self.orders.limit(
            self.instrument.id, OrderSide.BUY, Quantity.from_int(10_000), Price(Decimal("0.80000"), 5)
        )
        return SubmitOrder(
            trader_id=self.trader,
            strategy_id=self.strategy,
            position_id=None,
            order=order,
            command_id=UUID4(),
            ts_init=self.clock.timestamp_ns(),
        )


def main() -> None:
    engine = Engine()
    engine.risk.start()
    for line in sys.stdin:
        taken, before = [], engine.passed
        for command in [engine.command() for _ in range(int(line))]:
            began = time.perf_counter_ns()
            engine.risk.execute(command)
            taken.append((time.perf_counter_ns() - began) / 1000)
        if engine.passed - before != len(taken):
            raise SystemExit(f"{engine.passed - before} of {len(taken)} orders passed")
        print(json.dumps(taken), flush=True)


if __name__ == "__main__":
    main()
