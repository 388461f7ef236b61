"""Silence: a venue that hangs, answers empty, answers yesterday or answers half; first only reducing, then nothing.

Each is switched on for good while a position is held. Within the configured age nothing may grow any more; within the
longer one everything is denied, with a reason. The metric of the alert that tells it must show it as well.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from risksvc.cli.demo.world import TraderHandle
from tests.soak.options import Options
from tests.soak.verdict import Verdict, timed
from tests.soak.world import Shape, SoakWorld, soak_world

BTC = "BTC/USDT:USDT"
HELD = {BTC: Decimal("0.1"), "ETH/USDT:USDT": Decimal(1)}
MAX_AGE_MS, DENIED_AFTER_MS, EVERY_MS = 2_500, 5_000, 500
LATE_MS = 1_000  # a poll under way, the looks of this program
SHAPE = Shape(
    positions=f"{EVERY_MS}ms",
    settings=f"    snapshot_max_age: {MAX_AGE_MS}ms\n    mark_max_age: {MAX_AGE_MS}ms\n"
    f"    stale_denied_after: {DENIED_AFTER_MS}ms\n",
)
POSITIONS = "/v5/position/list"
SILENCES: Mapping[str, dict[str, Any]] = {
    "hangs": {"name": "hang", "path": "/v5/*"},
    "answers with nothing": {"name": "empty_body", "path": "/v5/*"},
    "answers empty lists": {"name": "empty_list", "path": POSITIONS},
    "answers yesterday": {"name": "frozen", "path": "/v5/*"},
    "answers half": {"name": "half_list", "path": POSITIONS},
}
# How a silent venue is told. NOT_REDUCING: the position may be nothing, so no order is sure to reduce it.
# LOCAL_STATE_HALTED: the client's library has heard of the halt already.
RIGHT = frozenset(
    {
        "SNAPSHOT_STALE",
        "MARK_STALE",
        "REDUCING_ONLY",
        "INSTRUMENT_SUSPECT",
        "NOT_REDUCING",
        "HALTED",
        "LOCAL_STATE_HALTED",
    }
)
ASK_EVERY_S = 0.25
GROWING = {"side": "buy", "quantity": "0.001", "price": "49000", "intended": "0.3"}
LEAVING = {"side": "sell", "quantity": "0.001", "price": "50000", "intended": "0.3", "reduce_only": True}


@dataclass(slots=True)
class Told:
    """When what was seen first, milliseconds after the silence began; NaN: never."""

    no_growth_ms: float = math.nan
    denied_ms: float = math.nan
    alert_ms: float = math.nan
    reasons: dict[str, None] = field(default_factory=dict)
    alerts: dict[str, None] = field(default_factory=dict)


def silence(_options: Options) -> Iterator[Verdict]:
    """Each silence in a world of its own: some end in a halt."""
    return map(one_silence, SILENCES)


def one_silence(how: str) -> Verdict:
    """One silence, until everything is denied."""
    verdict = Verdict(f"silence: the venue {how}")
    with timed(verdict), soak_world(SHAPE) as world:
        trader = world.trader("taker")
        for symbol, quantity in HELD.items():
            _buy(world, trader, symbol, quantity)
        told = _watch(world, trader, SILENCES[how])
        limit_ms = MAX_AGE_MS + EVERY_MS + LATE_MS
        verdict.most("nothing grows any more after", told.no_growth_ms, limit_ms, "ms")
        verdict.most("everything is denied after", told.denied_ms, DENIED_AFTER_MS + EVERY_MS + LATE_MS, "ms")
        verdict.most("an alert's metric shows it after", told.alert_ms, limit_ms, "ms")
        for reason in told.reasons:
            if reason not in RIGHT:
                verdict.breaks(f"denied with {reason}, which does not tell what is wrong")
        verdict.most("reasons that do not tell what is wrong", sum(one not in RIGHT for one in told.reasons), 0)
        verdict.figures["denied with"] = ", ".join(told.reasons)
        verdict.figures["alerts"] = ", ".join(told.alerts)
        verdict.figures["halts"] = ", ".join(one.trigger for one in world.halts()) or "none"
        venue = world.truth()
        counted = {name: one.worst_high for name, one in world.exposures().items()}
        flat = [name for name in venue if float(counted[name] or 0) < float(venue[name])]
        for name in flat:
            verdict.breaks(f"{name}: {venue[name]} is held, the gate counts {counted[name]}")
        verdict.most("positions counted as less than they are", len(flat), 0)
    return verdict


def _buy(world: SoakWorld, trader: TraderHandle, symbol: str, quantity: Decimal) -> None:
    order = {
        "instrument": symbol,
        "side": "buy",
        "type": "market",
        "quantity": str(quantity),
        "intended": str(quantity),
    }
    world.trade(trader, **order)
    world.until(lambda: world.positions(symbol) == (quantity, quantity), f"a position in {symbol}")


def _watch(world: SoakWorld, trader: TraderHandle, fault: dict[str, Any]) -> Told:
    told, began = Told(), time.monotonic()
    world.paper("faults", **fault)
    passed_ms = 0.0
    while passed_ms < DENIED_AFTER_MS + 10_000 and any(map(math.isnan, (told.denied_ms, told.alert_ms))):
        time.sleep(ASK_EVERY_S)
        passed_ms = (time.monotonic() - began) * 1_000
        _look(world, trader, told, passed_ms)
    return told


def _look(world: SoakWorld, trader: TraderHandle, told: Told, passed_ms: float) -> None:
    growing = trader.do("ask", instrument=BTC, **GROWING)
    leaving = trader.do("ask", instrument=BTC, **LEAVING)
    told.reasons.update(dict.fromkeys((*growing["reasons"], *leaving["reasons"])))
    if not growing["approved"] and math.isnan(told.no_growth_ms):
        told.no_growth_ms = passed_ms
    if not (growing["approved"] or leaving["approved"]) and math.isnan(told.denied_ms):
        told.denied_ms = passed_ms
    metrics = world.metrics()
    showing = [name for name, shows in ALERTS.items() if shows(metrics)]
    told.alerts.update(dict.fromkeys(showing))
    if showing and math.isnan(told.alert_ms):
        told.alert_ms = passed_ms


Metrics = dict[str, dict[tuple[tuple[str, str], ...], float]]


def _above(metrics: Metrics, name: str, limit: str) -> bool:
    return any(value > metrics[limit][labels] for labels, value in metrics[name].items())


# What the expressions of deploy/prometheus/alerts.yml look at, without the time that they wait.
ALERTS: Mapping[str, Callable[[Metrics], bool]] = {
    "RisksvcSnapshotStale": lambda metrics: _above(
        metrics, "risksvc_snapshot_age_seconds", "risksvc_snapshot_max_age_seconds"
    ),
    "RisksvcMarksStale": lambda metrics: _above(metrics, "risksvc_mark_age_seconds", "risksvc_mark_max_age_seconds"),
    "RisksvcDivergence": lambda metrics: any(metrics["risksvc_divergences"].values()),
    "RisksvcHalted": lambda metrics: 3 in metrics["risksvc_trading_state"].values(),
}
