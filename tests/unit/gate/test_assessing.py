"""`assess` at the gate: a real owner and a scripted feed; several accounts; what is recorded where, and what is not."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from risksvc.core.config import AccountConfig
from risksvc.core.events import GateStarted, HaltRequested, Input, LimitsLoaded
from risksvc.core.gate import RiskGate
from risksvc.core.incident.record import Incident
from risksvc.core.incident.severity import ClockName
from risksvc.core.types import MalformedInputError, Scope, TradingState
from risksvc.core.venue_events import FeedConnected
from risksvc.gate.app import Counters
from risksvc.gate.feeds import FeedLink, Feeds
from risksvc.gate.incident.assessing import assess
from risksvc.gate.incident.settings import IncidentSettings
from risksvc.gate.owner import Owner
from risksvc.gate.replay import replay
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import venue_pb2
from tests.unit.core.catalogue import D
from tests.unit.gate.steps import BTC, START, MemoryJournal, StepClock, opening
from tests.unit.gate.test_closing_times import NEW_YORK
from tests.unit.gate.test_looking import message

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp

ACCOUNTS = ("main", "other")


def starting() -> list[Input]:
    """Two accounts, alike."""
    steps = opening()
    begun, loaded, lease, feed, *_ = steps
    assert isinstance(begun, GateStarted)
    assert isinstance(loaded, LimitsLoaded)
    assert isinstance(feed, FeedConnected)
    config = replace(begun.config, accounts={name: AccountConfig() for name in ACCOUNTS})
    limits = replace(loaded.limits, accounts=dict.fromkeys(ACCOUNTS, loaded.limits.accounts["main"]))
    return [GateStarted(config), replace(loaded, limits=limits), lease, *(replace(feed, account=n) for n in ACCOUNTS)]


class Desk:
    """A gate and its feeds. `connected`: accounts whose feed answers with `message`."""

    def __init__(self, *connected: str) -> None:
        clock = StepClock()
        self.journal = MemoryJournal()
        self.owner = Owner(RiskGate(), self.journal, clock)
        for step in starting():
            self.owner.submit(step)
        self.feeds = Feeds("gate-1")
        self.links = [FeedLink(name, "feed", can_cancel=False, connected_at=START) for name in connected]
        for link in self.links:
            self.feeds.connect(link)
        incident = IncidentSettings(calendar=NEW_YORK)
        accounts = {name: SimpleNamespace(incident=incident) for name in ACCOUNTS}
        self.app = cast(
            "GateApp",
            SimpleNamespace(
                clock=clock,
                owner=self.owner,
                feeds=self.feeds,
                settings=SimpleNamespace(accounts=accounts),
                counters=Counters(),
            ),
        )
        self.asked: list[venue_pb2.FeedCommand] = []

    def halt(self, account: str = "") -> Incident:
        """Opens an incident."""
        self.owner.submit(HaltRequested(Scope(account), TradingState.HALTED, "drill", "olga"))
        return list(self.owner.state.incidents.by_id.values())[-1]

    async def _answer(self, link: FeedLink, **changes: object) -> None:
        while True:
            command = (await link.outgoing.get()).command
            self.asked.append(command)
            found = message(**changes)
            found.command_id = command.command_id
            link.assessed(found)
            link.answered(venue_pb2.FeedCommandResult(command_id=command.command_id, ok=True))

    async def assess(self, account: str = "", incident_id: str = "", **changes: object) -> pb.AssessResponse:
        answering = [asyncio.ensure_future(self._answer(link, **changes)) for link in self.links]
        try:
            return await assess(self.app, pb.AssessRequest(account=account, incident_id=incident_id), "olga")
        finally:
            for one in answering:
                one.cancel()


def met(incident: Incident) -> bool:
    clock = incident.clock(ClockName.ASSESS)
    assert clock is not None
    return clock.met_at is not None


async def test_one_page_about_every_account_and_its_record() -> None:
    desk = Desk(*ACCOUNTS)
    incident = desk.halt()
    found = await desk.assess()
    assert (found.complete, found.incident_id, found.not_recorded) == (True, incident.incident_id, "")
    assert [account.account for account in found.accounts] == ["main", "other"]
    account = found.accounts[0]
    assert (account.problem, account.currency, account.total, account.total_limit) == ("", "USD", "100002", "150000")
    (one,) = account.instruments
    assert (one.instrument, one.quantity, one.value, one.limit) == (BTC, "-2", "-100002", "50000")
    assert (one.mark, one.mark_age_ms, one.bid, one.ask) == ("50001", 12, "49990", "50010")
    assert (one.spread_bps, one.depth, one.beyond_book) == ("4", "4", "0")
    assert (one.exit_cost_now, one.exit_cost_sliced, one.slices) == ("20", "20", 3)
    assert (one.outside_band, one.ratio, one.utilisation, one.liquidation_price) == (True, "", "200.004", "70000")
    assert one.minutes_to_close > 0
    (order,) = account.open_orders
    assert (order.venue_order_id, order.trigger_price, order.unexplained) == ("v-1", "40000", True)
    assert met(incident)
    assert incident.assessment is not None
    assert (incident.assessment.complete, len(incident.assessment.instruments)) == (True, 2)
    assert desk.journal.syncs == 1, "what is answered is durable"
    again = replay(desk.journal.recover()).gate.state.incidents.by_id[incident.incident_id]
    assert again.assessment == incident.assessment, "and comes back after a restart"


async def test_without_a_feed_an_account_is_unknown_and_the_deadline_runs_on() -> None:
    desk = Desk("main")
    incident = desk.halt()
    found = await desk.assess()
    assert not found.complete
    main, other = found.accounts
    assert main.problem == ""
    assert "no venue feed is connected for account other; start `risksvc venue`" in other.problem
    assert (other.total, list(other.instruments)) == ("", [])
    assert not met(incident)
    assert incident.assessment is not None
    assert not incident.assessment.complete
    assert (desk.app.counters.assessments, desk.app.counters.assessments_incomplete) == (2, 1)


async def test_each_incident_gets_what_is_its_own() -> None:
    desk = Desk("main")
    first, second = desk.halt("other"), desk.halt("main")
    found = await desk.assess("main")
    assert found.incident_id == second.incident_id
    assert (met(first), met(second)) == (False, True)
    assert first.assessment is None


async def test_everything_is_not_complete_with_one_account() -> None:
    desk = Desk(*ACCOUNTS)
    incident = desk.halt()
    found = await desk.assess("main")
    assert found.complete, "what was asked for was read"
    assert incident.assessment is not None
    assert not incident.assessment.complete, "but the incident is about more"
    assert not met(incident)


async def test_a_named_incident_must_be_about_what_is_looked_at() -> None:
    desk = Desk(*ACCOUNTS)
    incident = desk.halt("other")
    with pytest.raises(MalformedInputError, match="not known"):
        await desk.assess(incident_id="nothing")
    with pytest.raises(MalformedInputError, match="is about account other"):
        await desk.assess("main", incident.incident_id)
    assert (await desk.assess("other", incident.incident_id)).incident_id == incident.incident_id


async def test_a_closed_incident_takes_nothing_and_says_so() -> None:
    desk = Desk(*ACCOUNTS)
    incident = desk.halt()
    incident.closed_at, incident.closed_by = START, "rita"
    found = await desk.assess(incident_id=incident.incident_id)
    assert found.incident_id == ""
    assert "was closed by rita" in found.not_recorded
    assert (await desk.assess()).not_recorded == ""


async def test_a_gate_that_is_closed_by_a_fault_shows_and_does_not_record() -> None:
    desk = Desk(*ACCOUNTS)
    desk.halt()
    desk.journal.fail_at = 1
    found = await desk.assess()
    assert found.complete
    assert found.accounts[0].instruments[0].quantity == "-2"
    assert "internal error and is closed" in found.not_recorded


async def test_what_is_believed_and_not_held_is_asked_for_and_shown() -> None:
    desk = Desk("main")
    desk.owner.state.accounts["main"].line_for(BTC).strategy("mm").believe(D(3), lag=0, now=START)
    found = await desk.assess("main")
    assert list(desk.asked[0].assess_now.instruments) == [BTC]
    (one,) = found.accounts[0].instruments
    assert (one.believed, one.quantity) == ("3", "-2")


async def test_what_else_could_not_be_read_is_a_remark() -> None:
    desk = Desk("main")
    found = await desk.assess("main", problems=["book: ETH/USDT:USDT: HTTP 503"])
    assert (found.accounts[0].problem, list(found.accounts[0].remarks)) == ("", ["book: ETH/USDT:USDT: HTTP 503"])
    broken = [venue_pb2.FeedPosition(instrument="ETH/USDT:USDT", quantity="much")]
    found = await desk.assess("main", positions=broken)
    assert "quantity" in found.accounts[0].problem
    assert found.accounts[0].total == ""


async def test_more_slices_than_the_answer_can_hold_are_told_as_the_most_that_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A position out of all proportion, a book that has all but emptied: the page must come all the same."""
    vast = message()
    vast.positions[0].quantity = "-10000000000000"
    vast.books[0].asks[0].quantity = "0.001"
    monkeypatch.setitem(globals(), "message", lambda: vast)
    found = await Desk("main").assess("main")
    assert found.accounts[0].instruments[0].slices == 2**32 - 1
