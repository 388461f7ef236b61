"""A venue that misbehaves: never taken for flat, nothing approved on stale truth, and it recovers by itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import grpc
import pytest

from risksvc.cli.demo.world import TraderHandle
from tests.scenario.conftest import Begin
from tests.scenario.world import BTC, ScenarioWorld

D = Decimal
HELD = D("0.1")
MAX_AGE_MS, DENIED_AFTER_MS = 2_500, 5_000
# What may lie between the gate's decision and the strategy's clock: the client's deadline, and a late scheduler.
ON_THE_WAY_MS = 250
SETTINGS = f"""\
    snapshot_max_age: {MAX_AGE_MS}ms
    mark_max_age: {MAX_AGE_MS}ms
    stale_denied_after: {DENIED_AFTER_MS}ms
"""

POSITIONS, ORDERS, FILLS = "/v5/position/list", "/v5/order/realtime", "/v5/execution/list"
UNREADABLE: list[dict[str, Any]] = [
    {"name": "null_body", "path": POSITIONS},
    {"name": "null_result", "path": ORDERS},
    {"name": "http_error", "path": "/v5/*", "status": 500},
    {"name": "hang", "path": POSITIONS},
    {"name": "truncated_body", "path": POSITIONS, "percent": 50},
    {"name": "broken_json", "path": FILLS, "percent": 50},
]


@dataclass(slots=True)
class Watched:
    """What the gate said of the position all the time. `flat`: answers that counted nothing."""

    looks: int = 0
    flat: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def world(new_world: Begin) -> Iterator[ScenarioWorld]:
    with new_world(settings=SETTINGS) as world:
        world.begin_open()
        yield world


@pytest.fixture(scope="module")
def alpha(world: ScenarioWorld) -> TraderHandle:
    trader = world.trader("alpha")
    world.trade(trader, instrument=BTC, side="buy", type="market", quantity=str(HELD), intended="0.3")
    world.until(lambda: world.positions(BTC) == (HELD, HELD), "a position")
    return trader


@pytest.fixture(autouse=True)
def calm(world: ScenarioWorld, alpha: TraderHandle) -> Iterator[None]:
    """Each test begins and ends without faults, in an open gate."""
    world.until_open()
    yield
    world.paper_clear("faults")


def ask(alpha: TraderHandle) -> dict[str, Any]:
    return alpha.do("ask", instrument=BTC, side="buy", quantity="0.001", price="49000", intended="0.3")


def trade(world: ScenarioWorld, alpha: TraderHandle, *, side: str, reduce_only: bool) -> None:
    """Trades 0.05 BTC, as soon as that is approved."""
    order = {"side": side, "type": "market", "quantity": "0.05", "intended": "0.3", "reduce_only": reduce_only}
    world.trade(alpha, instrument=BTC, **order)


@contextmanager
def never_flat(world: ScenarioWorld) -> Iterator[Watched]:
    """Looks all the time: the exposure may never be below what is held."""
    watched, ended = Watched(), threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            try:
                line = world.exposures()[BTC]
            except grpc.RpcError:
                continue
            watched.looks += 1
            if D(line.exposure or 0) < HELD * 49_000 or D(line.ledger_position) != HELD:
                watched.flat.append(f"exposure {line.exposure}, ledger {line.ledger_position}")

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield watched
    finally:
        ended.set()
        looking.join()
    assert watched.looks
    assert not watched.flat


def start_probe(alpha: TraderHandle) -> None:
    alpha.do("probe", instrument=BTC, side="buy", quantity="0.001", price="49000", intended="0.3")


@pytest.mark.parametrize("fault", UNREADABLE, ids=[one["name"] for one in UNREADABLE])
def test_an_unreadable_venue_closes_the_gate_and_opens_it_again(
    world: ScenarioWorld, alpha: TraderHandle, fault: dict[str, Any]
) -> None:
    start_probe(alpha)
    with never_flat(world):
        world.paper("faults", **fault)
        world.until_closed("SNAPSHOT_STALE")
        assert not ask(alpha)["approved"]
        status = world.status()
        read_at_ns = status.now_ns - status.accounts[0].snapshot_age_ms * 1_000_000
        probe = alpha.do("probe", stop=True)
        late_ms = (probe["last_approval_ns"] - read_at_ns) / 1_000_000
        assert late_ms <= MAX_AGE_MS + ON_THE_WAY_MS, "approved on stale truth"
        assert world.positions(BTC) == (HELD, HELD), "what was read last is kept, and is called old"
        world.until(lambda: world.account().last_read_failure, "a word of what went wrong")
        world.paper_clear("faults")
        world.until_open()
    world.until(lambda: ask(alpha)["approved"], "an approval")
    assert world.agree()


def test_what_reduces_passes_a_little_longer_and_then_nothing_does(world: ScenarioWorld, alpha: TraderHandle) -> None:
    leaving = {"side": "sell", "type": "limit", "quantity": "0.001", "price": "50000", "intended": "0.3"}
    world.paper("faults", name="http_error", path=POSITIONS, status=500)
    world.until(lambda: not ask(alpha)["approved"], "a gate that lets nothing grow")

    def leave() -> dict[str, Any]:
        return alpha.do("ask", instrument=BTC, **leaving, reduce_only=True)

    assert world.answered(leave)["approved"]
    last = world.until(lambda: (asked := world.answered(leave))["reasons"] and asked, "a denial")
    assert last["reasons"] == ["SNAPSHOT_STALE"]
    assert world.account().snapshot_age_ms > DENIED_AFTER_MS


def test_empty_lists_for_a_moment_are_suspect_and_never_flat(world: ScenarioWorld, alpha: TraderHandle) -> None:
    with never_flat(world):
        world.paper("faults", name="empty_list", path=POSITIONS, count=1)
        world.until(lambda: world.account().divergences, "a suspicion")
        assert not ask(alpha)["approved"]
        assert D(world.exposures()[BTC].position_high) == HELD
        world.until(lambda: not world.account().divergences, "a read that agrees")
    assert not world.halts(), "one bad read halts nothing"
    world.until(lambda: ask(alpha)["approved"], "an approval")


def test_empty_lists_that_last_halt_and_are_never_flat(world: ScenarioWorld, alpha: TraderHandle) -> None:
    with never_flat(world):
        world.paper("faults", name="empty_list", path=POSITIONS)
        (halt,) = world.until(world.halts, "a halt by itself")
        assert halt.trigger == "POSITION_DRIFT"
        assert not ask(alpha)["approved"]
        world.paper_clear("faults")
        world.until(lambda: not world.account().divergences, "a read that agrees")
    world.resume_all()
    world.until(lambda: ask(alpha)["approved"], "an approval")


@pytest.mark.parametrize("fault", ["position_lag", "execution_lag"])
def test_lists_that_lag_are_not_a_difference(world: ScenarioWorld, alpha: TraderHandle, fault: str) -> None:
    world.paper("faults", name=fault, ms=1_500)
    for side, reduce_only in (("buy", False), ("sell", True)):
        trade(world, alpha, side=side, reduce_only=reduce_only)
    world.until(lambda: world.positions(BTC) == (HELD, HELD) and world.agree(), "agreement")
    assert not world.halts()
