"""`risksvc flatten`: what a person reads, what a script learns, what to type next."""

import json

import grpc
import pytest

from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import operator_pb2, types_pb2
from tests.unit.cli.fake_gate import Cli, FakeGate

SCOPE = types_pb2.Scope(account="main")
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SELL, BUY = types_pb2.SIDE_SELL, types_pb2.SIDE_BUY


def leg(**changes: object) -> pb.FlattenLeg:
    chosen: dict[str, object] = {
        "account": "main",
        "instrument": BTC,
        "strategy": "alpha",
        "side": SELL,
        "position": "0.5",
        "target": "0",
        "quantity": "0.5",
        "slices": ["0.2", "0.2", "0.1"],
        "limit_price": "49990",
        "cost": "12.5",
        "cost_at_once": "99",
        "linked_with": [ETH],
    }
    return pb.FlattenLeg(**(chosen | changes))  # type: ignore[arg-type]


def plan(**changes: object) -> pb.FlattenResponse:
    order = operator_pb2.WorkingOrder(account="main", instrument=BTC, side=BUY, quantity="1", client_order_id="stop")
    chosen: dict[str, object] = {"plan": [leg()], "cancels": [order]}
    return pb.FlattenResponse(**(chosen | changes))  # type: ignore[arg-type]


def refusal(name: str) -> operator_pb2.Refusal:
    return operator_pb2.Refusal(reason=operator_pb2.RefusalReason.Value(f"REFUSAL_REASON_{name}"), message="because")


def run(phase: str = "FLAT", **changes: object) -> pb.Flatten:
    order = pb.FlattenOrder(
        client_order_id="0a1",
        instrument=BTC,
        side=SELL,
        quantity="0.5",
        filled="0.5",
        limit_price="49990",
        state="FILLED",
    )
    chosen: dict[str, object] = {
        "flatten_id": "g1-f1",
        "incident_id": "g1-i1",
        "scope": SCOPE,
        "phase": pb.FlattenPhase.Value(f"FLATTEN_PHASE_{phase}"),
        "by": ["olga"],
        "reason": "drill",
        "orders": [order],
        "cost": "12.5",
        "ended_at_ns": 5 if phase in ("FLAT", "REACHED", "GAPS") else 0,
    }
    return pb.Flatten(**(chosen | changes))  # type: ignore[arg-type]


def shown(one: pb.Flatten) -> pb.GetFlattenResponse:
    return pb.GetFlattenResponse(flatten=one)


PROOF = pb.FlatCertificate(
    at_ns=9, reads=[pb.CertificateRead(as_of_ns=7), pb.CertificateRead(as_of_ns=8)], not_seen=["conditional orders"]
)


# -- the plan -------------------------------------------------------------------------------------------------------


def test_a_plan_shows_cancels_slices_costs_and_the_exact_next_commands(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan())
    done = cli("flatten", "--account", "main", "--instrument", BTC, "--to", "authorised", "--style", "market",
               "--participation", "5", "--collar", "1", "--incident", "g1-i1")  # fmt: skip
    assert done.exit_code == 0
    for said in ("only a plan: nothing is changed", "stop", "3: 0.2 + 0.2 + 0.1", ETH, "12.50 in slices, 99.00 as one"):
        assert said in done.output
    assert f"risksvc flatten --account main --instrument {BTC} --to authorised --style market" in done.output
    assert "--participation 5 --collar 1 --incident g1-i1 --execute --reason '<why>'" in done.output
    (asked,) = gate.asked("Flatten")
    assert (asked.execute, asked.target, asked.style) == (
        False, pb.FLATTEN_TARGET_AUTHORISED, pb.FLATTEN_STYLE_MARKET
    )  # fmt: skip


def test_an_empty_plan_says_that_nothing_is_held_and_problems_are_told(gate: FakeGate, cli: Cli) -> None:
    nothing = pb.FlattenResponse()
    gate.script("Flatten", nothing, nothing, pb.FlattenResponse(problems=["no read"]), plan())
    assert "Nothing is held" in cli("flatten").output
    assert "FLATTEN everything" in cli("flatten").output
    done = cli("flatten")
    assert "! no read" in done.output
    assert "Nothing is held" not in done.output
    assert "FLATTEN account main to zero" in cli("flatten").output, "the only account is named"


