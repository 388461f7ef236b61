"""Release: from a cancel that the venue acknowledged to the headroom's return, with the private stream and without.

A resting order is approved, placed and cancelled, until the gate holds no reservation for it. The bar is on the time
from sending the cancel, which is longer than the one from its acknowledgement. Without a stream the proof waits for the
strategy's report and a targeted read.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from risksvc.cli.demo.world import TraderHandle
from tests.soak.options import Options
from tests.soak.verdict import Verdict, timed
from tests.soak.world import Shape, SoakWorld, soak_world

BTC = "BTC/USDT:USDT"
P95_MS = 250.0
ORDER = {"instrument": BTC, "side": "buy", "type": "limit", "quantity": "0.01", "price": "48000", "intended": "0.3"}


def release(options: Options) -> Iterator[Verdict]:
    """With the stream, which has the bar, and without, which is told."""
    yield one_release(options, stream=True)
    yield one_release(options, stream=False)


def one_release(options: Options, *, stream: bool) -> Verdict:
    """`options.cycles` cancels."""
    verdict = Verdict(f"release: {options.cycles} cancels, {'with' if stream else 'without'} the private stream")
    shape = Shape()
    with timed(verdict), soak_world(shape if stream else replace(shape, stream=False)) as world:
        trader = world.trader("taker")
        found = [_one(world, trader) for _ in range(options.cycles)]
        verdict.spread("from the acknowledgement's report to the headroom", [after for _, after in found], "ms")
        spread = verdict.spread("from sending the cancel to the headroom", [whole for whole, _ in found], "ms")
        if stream:
            verdict.most("p95 until the headroom is back", spread["p95"], P95_MS, "ms")
        verdict.most("max until the headroom is back", spread["max"], 5_000, "ms")
    return verdict


def _one(world: SoakWorld, trader: TraderHandle) -> tuple[float, float]:
    """One order; milliseconds until nothing is reserved for it, from sending its cancel and from the answer on."""
    placed = trader.do("trade", **ORDER, wait_fill=False)
    assert placed["approved"], placed
    began = time.monotonic()
    trader.do("cancel", **{name: placed[name] for name in ("venue_order_id", "client_order_id")}, instrument=BTC)
    answered = time.monotonic()
    _wait_until_released(world, placed["client_order_id"])
    ended = time.monotonic()
    return (ended - began) * 1_000, (ended - answered) * 1_000


def _wait_until_released(world: SoakWorld, client_order_id: str) -> None:
    began = time.monotonic()
    while any(one.order.client_order_id == client_order_id for one in world.reservations()):
        assert time.monotonic() - began < 30, f"{client_order_id} is reserved for ever"
        time.sleep(0.002)
