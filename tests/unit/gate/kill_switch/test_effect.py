"""EFFECTIVE only when nobody can approve against the halt any more."""

import pytest

from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.effect import judge_effect
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.view import Seen, StoreView
from tests.unit.gate.halts import clear, halt

NOW_MS = 10_000


def seen(digest: str, *, ago_ms: int = 0, bound_ms: int = 400) -> Seen:
    return Seen(Heartbeat("x", "i", digest, bound_ms * MILLISECOND), NOW_MS - ago_ms)


@pytest.mark.parametrize(
    ("others", "missing"),
    [
        ({}, ()),
        ({"g2": seen("now")}, ()),
        ({"g2": seen("now", ago_ms=9_000)}, ()),
        ({"g2": seen("before")}, ("g2",)),
        ({"g2": seen("before", ago_ms=400)}, ("g2",)),
        ({"g2": seen("before", ago_ms=401)}, ()),
        ({"g2": seen("before", ago_ms=401, bound_ms=500)}, ("g2",)),
        ({"g3": seen(""), "g2": seen("before"), "g4": seen("now")}, ("g2", "g3")),
    ],
)
def test_who_is_missing(others: dict[str, Seen], missing: tuple[str, ...]) -> None:
    view = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {"h1": halt()}, {}, {"g1": seen("before"), **others})
    effect = judge_effect(view, "h1", own_id="g1")
    assert effect.missing == missing
    assert effect.effective == (not missing)


@pytest.mark.parametrize(("silent_ms", "missing"), [(0, ("g2",)), (400, ("g2",)), (401, ()), (None, ())])
def test_silence_counts_by_the_askers_own_clock_too(silent_ms: int | None, missing: tuple[str, ...]) -> None:
    """The store's clock jumps forward: every heartbeat looks old at once."""
    others = {"g2": seen("before", ago_ms=3_600_000)}
    view = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {"h1": halt()}, {}, others)
    silent = {"g2": silent_ms * MILLISECOND} if silent_ms is not None else None
    assert judge_effect(view, "h1", own_id="g1", silent_ns=silent).missing == missing
    if silent is not None:
        assert judge_effect(view, "h1", own_id="g1", silent_ns={}).missing == ("g2",), "never seen by itself"


def test_without_a_quorum_silence_counts_for_nothing() -> None:
    others = {"g2": seen("before", ago_ms=9_000), "g3": seen("now")}
    view = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {"h1": halt()}, {}, others, quorum=False)
    assert judge_effect(view, "h1", own_id="g1").missing == ("g2",)


def test_a_halt_that_the_store_lacks_is_nobodys() -> None:
    others = {"g2": seen("now"), "g3": seen("now", ago_ms=9_000), "g1": seen("now")}
    view = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {}, {}, others)
    assert judge_effect(view, "h1", own_id="g1").missing == ("redis", "g2")


def test_who_has_it_is_named_too_and_nobody_while_the_store_lacks_it() -> None:
    others = {"g2": seen("now"), "g3": seen("before", ago_ms=9_000), "g4": seen("before")}
    with_it = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {"h1": halt()}, {}, others)
    assert judge_effect(with_it, "h1", own_id="g1").confirmed == ("g2", "g3")
    without = StoreView("main", "G", 1, "now", NOW_MS, "r", "master", {}, {}, others)
    assert judge_effect(without, "h1", own_id="g1").confirmed == ()


def test_a_halt_that_was_cleared_is_in_force_nowhere() -> None:
    view = StoreView("main", "G", 2, "now", NOW_MS, "r", "master", {"h1": halt()}, {"h1": clear()}, {"g2": seen("now")})
    assert not judge_effect(view, "h1", own_id="g1").effective