def test_where_the_gate_may_not_place_the_orders_are_for_a_person(gate: FakeGate, cli: Cli) -> None:
    bare = leg(strategy="", side=BUY, slices=[], limit_price="", problem="no book", cost="", cost_at_once="")
    gate.script("Flatten", plan(by_hand=True, plan=[leg(), bare]))
    done = cli("flatten", "--account", "main")
    assert "place these by hand" in done.output
    assert "risksvc venue --allow-orders" in done.output
    first = f"check-reducing --account main --instrument {BTC} --strategy alpha --side sell --quantity 0.2 --type limit"
    assert f"{first} --price 49990" in done.output
    assert f"check-reducing --account main --instrument {BTC} --side buy --quantity 0.5 --reason" in done.output


def test_without_a_feed_the_orders_by_hand_come_from_the_venue_itself(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", pb.FlattenResponse(by_hand=True, problems=["positions: no venue feed is connected"]))
    assert "risksvc assess --direct --account main " in cli("flatten", "--account", "main").output


@pytest.mark.parametrize(
    "words",
    [("--execute", "--confirm", "p1"), ("--execute",), ("--stop", "x"), ("--show", "--execute", "--reason", "x")],
    ids=str,
)
def test_what_does_not_go_together_is_refused(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli("flatten", *words).exit_code == 2


# -- starting -------------------------------------------------------------------------------------------------------

EXECUTE = ("flatten", "--account", "main", "--execute", "--reason", "drill")


def test_what_is_started_is_followed_to_its_certificate(
    gate: FakeGate, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risksvc.cli.flatten.POLL_SECONDS", 0)
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    sent = run("SETTLING", waiting_for="0a1 is not final")
    sent.orders[0].state = "UNKNOWN"
    gate.script("GetFlatten", shown(sent), grpc.StatusCode.UNAVAILABLE, shown(sent), shown(run(certificate=PROOF)))
    done = cli(*EXECUTE)
    assert done.exit_code == 0
    for said in ("sent 0a1", "waiting until every order is proven final: 0a1", "the gate does not answer", "FILLED",
                 "CERTIFICATE", "look at the venue: conditional orders", "risksvc incident show g1-i1"):  # fmt: skip
        assert said in done.output


def test_one_that_ends_with_gaps_says_what_to_do_and_is_a_no(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    gate.script("GetFlatten", shown(run("GAPS", gaps=["0.1 is left"])))
    done = cli(*EXECUTE)
    assert done.exit_code == 1
    assert "! 0.1 is left" in done.output
    assert "risksvc flatten --account main" in done.output


def test_a_script_gets_one_document(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    gate.script("GetFlatten", shown(run(certificate=PROOF)))
    done = cli(*EXECUTE, "--json")
    assert json.loads(done.output)["flatten"]["phase"] == "FLATTEN_PHASE_FLAT"
    gate.script("GetFlatten", shown(run("REACHED")))
    assert json.loads(cli("flatten", "--show", "--json").output)["flatten_id"] == "g1-f1"
    assert json.loads(cli("flatten", "--json").output)["plan"]


def test_one_need_not_be_followed(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    done = cli(*EXECUTE, "--no-follow")
    assert done.exit_code == 0
    assert "STARTED" in done.output
    assert "risksvc flatten --show g1-f1" in done.output


def test_a_person_who_stops_watching_is_told_how_to_look_again(
    gate: FakeGate, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("risksvc.cli.flatten.time.sleep", interrupted)
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    gate.script("GetFlatten", shown(run("READING")))
    done = cli(*EXECUTE)
    assert done.exit_code == 130
    assert "No longer watched" in done.output
    assert "risksvc flatten --show g1-f1" in done.output


def test_a_gate_that_does_not_come_back_is_not_waited_for_for_ever(
    gate: FakeGate, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("risksvc.cli.flatten.POLL_SECONDS", 0)
    monkeypatch.setattr("risksvc.cli.flatten.AWAY_SECONDS", -1.0)
    gate.script("Flatten", plan(flatten_id="g1-f1"))
    gate.script("GetFlatten", grpc.StatusCode.UNAVAILABLE)
    assert cli(*EXECUTE).exit_code == 3


def test_a_refusal_names_the_halt_that_is_needed(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(refusals=[refusal("NOT_HALTED")]))
    done = cli(*EXECUTE)
    assert done.exit_code == 1
    assert "risksvc halt --account main --reason '<why>'" in done.output
    gate.script("Flatten", plan(by_hand=True, refusals=[refusal("ORDERS_NOT_ALLOWED")]))
    by_hand = cli(*EXECUTE).output
    assert "check-reducing" in by_hand
    assert (done.output + by_hand).count("Next:") == 2, "one list each"


def test_what_is_left_is_never_buried_under_the_venue_s_refusals(gate: FakeGate, cli: Cli) -> None:
    gate.script("GetFlatten", shown(run("GAPS", gaps=["0.1 is left", *(f"refused {number}" for number in range(20))])))
    done = cli("flatten", "--show", "g1-f1")
    assert done.exit_code == 1
    assert "! 0.1 is left" in done.output
    assert "refused 7" not in done.output
    assert "! … and 13 more" in done.output
    assert "risksvc incident show" in done.output


def test_a_strategy_whose_part_was_sold_has_to_learn_of_it(gate: FakeGate, cli: Cli) -> None:
    parts = [("beta", "0.5"), ("alpha", "10"), ("gamma", "0.0"), ("", "1")]
    orders = [
        pb.FlattenOrder(client_order_id=f"0a{place}", instrument=BTC, strategy=whose, filled=filled, state="FILLED")
        for place, (whose, filled) in enumerate(parts)
    ]
    gate.script("GetFlatten", shown(run(orders=orders, certificate=PROOF)))
    output = " ".join(cli("flatten", "--show", "g1-f1").output.split())
    assert "! of alpha, beta: a belief from before differs now" in output
    gate.script("GetFlatten", shown(run(orders=orders[2:], certificate=PROOF)))
    assert "a belief from before" not in cli("flatten", "--show", "g1-f1").output


def test_another_flatten_that_runs_is_shown(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(refusals=[refusal("FLATTEN_RUNNING")]))
    assert "risksvc flatten --show  #" in cli(*EXECUTE).output


def test_a_proposal_waits_for_another_person(gate: FakeGate, cli: Cli) -> None:
    gate.script("Flatten", plan(proposal_id="p1"))
    done = cli(*EXECUTE, "--to", "authorised")
    assert done.exit_code == 0
    assert "risksvc flatten --confirm p1" in done.output
    gate.script("Flatten", pb.FlattenResponse(flatten_id="g1-f1"))
    gate.script("GetFlatten", shown(run("REACHED", certificate=pb.FlatCertificate(positions=[f"{BTC} 0.4"]))))
    done = cli("flatten", "--confirm", "p1")
    assert "the authorised size is REACHED" in done.output
    assert f"held: {BTC} 0.4" in done.output


# -- looking and stopping -------------------------------------------------------------------------------------------


def test_one_that_runs_is_shown_with_what_it_waits_for(gate: FakeGate, cli: Cli) -> None:
    gate.script("GetFlatten", shown(run("CANCELLING", orders=[], waiting_for="w is not final")))
    done = cli("flatten", "--show", "g1-f1")
    assert done.exit_code == 0
    assert "now: w is not final" in done.output
    assert "risksvc flatten --stop g1-f1 --reason '<why>'" in done.output
    assert gate.asked("GetFlatten")[0].flatten_id == "g1-f1"


def test_stopping_says_that_what_was_sent_is_followed(gate: FakeGate, cli: Cli) -> None:
    gate.script("StopFlatten", pb.StopFlattenResponse(flatten=run("SETTLING")))
    done = cli("flatten", "--stop", "g1-f1", "--reason", "enough")
    assert done.exit_code == 0
    assert "nothing more is sent" in done.output
    assert json.loads(cli("flatten", "--stop", "g1-f1", "--reason", "enough", "--json").output)["flatten"]
    gate.script("StopFlatten", pb.StopFlattenResponse(refusals=[refusal("FLATTEN_UNKNOWN")]))
    assert cli("flatten", "--stop", "g1-f1", "--reason", "enough").exit_code == 1
    assert json.loads(cli("flatten", "--stop", "g1-f1", "--reason", "enough", "--json").output)["refusals"]
