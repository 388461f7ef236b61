"""What concerns an account as a whole: a venue that is stale or can't be read, money that nobody explains.

A condition stands from the first sight until what caused it is gone; it is shown, counted and alerted. It never changes
a position, and closes nothing by itself: checks ask for the facts (the read's age), not for the condition.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass

from risksvc.core.divergences import DivergenceClass
from risksvc.core.types import Nanoseconds


@dataclass(slots=True)
class Condition:
    """One of an account; `seen` counts how often in a row it was found."""

    divergence: DivergenceClass
    message: str
    since: Nanoseconds
    seen: int = 1
    diverged: bool = False


def note(
    conditions: MutableMapping[str, Condition], divergence: DivergenceClass, message: str, *, now: Nanoseconds
) -> Condition:
    """Finds a condition again, or begins it; its `seen` is 1 exactly when it is new."""
    found = conditions.get(divergence.value)
    if found is None:
        found = conditions[divergence.value] = Condition(divergence, message, now)
    else:
        found.message, found.seen = message, found.seen + 1
    return found
