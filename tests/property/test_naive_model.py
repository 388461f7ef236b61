"""Property: whatever strategies, operators, kill switch and venue do, the gate's books are what a plain model says.

I1 to I5 and I8 after every step of seeded random walks (see `naive_model`): 10,000 walks in CI, a few hundred on a
desk. A plain seeded walk finds more per second here than hypothesis does; a failure shows the line that repeats it.
"""

from collections.abc import Callable

import pytest

from risksvc.core import deciding, orders_in
from risksvc.core.checks import CHECKS, CheckFunction, marks_fresh, reduces_only, reducing_only, snapshot_fresh
from risksvc.core.line import Line
from risksvc.core.sizing import LIMIT_CHECKS, net_exposure, total_exposure
from risksvc.core.state import GateState
from risksvc.core.venue_events import Fill
from tests.conftest import IN_CI
from tests.property.naive_model import NaiveModel
from tests.property.random_walk import STEPS, Walk

WALKS = 10_000 if IN_CI else 300
CHUNKS = 10  # so that workers can share them


def walk(seed: int) -> NaiveModel:
    """One walk under the eyes of the model; a failure says how to repeat it."""
    model = NaiveModel()
    try:
        Walk(seed, watch=model).run(STEPS)
    except Exception as error:
        again = f"python -c 'from tests.property.test_naive_model import walk; walk({seed})'"
        error.add_note(f"seed {seed}; again: {again}")
        raise
    return model


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_gate_and_the_plain_model_agree_after_every_step(chunk: int) -> None:
    approved = sum(walk(seed).approved for seed in range(chunk, WALKS, CHUNKS))

    assert approved > 3 * WALKS / CHUNKS, "the walks hardly trade: they prove nothing"


# -- does the model see? A rule taken out of the core must be missed ---------------------------------------------------

Mutant = Callable[[pytest.MonkeyPatch], None]


def without(rule: CheckFunction) -> Mutant:
    def mutant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(deciding, "CHECKS", tuple(one for one in CHECKS if one is not rule))

    return mutant


def without_exposure(patch: pytest.MonkeyPatch) -> None:
    kept = tuple(one for one in LIMIT_CHECKS if one not in (net_exposure, total_exposure))
    patch.setattr(deciding, "LIMIT_CHECKS", kept)
    patch.setattr(orders_in, "_within_limits", lambda _verdict: True)


def without_halts_and_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GateState, "denied_whole", lambda *_args, **_rest: [])


def without_memory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(orders_in, "_known_already", lambda *_args, **_rest: None)


def without_moving_the_interval(patch: pytest.MonkeyPatch) -> None:
    real = Line.move

    def move(line: Line, fill: Fill) -> None:
        low, high = line.low, line.high
        real(line, fill)
        line.low, line.high = low, high

    patch.setattr(Line, "move", move)


BLIND: dict[str, tuple[Mutant, str]] = {
    "snapshot": (without(snapshot_fresh), "I8"),
    "marks": (without(marks_fresh), "I8"),
    "reducing": (without(reducing_only), "I1"),
    "reduce-only": (without(reduces_only), "I5"),
    "exposure": (without_exposure, "I2"),
    "halts and lease": (without_halts_and_lease, "I"),
    "ids": (without_memory, "I4"),
    "interval": (without_moving_the_interval, "the interval"),
}


@pytest.mark.parametrize("rule", BLIND)
def test_the_model_misses_a_rule_that_is_taken_out(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant, told = BLIND[rule]
    mutant(monkeypatch)
    for seed in range(1_000):
        try:
            walk(seed)
        except AssertionError as error:
            assert str(error).startswith(told), error  # noqa: PT017 - which invariant it is matters
            return
    pytest.fail(f"nobody missed {rule} in 1,000 walks")
