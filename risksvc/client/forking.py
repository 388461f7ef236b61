"""What becomes of a gate object when its process forks: in the child it denies everything, at once and for good.

The child has none of the parent's threads, and grpc's connection is the parent's: nothing there would ever hear a halt,
end a late check or deliver a report. Rule: nothing that waits, and no lock that the parent may have held, is touched in
the child.
"""

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has to know of a fork."""

    def before_fork(self) -> None:
        """Let go of what must not be there twice."""

    def after_fork_in_child(self) -> None:
        """Deny from now on."""


_remembered: dict[int, "weakref.ref[Forkable]"] = {}


def remember(gate: Forkable) -> None:
    """Tell this one of every fork, for as long as it lives."""
    key = id(gate)
    _remembered[key] = weakref.ref(gate, lambda _: _remembered.pop(key, None))


def _living() -> list[Forkable]:
    return [gate for reference in list(_remembered.values()) if (gate := reference()) is not None]


def _before() -> None:
    for gate in _living():
        gate.before_fork()


def _in_child() -> None:
    for gate in _living():
        gate.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
