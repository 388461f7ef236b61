"""The files of a new user, commented: what `risksvc init` writes, and the reference of every key.

All are valid as they stand.
"""

from collections.abc import Sequence
from importlib.resources import files

from risksvc.gate.operator_tokens import Operator

SETTINGS_NAME = "risksvc.yaml"
LIMITS_NAME = "limits.yaml"
CONTACTS_NAME = "contacts.yaml"
_NOBODY = "operators: []\n"


def limits_text() -> str:
    """A limits file."""
    return _text(LIMITS_NAME)


def contacts_text() -> str:
    """A contacts file that lists nobody."""
    return _text(CONTACTS_NAME)


def settings_text(operators: Sequence[Operator] = ()) -> str:
    """A settings file that lists these operators."""
    text = _text(SETTINGS_NAME)
    if text.count(_NOBODY) != 1:
        raise ValueError(f"the template {SETTINGS_NAME} has no place for operators")
    if not operators:
        return text
    return text.replace(_NOBODY, f"operators:\n{''.join(map(_listed, operators))}")


def _listed(operator: Operator) -> str:
    roles = f"    roles: [{', '.join(operator.roles)}]\n" if operator.roles else ""
    return f"  - name: {operator.name}\n    token_sha256: {operator.token_sha256}\n{roles}"


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
