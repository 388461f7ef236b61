"""kill -9 of each process in the middle of trading: each comes back, and knows what it must know."""

import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from risksvc.cli.demo.files import LIMITS
from risksvc.cli.demo.world import TraderHandle
from tests.scenario.conftest import Begin
from tests.scenario.world import BTC, ScenarioWorld

D = Decimal
SETTINGS = "    snapshot_max_age: 2500ms\n    mark_max_age: 2500ms\n    stale_denied_after: 20s\n"
# The strategy's program learns of a fill late here: when it is told to look.
PATIENT = LIMITS.replace("      alpha:\n", "      alpha:\n        belief_lag: 30s\n")


@pytest.fixture(scope="module")
def world(new_world: Begin) -> Iterator[ScenarioWorld]:
    with new_world(settings=SETTINGS, limits=PATIENT) as world:
        world.begin_open()
        yield world


@pytest.fixture(scope="module")
def alpha(world: ScenarioWorld) -> TraderHandle:
    trader = world.trader("alpha")
    world.trade(trader, instrument=BTC, side="buy", type="market", quantity="0.1", intended="0.3")
    world.until(lambda: world.positions(BTC) == (D("0.1"), D("0.1")), "a position")
    return trader


def rest(world: ScenarioWorld, alpha: TraderHandle, price: str, quantity: str = "0.05") -> dict[str, Any]:
    """Places a buy that rests, and gives what names it."""
    order = {"side": "buy", "type": "limit", "quantity": quantity, "price": price, "intended": "0.3"}
    placed = world.trade(alpha, instrument=BTC, wait_fill=False, **order)
    return {"instrument": BTC, **order, **{key: placed[key] for key in ("venue_order_id", "client_order_id")}}


def ask(alpha: TraderHandle) -> dict[str, Any]:
    return alpha.do("ask", instrument=BTC, side="buy", quantity="0.001", price="49000", intended="0.3")


def until_approved(world: ScenarioWorld, alpha: TraderHandle) -> None:
    """An order passes again. What was refused in between was refused for a moment only."""
    world.until(lambda: ask(alpha)["approved"], "an approval")


def reserved(world: ScenarioWorld) -> dict[str, str]:
    """Orders that count, by client order id, with their status; what was only asked about is left out."""
    asked_only = ("NEVER_SENT", "APPROVED")
    return {one.order.client_order_id: one.status for one in world.reservations() if one.status not in asked_only}


def redis_says(world: ScenarioWorld, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(world.redis_socket))
        client.sendall(f"{command}\r\n".encode())
        return client.recv(64)


def test_the_venue_process_dies_and_no_fill_is_lost(world: ScenarioWorld, alpha: TraderHandle) -> None:
    order = rest(world, alpha, "49500")
    world.kill("venue")
    world.until_closed("SNAPSHOT_STALE")
    asked = ask(alpha)
    assert not asked["approved"]
    assert "SNAPSHOT_STALE" in asked["reasons"]
    leaving = {
        "instrument": BTC,
        "side": "sell",
        "type": "limit",
        "quantity": "0.01",
        "price": "50000",
        "intended": "0.3",
    }
    assert alpha.do("ask", **leaving, reduce_only=True)["approved"], "what reduces still passes"
    world.paper("price", symbol="BTCUSDT", price="49000")
    assert world.at_venue()["positions"]["BTCUSDT"] == "0.15", "it filled while nobody looked"
    assert world.positions(BTC)[1] == D("0.1"), "and the gate can't know"
    world.start_venue()
    world.until(lambda: world.owned(BTC, "alpha") == D("0.15"), "the fill, found and attributed")
    alpha.do("book", **order)
    world.paper("price", symbol="BTCUSDT", price="50000")
    world.until(lambda: world.agree() and not reserved(world), "agreement")
    assert not world.halts()
    until_approved(world, alpha)


def test_the_gate_dies_while_orders_work(world: ScenarioWorld, alpha: TraderHandle) -> None:
    stays, goes = rest(world, alpha, "48000"), rest(world, alpha, "48100")
    both = {stays["client_order_id"], goes["client_order_id"]}
    world.until(lambda: set(reserved(world)) == both, "two orders")
    held = world.owned(BTC, "alpha")
    world.kill("venue")  # so that nothing but its journal can tell the gate
    world.kill("gate")
    desk = world.trader("desk", gated=False)
    desk.do("cancel", **goes)
    world.start_gate()
    assert both <= set(reserved(world)), "what it had approved still counts"
    assert world.owned(BTC, "alpha") == held
    assert D(world.exposures()[BTC].working_buy) >= D("0.1")
    world.start_venue()
    world.until(lambda: set(reserved(world)) == {stays["client_order_id"]}, "the cancelled one, proven finished")
    world.until(lambda: reserved(world) == {stays["client_order_id"]: "ACKNOWLEDGED"}, "the other one, proven to work")
    until_approved(world, alpha)
    alpha.do("cancel", **stays)
    world.until(lambda: not reserved(world), "an account without reservations")
    assert not world.halts()
    assert world.agree()


def test_redis_dies_and_comes_back(world: ScenarioWorld, alpha: TraderHandle) -> None:
    until_approved(world, alpha)
    world.run("bob", "halt", "--strategy", "beta", "--account", "main", "--reason", "drill: Redis dies")
    world.kill("redis")
    world.until_closed("KILL_SWITCH_UNREACHABLE")
    assert not ask(alpha)["approved"]
    world.start_redis()
    until_approved(world, alpha)
    assert [one.scope.strategy for one in world.halts()] == ["beta"]


def test_redis_is_flushed_and_the_halts_survive(world: ScenarioWorld, alpha: TraderHandle) -> None:
    before = [one.halt_id for one in world.halts()]
    assert before
    assert redis_says(world, "FLUSHALL").startswith(b"+OK")
    world.until_closed("KILL_SWITCH_STORE_LOST")
    assert [one.halt_id for one in world.halts()] == before
    assert not ask(alpha)["approved"]
    time.sleep(1)  # nothing to wait for: it must not mend itself
    assert "KILL_SWITCH_STORE_LOST" in world.closed_because()
    world._begin_store()
    world.until(lambda: not world.closed_because(), "a gate that follows the store again")
    assert [one.halt_id for one in world.halts()] == before
    until_approved(world, alpha)
    world.resume_all()
    assert not world.halts()
