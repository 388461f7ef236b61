"""How incidents go wrong, one test for each known way, against real processes: none of them is possible here."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from risksvc.cli.drill.world import RECIPIENTS
from risksvc.v1 import incident_pb2 as pb
from tests.scenario.incidents import (
    EXECUTIONS,
    PARTICIPANT,
    PHONE,
    POSITIONS,
    SUPPORT,
    IncidentWorld,
    an_incident_world,
)
from tests.scenario.world import BTC, SOL

D = Decimal
MS = 1_000_000
LAST_APPROVAL_MS = 500
THIN = {"levels": 40, "half_spread_bps": "1", "gap_bps": "4", "first_notional": "700", "growth_notional": "0"}
LOST = "MONITORING_LOST"
DEEP = {"levels": 40, "half_spread_bps": "1", "gap_bps": "1", "first_notional": "500000", "growth_notional": "0"}
ORDER = {"instrument": BTC, "side": "buy", "quantity": "0.001", "price": "49000", "intended": "0.3"}
LONG, PRICE = D("173"), D(150)


@pytest.fixture(scope="module")
def world() -> Iterator[IncidentWorld]:
    with an_incident_world() as world:
        world.begin()
        world.until_open()
        yield world


@pytest.fixture(autouse=True)
def calm(world: IncidentWorld) -> Iterator[None]:
    """No test leaves a fault to the next."""
    yield
    world.paper_clear("faults")


def halted(world: IncidentWorld) -> None:
    if not world.halts():
        world.run("alice", "halt", "--reason", "something is wrong")


def explained(world: IncidentWorld) -> None:
    world.until(lambda: world.adopt_now() and world.agree(), "an account that is explained")


def test_no_halt_mechanism(world: IncidentWorld) -> None:
    """One command ends the approvals of a strategy that asks all the time; no restart brings them back."""
    alpha = world.trader("alpha")
    alpha.do("probe", **ORDER)
    world.until(lambda: alpha.do("probe")["approvals"] >= 10, "a strategy that is being approved")
    world.run("alice", "halt", "--reason", "wrong signal")
    halt = world.halts()[0]
    world.until(lambda: alpha.do("probe")["first_denial_ns"], "a denial")
    seen = alpha.do("probe", stop=True)
    assert seen["last_approval_ns"] - halt.at_ns <= LAST_APPROVAL_MS * MS, seen
    world.stop("alpha")
    assert not world.trader("alpha").do("ask", **ORDER)["approved"], "the strategy began anew"
    world.kill("gate")
    world.start_gate()
    world.until(lambda: world.account().feed_connected, "the venue process at the new gate")
    assert [one.halt_id for one in world.halts()] == [halt.halt_id]
    world.stop("alpha")
    again = world.trader("alpha").do("ask", **ORDER)
    assert not again["approved"], "the gate began anew"
    world.stop("alpha")
    world.resume_all()
    world.until_open()


def test_no_support_contact(world: IncidentWorld) -> None:
    """Orders are at a venue that has gone silent: everybody is told whom to call, and as whom."""
    alpha = world.trader("alpha")
    order = world.trade(alpha, **{**ORDER, "wait_fill": False})
    world.until(world.account_orders, "an order that the gate has seen")
    before = {who: len(world.receivers.of(who)) for who in RECIPIENTS}
    for fault in ({"name": "ws_silent"}, {"name": "hang", "path": "/v5/*"}):
        world.paper("faults", **fault)

    def told() -> set[str]:
        texts = [[one.text for one in world.receivers.of(who)[before[who] :] if LOST in one.text] for who in RECIPIENTS]
        return {one[0] for one in texts} if all(texts) else set()

    (text,) = world.until(told, "a message to everybody", within_s=60)
    pages = (text, world.say("alice", "incident", "show"), world.say("alice", "contacts", "show"))
    for page in pages:
        for one in (SUPPORT, PHONE, PARTICIPANT):
            assert one in page, page
    assert order["client_order_id"] in world.say("alice", "orders"), "what to ask them about"
    bare = world.contacts(support=False, name="bare.yaml")
    checked = world.type("contacts", "check", str(bare), "--settings", str(world.settings))
    assert "exchange_support" in checked.stdout + checked.stderr
    world.paper_clear("faults")
    alpha.do("cancel", **{**order, "instrument": BTC})
    world.stop("alpha")
    world.until_open()


def test_trusting_internal_state(world: IncidentWorld) -> None:
    """Tracker and ledger are misled: both say flat. The venue is asked itself, and its answer closes every way on."""
    alpha = world.trader("alpha")
    world.paper("faults", name="execution_lag", path=EXECUTIONS, ms=20_000)
    world.paper("faults", name="ws_silent")
    world.hold({"SOLUSDT": "100"})
    page = world.run("alice", "assess", "--account", "main")
    (row,) = [one for one in page["accounts"][0]["instruments"] if one["instrument"] == SOL]
    assert D(row["quantity"]) == D(100), row
    assert alpha.do("positions")["held"] == {}, "what the strategy believes"
    assert D(world.exposures()[SOL].ledger_position or 0) == 0, "what our own ledger believes"
    halted(world)
    refused = world.run(
        "alice", "resume", *(one.halt_id for one in world.halts()), "--reason", "flat, I think", expect=1
    )
    assert "REFUSAL_REASON_DIVERGED" in [one["reason"] for one in refused["refusals"]], refused
    assert world.halts()
    insisted = alpha.do("insist", strategy="alpha", gate=world.gate, **ORDER)
    assert (insisted["approved"], insisted["reasons"][:1]) == (False, ["HALTED"]), insisted
    world.stop("alpha")


def test_flattening_without_looking_at_the_market(world: IncidentWorld) -> None:
    """The dry run is the default and shows both costs; slices cost less than half of one order on the same book."""
    explained(world)
    halted(world)
    world.start()
    assert world.until_over().phase == pb.FLATTEN_PHASE_FLAT
    world.paper("depth", symbol="SOLUSDT", **THIN)
    world.hold({"SOLUSDT": str(LONG)})
    explained(world)
    before = world.flatten_id()
    said = world.say("alice", "flatten", "--account", "main")
    assert "only a plan: nothing is changed" in said
    assert "in slices" in said
    assert "as one market order" in said
    assert world.held() == {"SOLUSDT": LONG}
    assert world.flatten_id() == before
    world.start()
    assert world.until_over().phase == pb.FLATTEN_PHASE_FLAT
    in_slices = paid(world)
    world.hold({"SOLUSDT": str(LONG)})
    world.exchange().create_order(SOL, "market", "sell", str(LONG), None, {"reduceOnly": True})
    world.until(lambda: not world.held(), "an account that was left at once")
    assert in_slices * 2 < paid(world)
    world.paper("depth", symbol="SOLUSDT", **DEEP)
    explained(world)


def paid(world: IncidentWorld) -> Decimal:
    """What leaving the long cost against the mark, by the venue's newest sales."""
    cost, left = D(0), LONG
    for row in world.executions():
        if row["symbol"] == "SOLUSDT" and row["side"] == "Sell" and left:
            part = min(left, D(row["execQty"]))
            left -= part
            cost += part * (PRICE - D(row["execPrice"]))
    assert not left
    return cost


