"""Which role an operator speaks in: as the settings file says, never as a request says.

A role that is named must be the caller's own. Where none is named, FLATTEN and REDUCE take the caller's first, or
none: leaving needs no title. HOLD needs one of its two roles, and takes the caller's only one of them; who has both
says which, unless somebody else has recorded the other one already, and in a firm of one speaks in both.
"""

from collections.abc import Iterable, Sequence

from risksvc.core.config import SecondPerson
from risksvc.core.incident.choosing import HOLD_ROLES
from risksvc.core.incident.record import Course, Incident
from risksvc.core.outputs import Refusal, RefusalReason
from risksvc.core.types import MalformedInputError
from risksvc.gate.convert import shown
from risksvc.gate.incident.settings import Role
from risksvc.gate.operator_tokens import Operator
from risksvc.gate.settings import Settings


def roles_of(operators: Iterable[Operator], name: str) -> tuple[str, ...]:
    """What this operator answers for."""
    return next((one.roles for one in operators if one.name == name), ())


def holders(operators: Iterable[Operator], role: str) -> list[str]:
    """Who has this role."""
    return [one.name for one in operators if role in one.roles]


def speaks_as(
    settings: Settings, incident: Incident, *, course: Course, role: str, by: str
) -> tuple[str, ...] | Refusal:
    """The role, or both, that `by` records this course in. Raises MalformedInputError where only he can say."""
    own = roles_of(settings.operators, by)
    if role:
        allowed = [one.value for one in Role]
        if role not in allowed:
            raise MalformedInputError("role", f"{shown(role)} is not a role; allowed: {', '.join(allowed)}")
        return (role,) if role in own else missing(settings, by=by, needed=(role,))
    if course is not Course.HOLD:
        return own[:1] or ("",)
    able = tuple(one for one in HOLD_ROLES if one in own)
    if not able:
        return missing(settings, by=by, needed=HOLD_ROLES)
    return able if settings.second_person is SecondPerson.NONE else (_one_of(able, incident, by=by),)


def _one_of(able: Sequence[str], incident: Incident, *, by: str) -> str:
    taken = [one.role for one in incident.choices if one.course is Course.HOLD and one.by != by]
    left = [role for role in able if role not in taken] or able
    if len(left) > 1:
        raise MalformedInputError(
            "role", f"{by} has the roles {' and '.join(able)}: say in which one; another person records the other"
        )
    return left[0]


def missing(settings: Settings, *, by: str, needed: Sequence[str]) -> Refusal:
    """Nobody speaks in a role that is not his: who has it, and how it is given."""
    own = roles_of(settings.operators, by)
    has = f"has the {'role' if len(own) == 1 else 'roles'} {', '.join(own)}" if own else "has no role"
    who = "; ".join(f"{role}: {', '.join(holders(settings.operators, role)) or 'nobody'}" for role in needed)
    text = (
        f"{by} {has}, and this needs {' or '.join(needed)}. Who has it: {who}. `roles: [{needed[0]}]` below the "
        f"operator's name in {settings.path} gives it, and counts when the gate is started again"
    )
    return Refusal(RefusalReason.ROLE_MISSING, text)
