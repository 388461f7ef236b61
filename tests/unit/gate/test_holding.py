"""Reminders of a hold: when they come, what they say of a silent venue, what a restart neither repeats nor loses."""

import asyncio
import datetime as dt

import pytest

from risksvc.core.incident.events import CourseChosen
from risksvc.core.incident.record import Course, EntryKind
from risksvc.core.types import SECOND
from risksvc.gate.incident import holding
from risksvc.gate.incident.holding import Reminders, remind_of_due, reminders
from risksvc.gate.incident.settings import Calendar
from risksvc.gate.owner import Fault
from tests.unit.core.an_incident import OUTSIDE, position
from tests.unit.core.catalogue import D
from tests.unit.gate.on_hold import NO_FEED, OnHold
from tests.unit.gate.steps import START

MINUTE = 60 * SECOND
# The clock starts 1,000 s after 00:00 UTC; the market closes at 00:56, 39 min and 20 s later.
EVERY_DAY = Calendar("UTC", dt.time(0, 56), frozenset(range(7)), frozenset())


def told(on_hold: OnHold) -> list[str]:
    """The reminders so far."""
    return [one.text for one in on_hold.incident.timeline if one.kind is EntryKind.REMINDER]


async def minutes(on_hold: OnHold, count: int) -> None:
    """A look at what is due every minute."""
    for _ in range(count):
        on_hold.wait(1)
        await remind_of_due(on_hold.app, on_hold.assess)


@pytest.fixture
def on_hold() -> OnHold:
    made = OnHold()
    made.hold()
    return made


async def test_everybody_is_reminded_every_quarter_of_an_hour(on_hold: OnHold) -> None:
    await minutes(on_hold, 14)
    assert not told(on_hold)
    await minutes(on_hold, 1)
    assert len(told(on_hold)) == 1
    await minutes(on_hold, 30)
    assert [text.partition(":")[0] for text in told(on_hold)] == [
        "HOLD for 15 min",
        "HOLD for 30 min",
        "HOLD for 45 min",
    ]
    assert on_hold.counters.hold_reminders == 3
    assert on_hold.counters.hold_reminders_blind == 0


async def test_each_rests_on_a_new_look_by_the_gate(on_hold: OnHold) -> None:
    on_hold.venue = [position(2, unrealised_pnl=D(-500), value=D(19_500))]
    await minutes(on_hold, 15)
    [(request, by)] = on_hold.requests
    assert (request.account, request.incident_id, by) == ("main", on_hold.incident.incident_id, "gate:gate-1")
    assert told(on_hold)[0].startswith("HOLD for 15 min: PnL since it began -500.00 USD")


async def test_all_are_told_by_one_message(on_hold: OnHold) -> None:
    await minutes(on_hold, 15)
    [message] = [one for one in on_hold.incident.messages if one.kind is EntryKind.REMINDER]
    assert message.text == told(on_hold)[0]


async def test_a_venue_that_can_t_be_read_is_told_and_not_passed_over(on_hold: OnHold) -> None:
    on_hold.venue = NO_FEED
    await minutes(on_hold, 20)
    [text] = told(on_hold)
    assert text.startswith("HOLD for 15 min: THE STATE IS NOT KNOWN")
    assert "no venue feed is connected for account main" in text
    assert on_hold.counters.hold_reminders_blind == 1


async def test_an_account_that_could_not_be_read_is_named(on_hold: OnHold) -> None:
    on_hold.unread = {"other": "no feed"}
    await minutes(on_hold, 15)
    assert told(on_hold)[0].endswith("not read: account other: no feed")
    assert on_hold.counters.hold_reminders_blind == 1


async def test_an_unexpected_error_ends_neither_the_reminder_nor_the_task(
    on_hold: OnHold, caplog: pytest.LogCaptureFixture
) -> None:
    on_hold.venue = KeyError("x")
    await minutes(on_hold, 15)
    assert "not read: internal error: KeyError('x')" in told(on_hold)[0]
    assert "a held position could not be looked at" in caplog.text


async def test_a_look_that_does_not_come_back_is_given_up(on_hold: OnHold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "ASSESSED_WITHIN_SECONDS", 0.01)
    on_hold.venue = TimeoutError()
    await minutes(on_hold, 15)
    assert told(on_hold)[0].endswith("not read: no answer within 0.01 s")


async def test_a_look_that_finds_it_outside_its_band_ends_the_hold_instead(on_hold: OnHold) -> None:
    on_hold.venue = [OUTSIDE]
    await minutes(on_hold, 15)
    assert not told(on_hold)
    assert on_hold.incident.course is Course.FLATTEN
    await minutes(on_hold, 30)
    assert len(on_hold.requests) == 1


async def test_another_course_ends_the_reminders(on_hold: OnHold) -> None:
    await minutes(on_hold, 15)
    on_hold.submit(CourseChosen(on_hold.incident.incident_id, Course.FLATTEN, "risk", "drill", "rita"))
    await minutes(on_hold, 60)
    assert len(told(on_hold)) == 1
    assert reminders(on_hold.app.settings, on_hold.incident) is None


