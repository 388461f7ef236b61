"""A flatten's start and stop: what it needs, who must agree, what it leaves behind in its incident."""

import pytest

from risksvc.core import events
from risksvc.core.config import SecondPerson
from risksvc.core.flatten.events import FlattenConfirmed, FlattenStopped, FlattenTarget
from risksvc.core.flatten.run import ENDED_KEPT, FlattenPhase
from risksvc.core.incident.events import CauseNamed, IncidentClosed, IncidentOpened
from risksvc.core.incident.severity import ClockName
from risksvc.core.outputs import IncidentChanged, RefusalReason, StepProposed, StepRefused
from risksvc.core.types import Scope, Severity, TradingState
from tests.unit.core.a_flatten import (
    ask,
    begin,
    cut,
    fill_whole,
    holding,
    incident,
    lines,
    name_cause,
    newest,
    phase,
    prove,
    ready,
    refused,
    request,
    send,
    waits,
)
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SOL, SPOT, SPOT_USDC

AUTHORISED = FlattenTarget.AUTHORISED


def test_one_that_starts_is_in_its_incident_and_meets_its_clock() -> None:
    world = holding()
    incident(world).start(ClockName.FLATTEN, now=world.now)

    run = begin(world)

    assert (run.flatten_id, run.by, run.runs) == ("g1-f1", ("olga",), True)
    assert incident(world).flattens == [run.flatten_id]
    clock = incident(world).clock(ClockName.FLATTEN)
    assert clock is not None
    assert clock.met_at is not None
    assert lines(world, "FLATTEN_STARTED") == ["flatten g1-f1 of account main to ZERO by olga: drill"]


def test_without_a_halt_over_all_of_it_nothing_starts() -> None:
    world = given()
    assert refused(ask(world)) == [RefusalReason.NOT_HALTED]
    world.halt(state=TradingState.REDUCING)
    assert refused(ask(world)) == [RefusalReason.NOT_HALTED]
    world.halt(Scope(ACCOUNT, instrument=BTC))
    assert refused(ask(world)) == [RefusalReason.NOT_HALTED]
    begin(world, scope=Scope(ACCOUNT, instrument=BTC))


def test_the_legs_of_a_hedge_must_be_halted_too() -> None:
    world = given()
    world.halt(Scope(ACCOUNT, instrument=BTC))
    asked = {"scope": Scope(ACCOUNT, instrument=BTC), "linked": ((ETH, SOL), (BTC, ETH))}
    answer = ask(world, **asked)
    assert isinstance(answer, StepRefused)
    assert ETH in answer.refusals[0].message
    world.halt(Scope(ACCOUNT, instrument=ETH))
    assert begin(world, **asked).instruments == (BTC, ETH)
    assert lines(world, "FLATTEN_STARTED")[0].startswith(f"flatten g1-f1 of account main, instrument {BTC} with {ETH}")


def test_every_pair_of_a_spot_asset_comes_along() -> None:
    world = given()
    world.halt()
    assert begin(world, scope=Scope(ACCOUNT, instrument=SPOT_USDC)).instruments == (SPOT_USDC, SPOT)


def test_an_instrument_that_the_venue_does_not_list_is_itself() -> None:
    world = given()
    world.halt()
    assert begin(world, scope=Scope(ACCOUNT, instrument="OLD/USDT:USDT")).instruments == ("OLD/USDT:USDT",)


def test_an_unknown_account_is_refused() -> None:
    world = given()
    assert refused(ask(world, scope=Scope("other"))) == [RefusalReason.NO_SNAPSHOT]


def test_one_at_a_time_in_an_account() -> None:
    world = holding()
    begin(world, scope=Scope(ACCOUNT, instrument=BTC))
    assert refused(ask(world, scope=Scope(ACCOUNT, instrument=ETH))) == [RefusalReason.FLATTEN_RUNNING]


def test_no_halt_is_cleared_while_one_runs() -> None:
    world = holding()
    begin(world)
    answer = world.resume(*world.halts())
    assert RefusalReason.FLATTEN_RUNNING in refused(answer)


def test_an_incident_is_opened_where_none_is() -> None:
    world = holding()
    world.gate.state.incidents.by_id.clear()  # halted by a version that kept none

    begin(world)

    assert "opened by flatten" in incident(world).timeline[0].text
    assert lines(world, "FLATTEN_STARTED")


def test_the_incident_of_another_account_is_refused_so_that_its_cause_counts_for_nothing_here() -> None:
    world = holding()
    name_cause(world)
    opened = world.apply(IncidentOpened(Scope("other"), Severity.P1, "elsewhere", "olga"))[0]
    assert isinstance(opened, IncidentChanged)
    world.apply(CauseNamed(opened.incident_id, "a bug", fixed=True, by="olga"))
    for target in FlattenTarget:
        answer = ask(world, incident_id=opened.incident_id, target=target)
        assert refused(answer) == [RefusalReason.INCIDENT_UNKNOWN]


def test_an_incident_that_is_not_known_or_is_closed_is_refused() -> None:
    world = holding()
    assert refused(ask(world, incident_id="x")) == [RefusalReason.INCIDENT_UNKNOWN]
    known = incident(world)
    world.cleared_elsewhere()
    world.apply(IncidentClosed(known.incident_id, "over", "olga"))
    world.halt()
    assert refused(ask(world, incident_id=known.incident_id)) == [RefusalReason.INCIDENT_CLOSED]


# -- to the authorised size -----------------------------------------------------------------------------------------


def proposed(world: World) -> str:
    name_cause(world)
    answer = ask(world, target=AUTHORISED)
    assert isinstance(answer, StepProposed), answer
    return answer.proposal_id


def test_the_authorised_size_needs_the_cause() -> None:
    world = holding()
    assert refused(ask(world, target=AUTHORISED)) == [RefusalReason.CAUSE_UNKNOWN]