def test_flatten_racing_the_position_query(world: IncidentWorld) -> None:
    """Every answer of the venue lags: no FLAT before the orders are final, and no fill that comes late flips."""
    halted(world)
    world.hold({"BTCUSDT": "0.1"})
    explained(world)
    world.paper("faults", name="position_lag", path=POSITIONS, ms=1_500)
    world.paper("faults", name="execution_lag", path=EXECUTIONS, ms=1_500)
    world.paper("faults", name="delay", path="/v5/order/create", ms=900)
    flipped: list[Decimal] = []
    early: list[str] = []
    over = threading.Event()

    def query() -> None:
        while not over.wait(0.02):
            run, held = world.flatten_state(), world.held()
            flipped.extend(one for one in held.values() if one < 0)
            if run.flatten_id == started and run.phase == pb.FLATTEN_PHASE_FLAT and held:
                early.append(str(held))

    started = world.start()
    asking = threading.Thread(target=query)
    asking.start()
    run = world.until_over()
    over.set()
    asking.join()
    assert run.phase == pb.FLATTEN_PHASE_FLAT, run.gaps
    assert len(run.certificate.reads) == 2
    assert not early
    assert not flipped
    assert sum((D(one.filled) for one in run.orders), D(0)) == D("0.1")
    assert not world.held()


def test_review_without_pnl(world: IncidentWorld) -> None:
    """Closed without a review: the record says so and the clock runs on; a review is always a number, and recorded."""
    world.paper_clear("faults")
    explained(world)
    incident = world.incident()
    world.run("alice", "incident", "cause", "tracker lost fills", "--fixed")
    world.resume_all()
    world.run("alice", "incident", "close", incident["incident_id"], "cause mended")
    closed = world.incident()
    assert any("the review is not recorded yet" in one["text"] for one in closed["timeline"])
    clock = next(one for one in closed["clocks"] if one["name"] == "REVIEW")
    assert not int(clock["met_at_ns"]), "it runs on"
    said = world.say("alice", "review", "--incident", incident["incident_id"], "--output", str(world.folder / "review"))
    assert "recorded" in said.lower(), said
    reviewed = world.incident()
    Decimal(reviewed["review"]["cost"])
    clock = next(one for one in reviewed["clocks"] if one["name"] == "REVIEW")
    assert int(clock["met_at_ns"])
