"""How soon the headroom of a cancelled order is back: from the venue's acknowledgement to the end of its reservation.

`python -m tests.scenario.headroom [ORDERS]` starts a whole world, measures and prints.
"""

import json
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from risksvc.cli.demo.trader import paper_exchange
from risksvc.client import GuardedExchange, OrderDenied, RiskGate, guard
from tests.scenario.world import BTC, ScenarioWorld

MOST = Decimal("0.4")
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.002


def headroom_times(world: ScenarioWorld, *, strategy: str, orders: int, believed: str = "0") -> list[float]:
    """Places and cancels so many orders far from the market, one after another; gives milliseconds, sorted.

    `believed`: what the strategy holds of BTC.
    """
    exchange = paper_exchange(world.venue_url, key="paper-trade", secret="paper-trade-secret")
    exchange.load_markets()
    with RiskGate(world.gate, account="main", strategy=strategy) as gate:
        guarded = guard(exchange, gate)
        return sorted(_one(world, guarded, believed) for _ in range(orders))


def _one(world: ScenarioWorld, guarded: GuardedExchange, believed: str) -> float:
    placed = world.until(lambda: _placed(guarded, believed), "an order approved by a gate that has its lease")
    client_order_id = placed["clientOrderId"]
    guarded.cancel_order(placed["id"], BTC)
    acknowledged = time.monotonic()
    while any(one.order.client_order_id == client_order_id for one in world.reservations()):
        assert time.monotonic() - acknowledged < PATIENCE_S, "the reservation does not end"
        time.sleep(LOOK_EVERY_S)
    return (time.monotonic() - acknowledged) * 1_000


def _placed(guarded: GuardedExchange, believed: str) -> dict[str, Any] | None:
    """None where the gate had lost its lease for a moment."""
    try:
        params = {"clientOrderId": f"hr-{time.time_ns()}"}
        intended = (-MOST, MOST)
        order = (BTC, "limit", "buy", "0.001", "40000", params)
        return dict(guarded.create_order(*order, intended_position=intended, believed_position=believed))
    except OrderDenied as denied:
        if denied.denial.reason != "KILL_SWITCH_UNREACHABLE":
            raise
        return None


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def shown(times: list[float]) -> dict[str, float]:
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "max_ms": 1.0}
    return {name: round(percentile(times, share), 1) for name, share in names.items()}


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory(prefix="rs") as folder, ScenarioWorld(Path(folder)) as world:
        world.begin_open()
        times = headroom_times(world, strategy="alpha", orders=orders)
    sys.stdout.write(json.dumps({"orders": len(times), **shown(times)}) + "\n")


if __name__ == "__main__":
    main()