def test_the_authorised_size_needs_two_persons() -> None:
    world = holding()
    proposal = proposed(world)
    assert not world.gate.state.flattens.by_id
    assert refused(world.apply(FlattenConfirmed(proposal, "olga"))[0]) == [RefusalReason.SAME_PERSON]

    world.apply(FlattenConfirmed(proposal, "rita"))

    assert newest(world).by == ("olga", "rita")
    assert not world.gate.state.proposals.waiting


def test_a_firm_of_one_needs_no_second_person() -> None:
    world = holding(gate={"second_person": SecondPerson.NONE})
    name_cause(world)
    assert begin(world, target=AUTHORISED).by == ("olga",)


def test_a_confirmed_one_is_judged_again() -> None:
    world = holding()
    proposal = proposed(world)
    world.cleared_elsewhere()
    assert refused(world.apply(FlattenConfirmed(proposal, "rita"))[0]) == [RefusalReason.NOT_HALTED]


def test_a_proposal_of_another_kind_is_confirmed_there() -> None:
    world = holding()
    proposal = proposed(world)
    assert refused(world.confirm(proposal)) == [RefusalReason.PROPOSAL_UNKNOWN]
    adopting = world.apply(events.AdoptConfirmed(proposal, "rita"))[0]
    assert refused(adopting) == [RefusalReason.PROPOSAL_UNKNOWN]
    world.apply(FlattenConfirmed(proposal, "rita"))
    halt = world.halt(Scope())
    other = world.gate.state.proposals.add(
        events.ResumeProposed((halt.halt_id,), "over", "olga"), expires_at=world.now + 10**12
    )
    assert refused(world.apply(FlattenConfirmed(other.proposal_id, "rita"))[0]) == [RefusalReason.PROPOSAL_UNKNOWN]


# -- stopping, ending -----------------------------------------------------------------------------------------------


def test_one_that_is_stopped_sends_nothing_more_and_ends_with_what_is_left() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))

    world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    world.apply(FlattenStopped(run.flatten_id, "olga", "indeed"))

    assert run.runs
    assert phase(world, run) == "SETTLING"
    assert waits(world, run).startswith("stopped (by rita: enough)")
    fill_whole(world, run, sent)
    assert run.result is FlattenPhase.GAPS
    assert run.gaps[0] == "stopped by rita: enough"
    assert "0.3 is left" in run.gaps[1]
    assert waits(world, run) == ""


def test_one_that_is_stopped_while_nothing_is_under_way_is_over() -> None:
    world = holding()
    run = begin(world)
    world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    assert run.result is FlattenPhase.GAPS
    assert refused(world.apply(FlattenStopped(run.flatten_id, "rita", "again"))[0]) == [RefusalReason.FLATTEN_UNKNOWN]
    assert refused(world.apply(FlattenStopped("x", "rita", "what"))[0]) == [RefusalReason.FLATTEN_UNKNOWN]


def test_without_progress_it_ends_with_its_gaps_by_a_tick() -> None:
    world = holding()
    run = ready(world)
    world.wait(61, fresh=False)
    world.tick()
    assert run.result is FlattenPhase.GAPS
    assert run.gaps[0] == "no progress for 60 s"
    assert lines(world, "GAPS")[0].startswith("flatten g1-f1: NOT FLAT: no progress for 60 s")


def test_a_restart_gives_it_its_patience_anew_and_no_old_read() -> None:
    world = holding()
    run = ready(world)
    world.wait(50, fresh=False)
    world.apply(events.GateStarted(world.config))
    assert phase(world, run) == "READING"
    world.wait(50, fresh=False)
    world.tick()
    assert run.runs


def test_the_oldest_that_are_over_are_forgotten() -> None:
    world = holding()
    for _ in range(ENDED_KEPT + 2):
        run = begin(world)
        world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    begin(world)
    assert len(world.gate.state.flattens.by_id) == ENDED_KEPT + 1
    assert "g1-f3" in world.gate.state.flattens.by_id
    assert "g1-f2" not in world.gate.state.flattens.by_id


def test_flattens_of_two_accounts_do_not_see_each_other() -> None:
    world = holding()
    assert world.gate.state.flattens.of_account("other") is None
    run = begin(world)
    assert world.gate.state.flattens.of_account(ACCOUNT) is run
    assert world.gate.state.flattens.of_account("other") is None


@pytest.mark.parametrize("scope", [Scope(ACCOUNT), Scope(ACCOUNT, instrument=BTC), Scope(ACCOUNT, strategy=ALPHA)])
def test_flat_on_two_reads_after_the_last_order(scope: Scope) -> None:
    world = holding()
    run = ready(world, scope=scope)
    (sent,) = send(world, run, cut("0.5"))
    fill_whole(world, run, sent)
    prove(world)
    assert run.result is FlattenPhase.FLAT, run.gaps
    assert run.certificate is not None
    assert len(run.certificate.reads) == 2
    assert run.certificate.positions == ()
    assert lines(world, "FLAT")[0].startswith("flatten g1-f1: FLAT: two complete reads")


def test_another_strategys_part_is_not_touched() -> None:
    world = given()
    world.hold("a", "0.3")
    world.hold("b", "0.2", strategy=BETA)
    world.halt()
    run = ready(world, scope=Scope(ACCOUNT, strategy=BETA))
    (sent,) = send(world, run, cut("0.5"))
    assert run.orders[sent].order.quantity == world.position(BETA)
    fill_whole(world, run, sent)
    prove(world)
    assert run.result is FlattenPhase.FLAT, run.gaps
    assert world.position(ALPHA) > 0


def test_its_reason_and_its_words_are_kept() -> None:
    assert request(reason="why").reason == "why"
