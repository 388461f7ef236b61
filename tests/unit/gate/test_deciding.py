"""The Decide operation: what is recommended, in which role a person speaks, who is waited for, what is refused."""

import pytest

from risksvc.core.config import SecondPerson
from risksvc.core.incident.events import CauseNamed, IncidentClosed
from risksvc.core.types import SECOND, MalformedInputError
from risksvc.gate.incident.deciding import decide
from risksvc.gate.operator_tokens import Operator
from risksvc.v1 import incident_pb2, operator_pb2
from tests.unit.core.an_incident import OUTSIDE, position
from tests.unit.gate.on_hold import OnHold
from tests.unit.gate.steps import START

FLATTEN, REDUCE, HOLD = incident_pb2.COURSE_FLATTEN, incident_pb2.COURSE_REDUCE, incident_pb2.COURSE_HOLD
UNSAID = incident_pb2.COURSE_UNSPECIFIED


class Desk(OnHold):
    """An incident that has been assessed; its people decide."""

    def __init__(self, second_person: SecondPerson = SecondPerson.REQUIRED, *, assessed: bool = True) -> None:
        super().__init__(second_person=second_person)
        if assessed:
            self.look()

    async def decide(
        self,
        by: str = "olga",
        course: "incident_pb2.Course.ValueType" = UNSAID,
        *,
        role: str = "",
        incident_id: str = "",
        reason: str | None = None,
    ) -> incident_pb2.DecideResponse:
        why = ("drill" if course else "") if reason is None else reason
        request = incident_pb2.DecideRequest(incident_id=incident_id, course=course, role=role, reason=why)
        return await decide(self.app, request, by)

    def spoken(self) -> list[tuple[str, str]]:
        return [(one.by, one.role) for one in self.incident.choices]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def refusals(answer: incident_pb2.DecideResponse) -> list[str]:
    return [operator_pb2.RefusalReason.Name(one.reason).removeprefix("REFUSAL_REASON_") for one in answer.refusals]


# -- looking ------------------------------------------------------------------------------------------------------


async def test_a_look_recommends_with_reasons_and_records_nothing(desk: Desk) -> None:
    entries = len(desk.journal.entries)
    answer = await desk.decide()
    assert (answer.recommended, answer.required, answer.in_force) == (FLATTEN, False, False)
    first = answer.reasons[0]
    assert (first.name, first.points_to, first.observed, first.limit) == ("CAUSE_OPEN", FLATTEN, "not known", "fixed")
    assert first.message
    assert answer.incident.incident_id == "gate-1-i1"
    assert (answer.assessed_at_ns, answer.now_ns) == (START, START)
    assert [(one.role, list(one.operators)) for one in answer.holders] == [
        ("engineering", ["olga", "eve"]),
        ("risk", ["rita", "eve"]),
    ]
    assert not answer.HasField("hold")
    assert len(desk.journal.entries) == entries


async def test_the_recommendation_follows_what_is_known(desk: Desk) -> None:
    desk.submit(CauseNamed(desk.incident.incident_id, "a wrong sign", fixed=True, by="olga"))
    assert (await desk.decide()).recommended == HOLD
    desk.venue = [OUTSIDE]
    desk.look()
    answer = await desk.decide()
    assert (answer.recommended, answer.required, answer.in_force) == (FLATTEN, True, True)
    assert answer.incident.course == FLATTEN
    assert [(one.account, one.instrument) for one in answer.to_flatten] == [("main", "BTC/USDT:USDT")]


async def test_before_an_assessment_nothing_is_recommended() -> None:
    answer = await Desk(assessed=False).decide()
    assert (answer.recommended, answer.assessed_at_ns) == (UNSAID, 0)
    assert [one.name for one in answer.reasons] == ["NOT_ASSESSED"]


async def test_what_is_not_there_is_refused_with_what_to_do(desk: Desk) -> None:
    answer = await desk.decide(incident_id="gate-1-i9")
    assert refusals(answer) == ["INCIDENT_UNKNOWN"]
    assert not answer.HasField("incident")
    desk.owner.state.incidents.by_id.clear()
    answer = await desk.decide()
    assert refusals(answer) == ["INCIDENT_UNKNOWN"]
    assert "`risksvc incident open`" in answer.refusals[0].message


# -- one person ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("course", [FLATTEN, REDUCE])
@pytest.mark.parametrize(
    ("by", "role"), [("olga", "engineering"), ("tom", "trader"), ("eve", "engineering"), ("nora", "")]
)
async def test_one_person_of_any_role_or_none_leaves(
    desk: Desk, course: "incident_pb2.Course.ValueType", by: str, role: str
) -> None:
    answer = await desk.decide(by, course)
    assert answer.in_force
    assert answer.incident.course == course
    [choice] = answer.incident.choices
    assert (choice.course, choice.by, choice.role, choice.reason, choice.at_ns) == (course, by, role, "drill", START)


