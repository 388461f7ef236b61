# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""An assessment in its incident: the deadline, the line that everybody is told, what is refused, what is outside."""

from typing import Any

import pytest

from risksvc.core.incident.assessment import SHOWN, assessment_record, summary
from risksvc.core.incident.events import AssessmentTaken
from risksvc.core.incident.record import AssessmentRecord, Course, EntryKind
from risksvc.core.incident.severity import ClockName
from risksvc.core.incident.venue_look import not_seen
from risksvc.core.outputs import IncidentChanged, Output, RefusalReason
from tests.unit.core.an_incident import OUTSIDE, Troubled, position, refused
from tests.unit.core.builders import given
from tests.unit.core.catalogue import ACCOUNT, BTC, D
from tests.unit.core.test_assessed import assessed, held, look


def taken(trouble: Troubled, *instruments: Any, complete: bool = True, id_: str = "") -> tuple[Output, ...]:
    record = AssessmentRecord(trouble.now, "olga", complete, instruments, D(20_000), D(150_000))
    return trouble.world.apply(AssessmentTaken(id_ or trouble.incident.incident_id, record, "olga"))


def test_a_whole_one_meets_its_deadline_and_is_told_to_everybody() -> None:
    trouble = Troubled()
    [change] = taken(trouble, position())
    assert isinstance(change, IncidentChanged)
    assert change.message_id == trouble.incident.messages[-1].message_id
    assert trouble.incident.messages[-1].kind is EntryKind.ASSESSED
    assert change.text == (
        f"{BTC} of {ACCOUNT}: 2, worth 20,000.00, unrealised PnL 0.00, about 20.00 to leave; "
        "total exposure 20,000.00 of 150,000.00"
    )
    clock = trouble.incident.clock(ClockName.ASSESS)
    assert clock is not None
    assert clock.met_at == trouble.now
    assert trouble.incident.assessment is not None
    assert (trouble.incident.assessment.at, trouble.incident.assessment.by) == (trouble.now, "olga")


def test_one_that_is_not_whole_is_kept_and_meets_no_deadline() -> None:
    trouble = Troubled()
    taken(trouble, complete=False)
    clock = trouble.incident.clock(ClockName.ASSESS)
    assert clock is not None
    assert clock.met_at is None
    assert trouble.incident.assessment is not None
    assert "NOT COMPLETE, what is missing is UNKNOWN and not flat" in trouble.incident.messages[-1].text


def test_outside_the_band_the_course_is_flatten() -> None:
    trouble = Troubled()
    outputs = taken(trouble, OUTSIDE)
    kinds = [output.kind for output in outputs if isinstance(output, IncidentChanged)]
    assert kinds == ["ASSESSED", "COURSE_IN_FORCE"]
    assert trouble.course() is Course.FLATTEN
    assert "OUTSIDE ITS BAND: flatten" in trouble.incident.messages[-2].text


def test_an_incident_that_is_not_known_or_closed_takes_none() -> None:
    trouble = Troubled()
    assert refused(taken(trouble, id_="nothing")) == [RefusalReason.INCIDENT_UNKNOWN]
    trouble.incident.closed_at, trouble.incident.closed_by = trouble.now, "rita"
    assert refused(taken(trouble)) == [RefusalReason.INCIDENT_CLOSED]
    assert trouble.incident.assessment is None


# -- what it is made of --------------------------------------------------------------------------------------------


def test_a_record_holds_what_was_found() -> None:
    found = assessed(look(held(BTC, "2", unrealised_pnl=D(5), liquidation_price=D(40_000))), minutes_to_close=12)
    record = assessment_record([found], complete=True, by="olga", at=7)
    [one] = record.instruments
    assert (record.at, record.by, record.complete, record.total, record.total_limit) == (
        7,
        "olga",
        True,
        D(100_000),
        D(150_000),
    )
    assert (one.account, one.instrument, one.quantity, one.value, one.outside_band) == (
        ACCOUNT,
        BTC,
        D(2),
        D(100_000),
        True,
    )
    assert (one.exit_cost_now, one.exit_cost_sliced, one.unrealised_pnl) == (D(100), D(100), D(5))
    assert (one.minutes_to_close, one.liquidation_distance) == (12, D(20))


def test_what_nobody_knows_is_left_out_and_makes_it_incomplete() -> None:
    world = given()
    world.hold("o", 1)
    found = assessed(not_seen("positions: no feed"), world)
    record = assessment_record([found, assessed(look())], complete=True, by="olga", at=7)
    assert (record.complete, record.instruments, record.total) == (False, (), None)
    assert not assessment_record([assessed(look())], complete=False, by="olga", at=7).complete


@pytest.mark.parametrize(
    ("instruments", "complete", "says"),
    [
        ((), True, "flat: nothing is held; total not known"),
        ((), False, "NOT COMPLETE, what is missing is UNKNOWN and not flat; total not known"),
        ((position(0, believed=D(3)),), True, f"{BTC} of main believed 3, at the venue 0; flat: nothing is held"),
        ((position(0, believed=None),), True, "flat: nothing is held"),
        (
            (position(1, value=None, unrealised_pnl=None, exit_cost_sliced=None),),
            True,
            f"{BTC} of main: 1, value not known; ",
        ),
    ],
)
def test_the_line_that_everybody_is_told(instruments: Any, complete: bool, says: str) -> None:  # noqa: FBT001
    assert summary(AssessmentRecord(7, "olga", complete, instruments)).startswith(says)


def test_two_legs_that_add_up_to_nothing_are_not_flat() -> None:
    found = assessed(look(held(BTC, "0", long=D(2), short=D(2))))
    record = assessment_record([found], complete=True, by="olga", at=7)
    assert (record.instruments[0].quantity, record.instruments[0].gross) == (D(0), D(4))
    assert summary(record).startswith(f"{BTC} of main: 0 net, 4 gross in two legs, worth 0.00")
    one_leg = assessment_record([assessed(look(held(BTC, "2", long=D(2))))], complete=True, by="olga", at=7)
    assert (one_leg.instruments[0].gross, " gross " in summary(one_leg)) == (D(2), False)
    assert assessment_record([assessed(look(held(BTC, "2")))], complete=True, by="o", at=7).instruments[0].gross is None


def test_a_long_list_is_cut_and_says_so() -> None:
    many = tuple(position(1, instrument=f"X{number}/USDT:USDT") for number in range(SHOWN + 3))
    text = summary(AssessmentRecord(7, "olga", True, many, D(5)))
    assert "X7/USDT:USDT" in text
    assert "X8/USDT:USDT" not in text
    assert text.endswith("and 3 more; total exposure 5.00")
