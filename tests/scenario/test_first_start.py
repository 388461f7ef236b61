"""A gate is started on an account that holds a position and works an order; later somebody trades by hand."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from risksvc.cli.demo.world import TraderHandle
from tests.scenario.conftest import Begin
from tests.scenario.world import BTC, ETH, SOL, ScenarioWorld

D = Decimal
BUY: dict[str, Any] = {"instrument": BTC, "side": "buy", "type": "limit", "quantity": "0.1", "price": "50000"}


@pytest.fixture(scope="module")
def world(new_world: Begin) -> Iterator[ScenarioWorld]:
    with new_world() as world:
        world.begin_venue()
        world.paper("events", name="fill", account="main", symbol="BTCUSDT", side="Buy", qty="0.3")
        limit = {"side": "Buy", "orderType": "Limit", "qty": "1", "price": "2000", "orderLinkId": "left-over"}
        world.paper("events", name="order", account="main", symbol="ETHUSDT", **limit)
        world.start_gate()
        world.start_venue()
        yield world


@pytest.fixture(scope="module")
def alpha(world: ScenarioWorld) -> TraderHandle:
    return world.trader("alpha")


def test_nothing_trades_before_what_exists_is_adopted(world: ScenarioWorld, alpha: TraderHandle) -> None:
    world.until_closed("NOT_ADOPTED")
    assert not world.halts(), "nobody did anything wrong"
    asked = world.answered(lambda: alpha.do("ask", **BUY, intended="0.1"))
    assert (asked["approved"], asked["reasons"]) == (False, ["NOT_ADOPTED"])
    (found,) = world.run("alice", "reconcile", expect=1)["results"]
    assert found["complete"]
    assert not found["agrees"]
    assert [(one["instrument"], one["position_quantity"]) for one in found["unexplained"]] == [(BTC, "0.3"), (ETH, "")]
    before = world.exposures()
    assert D(before[BTC].exposure) == 15_000, "what is held counts, adopted or not"
    assert D(before[ETH].exposure) == 2_500, "and so does what can still fill"


def test_two_persons_adopt_and_then_it_trades(world: ScenarioWorld, alpha: TraderHandle) -> None:
    words = ("adopt", "--all", "--cause", "first-start", "--reason", "carried over from the old system")
    proposed = world.run("alice", *words)
    assert proposed["outcome"] == "ADOPT_OUTCOME_PROPOSED", "exposure grows: nobody does that alone"
    refused = world.run("alice", "adopt", "--confirm", proposed["proposal_id"], expect=1)
    assert [one["reason"] for one in refused["refusals"]] == ["REFUSAL_REASON_SAME_PERSON"]
    assert "NOT_ADOPTED" in world.closed_because()
    adopted = world.run("bob", "adopt", "--confirm", proposed["proposal_id"])
    assert (adopted["outcome"], adopted["adopted"]) == ("ADOPT_OUTCOME_ADOPTED", 2)
    world.until_open()
    world.run("alice", "reconcile")
    traded = world.trade(alpha, instrument=BTC, side="buy", type="market", quantity="0.1", intended="0.1")
    assert D(traded["exposure_after"]) > 20_000, "on top of what was adopted"
    world.until(lambda: world.positions(BTC) == (D("0.4"), D("0.4")) and world.agree(), "agreement")
    assert world.owned(BTC, "alpha") == D("0.1")
    assert D(world.exposures()[BTC].adopted) == D("0.3")


def test_a_manual_trade_halts_until_it_is_adopted_and_two_resume(world: ScenarioWorld, alpha: TraderHandle) -> None:
    desk = world.trader("desk", gated=False)
    desk.do("place", instrument=SOL, side="buy", type="market", quantity="10")
    (halt,) = world.until(world.halts, "a halt by itself")
    assert (halt.trigger, halt.scope.account) == ("UNEXPECTED_FILL", "main")
    assert not alpha.do("ask", **BUY, intended="0.2")["approved"]
    world.run("alice", "reconcile", expect=1)
    refused = world.run("alice", "resume", halt.halt_id, "--reason", "it was only me", expect=1)
    assert "REFUSAL_REASON_UNEXPLAINED" in [one["reason"] for one in refused["refusals"]]
    assert world.adopt_all(cause="manual-trade")["outcome"] == "ADOPT_OUTCOME_PROPOSED"
    world.run("alice", "reconcile")
    world.resume_all()
    world.until_open()
    world.trade(alpha, instrument=BTC, side="buy", type="market", quantity="0.1", intended="0.2")
    world.until(lambda: world.positions(SOL) == (D(10), D(10)) and world.agree(), "agreement")
    world.until(lambda: world.owned(BTC, "alpha") == D("0.2"), "the fill in the ledger")