async def test_a_role_that_is_said_must_be_ones_own(desk: Desk) -> None:
    assert (await desk.decide("tom", FLATTEN, role="leadership")).incident.choices[0].role == "leadership"
    answer = await desk.decide("tom", HOLD, role="risk")
    assert refusals(answer) == ["ROLE_MISSING"]
    assert answer.refusals[0].message == (
        "tom has the roles trader, leadership, and this needs risk. Who has it: risk: rita, eve. `roles: [risk]` below "
        "the operator's name in risksvc.yaml gives it, and counts when the gate is started again"
    )
    with pytest.raises(MalformedInputError, match="role: 'boss' is not a role; allowed: engineering, risk, trader"):
        await desk.decide("tom", FLATTEN, role="boss")


async def test_a_course_needs_a_reason(desk: Desk) -> None:
    with pytest.raises(MalformedInputError, match="reason: is required"):
        await desk.decide(course=FLATTEN, reason=" ")
    with pytest.raises(MalformedInputError, match="course: 9 is not allowed"):
        await desk.decide(course=9)  # type: ignore[arg-type]


# -- two persons --------------------------------------------------------------------------------------------------


async def test_hold_takes_two(desk: Desk) -> None:
    answer = await desk.decide("olga", HOLD)
    assert (answer.in_force, list(answer.waiting_for), refusals(answer)) == (False, ["risk"], [])
    answer = await desk.decide("rita", HOLD)
    assert (answer.in_force, list(answer.waiting_for)) == (True, [])
    assert desk.spoken() == [("olga", "engineering"), ("rita", "risk")]
    assert (answer.hold.since_ns, answer.hold.next_reminder_ns) == (START, START + 900 * SECOND)
    assert (answer.hold.reminded_at_ns, answer.hold.reminded_until_ns) == (0, 0)


@pytest.mark.parametrize(("by", "has"), [("tom", "has the roles trader, leadership"), ("nora", "has no role")])
async def test_who_has_neither_role_can_t_hold(desk: Desk, by: str, has: str) -> None:
    answer = await desk.decide(by, HOLD)
    assert refusals(answer) == ["ROLE_MISSING"]
    assert f"{by} {has}, and this needs engineering or risk" in answer.refusals[0].message
    assert not desk.spoken()


async def test_nobody_with_a_role_is_said() -> None:
    desk = Desk()
    desk.settings.operators = (Operator("olga", "", ("engineering",)),)
    answer = await desk.decide("olga", HOLD, role="risk")
    assert "olga has the role engineering, and this needs risk. Who has it: risk: nobody" in answer.refusals[0].message


async def test_who_has_both_roles_says_which(desk: Desk) -> None:
    with pytest.raises(MalformedInputError, match="role: eve has the roles engineering and risk: say in which one"):
        await desk.decide("eve", HOLD)
    await desk.decide("eve", HOLD, role="risk")
    assert desk.spoken() == [("eve", "risk")]


async def test_the_second_one_speaks_in_the_role_that_is_left(desk: Desk) -> None:
    await desk.decide("olga", HOLD)
    assert (await desk.decide("eve", HOLD)).in_force
    assert desk.spoken() == [("olga", "engineering"), ("eve", "risk")]


async def test_one_more_word_for_a_hold_may_come_in_either_role(desk: Desk) -> None:
    desk.hold()
    with pytest.raises(MalformedInputError, match="say in which one"):
        await desk.decide("eve", HOLD)
    assert (await desk.decide("eve", HOLD, role="risk")).in_force


async def test_a_firm_of_one_speaks_in_both_roles_at_once() -> None:
    desk = Desk(SecondPerson.NONE)
    assert (await desk.decide("eve", HOLD)).in_force
    assert desk.spoken() == [("eve", "engineering"), ("eve", "risk")]


async def test_a_firm_of_one_may_say_them_one_by_one() -> None:
    desk = Desk(SecondPerson.NONE)
    answer = await desk.decide("eve", HOLD, role="risk")
    assert (answer.in_force, list(answer.waiting_for)) == (False, ["engineering"])
    assert (await desk.decide("eve", HOLD, role="engineering")).in_force


# -- refusals of the core -----------------------------------------------------------------------------------------


async def test_what_the_core_refuses_is_told_with_what_is_recommended(desk: Desk) -> None:
    desk.venue = [OUTSIDE]
    desk.look()
    answer = await desk.decide("olga", HOLD)
    assert refusals(answer) == ["FLATTEN_REQUIRED"]
    assert (answer.recommended, answer.required, answer.in_force) == (FLATTEN, True, False)
    assert not answer.HasField("incident")


async def test_a_closed_incident_takes_no_course(desk: Desk) -> None:
    incident = desk.incident
    incident.halts.clear()
    desk.submit(IncidentClosed(incident.incident_id, "over", "olga"))
    assert refusals(await desk.decide(course=FLATTEN, incident_id=incident.incident_id)) == ["INCIDENT_CLOSED"]


async def test_everything_survives_a_restart(desk: Desk) -> None:
    await desk.decide("olga", HOLD)
    desk.restart()
    desk.venue = [position()]
    assert (await desk.decide("rita", HOLD)).in_force
    assert desk.spoken() == [("olga", "engineering"), ("rita", "risk")]