async def test_where_nothing_is_held_nobody_is_reminded() -> None:
    unheld = OnHold()
    await minutes(unheld, 60)
    assert not unheld.requests


async def test_while_a_fault_keeps_the_gate_closed_nothing_is_tried(
    on_hold: OnHold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_hold.owner, "_fault", Fault("a full disk", fatal=False))
    await minutes(on_hold, 16)
    assert not on_hold.requests
    monkeypatch.setattr(on_hold.owner, "_fault", None)
    await minutes(on_hold, 1)
    assert len(told(on_hold)) == 1


async def test_a_gate_that_closes_during_the_look_reminds_when_it_is_open_again(
    on_hold: OnHold, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_hold.venue = NO_FEED
    on_hold.wait(15)

    async def fails(*_: object) -> None:
        monkeypatch.setattr(on_hold.owner, "_fault", Fault("a full disk", fatal=False))
        raise NO_FEED

    await remind_of_due(on_hold.app, fails)  # type: ignore[arg-type]
    monkeypatch.setattr(on_hold.owner, "_fault", None)
    assert (told(on_hold), on_hold.counters.hold_reminders) == ([], 0)
    await minutes(on_hold, 1)
    assert len(told(on_hold)) == 1


# -- restarts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_restart_repeats_nothing(on_hold: OnHold, snapshot: bool) -> None:  # noqa: FBT001 - a table's row
    await minutes(on_hold, 15)
    on_hold.restart(snapshot=snapshot)
    await minutes(on_hold, 14)
    assert len(told(on_hold)) == 1
    await minutes(on_hold, 1)
    assert len(told(on_hold)) == 2


async def test_what_was_missed_while_down_is_told_once_and_the_next_in_its_slot(on_hold: OnHold) -> None:
    on_hold.wait(52)
    on_hold.restart()
    await remind_of_due(on_hold.app, on_hold.assess)
    await remind_of_due(on_hold.app, on_hold.assess)
    assert len(told(on_hold)) == 1
    await minutes(on_hold, 7)
    assert len(told(on_hold)) == 1
    await minutes(on_hold, 1)
    assert [text.partition(":")[0] for text in told(on_hold)] == ["HOLD for 52 min", "HOLD for 60 min"]


@pytest.mark.parametrize("snapshot", [False, True])
async def test_a_restart_still_measures_pnl_from_when_the_hold_began(
    on_hold: OnHold,
    snapshot: bool,  # noqa: FBT001 - a table's row
) -> None:
    on_hold.restart(snapshot=snapshot)
    on_hold.venue = [position(2, unrealised_pnl=D(70))]
    await minutes(on_hold, 15)
    assert "PnL since it began +70.00 USD" in told(on_hold)[0]


# -- the close ----------------------------------------------------------------------------------------------------


async def test_reminders_end_with_one_at_the_close() -> None:
    on_hold = OnHold(calendar=EVERY_DAY)
    on_hold.hold()
    close = 56 * MINUTE
    assert reminders(on_hold.app.settings, on_hold.incident) == Reminders(START + 15 * MINUTE, close)
    await minutes(on_hold, 30)
    assert reminders(on_hold.app.settings, on_hold.incident) == Reminders(close, close)
    await minutes(on_hold, 60)
    texts = told(on_hold)
    assert [text.partition(":")[0] for text in texts] == ["HOLD for 15 min", "HOLD for 30 min", "HOLD for 40 min"]
    assert "this is the last reminder" in texts[-1]
    assert "last reminder" not in texts[1]
    assert on_hold.incident.course is Course.HOLD
    assert reminders(on_hold.app.settings, on_hold.incident) == Reminders(None, close)


async def test_a_close_that_passed_while_down_is_told_once() -> None:
    on_hold = OnHold(calendar=EVERY_DAY)
    on_hold.hold()
    on_hold.wait(300)
    on_hold.restart()
    await minutes(on_hold, 60)
    [text] = told(on_hold)
    assert "this is the last reminder" in text


def test_a_market_without_a_close_is_reminded_of_until_the_hold_ends(on_hold: OnHold) -> None:
    assert reminders(on_hold.app.settings, on_hold.incident) == Reminders(START + 15 * MINUTE, None)


def test_an_account_that_the_settings_lost_has_no_close(on_hold: OnHold) -> None:
    on_hold.settings.accounts.clear()
    assert reminders(on_hold.app.settings, on_hold.incident) == Reminders(START + 15 * MINUTE, None)


async def test_a_reminder_that_can_not_be_made_ends_neither_the_gate_nor_the_next_one(
    on_hold: OnHold, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = asyncio.Event()

    async def breaks(*_: object) -> None:
        if on_hold.app.counters.internal_errors:
            again.set()
        raise ArithmeticError("too large a number")

    monkeypatch.setattr(holding, "LOOK_SECONDS", 0)
    monkeypatch.setattr(holding, "remind_of_due", breaks)
    reminding = asyncio.create_task(holding.remind(on_hold.app, on_hold.assess))
    await asyncio.wait_for(again.wait(), 10)
    assert not reminding.done()
    reminding.cancel()
    await asyncio.wait({reminding})
