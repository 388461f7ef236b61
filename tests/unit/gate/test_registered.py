"""Gates that are not alike are told, within one account and while they are fresh; nothing is denied because of them."""

from types import SimpleNamespace
from typing import cast

import pytest

from risksvc.gate.app import GateApp
from risksvc.gate.kill_switch.follower import GateSeen, NamespaceStatus
from risksvc.gate.registered import FRESH_MS, registered_gates, skews


def app(*namespaces: NamespaceStatus, gate_id: str = "g1") -> GateApp:
    made = SimpleNamespace(
        gate_id=gate_id,
        version="1.0",
        settings=SimpleNamespace(accounts={"main": None, "second": None}),
        owner=SimpleNamespace(state=SimpleNamespace(limits_hash="aa")),
        kill_switch=SimpleNamespace(status=lambda: SimpleNamespace(namespaces=namespaces)),
    )
    return cast("GateApp", made)


def namespace(name: str, **gates: GateSeen) -> NamespaceStatus:
    return NamespaceStatus(name, "G", 1, 0, 0, gates)


def seen(version: str = "1.0", limits: str = "aa", *, age_ms: int = 50) -> GateSeen:
    return GateSeen(version, limits, age_ms, "run", 400)


@pytest.mark.parametrize(
    ("other", "limits", "version"),
    [
        (seen(), 0, 0),
        (seen(limits="bb"), 1, 0),
        (seen(limits=""), 1, 0),
        (seen("1.1"), 0, 1),
        (seen("1.1", "bb", age_ms=FRESH_MS), 1, 1),
        (seen("1.1", "bb", age_ms=FRESH_MS + 1), 0, 0),
    ],
    ids=["alike", "limits", "no limits", "version", "both, just fresh", "gone"],
)
def test_a_gate_of_the_same_account(other: GateSeen, limits: int, version: int) -> None:
    made = app(
        namespace("*", g1=seen(), g2=other), namespace("main", g1=seen(), g2=other), namespace("second", g1=seen())
    )
    assert (skews(made)["main"].limits, skews(made)["main"].version) == (limits, version)
    assert (skews(made)["second"].limits, skews(made)["second"].version) == (0, 0)
    told = {gate.gate_id: gate for gate in registered_gates(made)}
    assert told["g2"].skewed == bool(limits or version)
    assert told["g2"].accounts == ("main",)
    assert not told["g1"].skewed


def test_gates_of_other_accounts_may_have_other_limits() -> None:
    made = app(namespace("*", g1=seen(), g2=seen("0.9", "bb")), namespace("main", g1=seen()))
    assert skews(made)["main"].limits == 0
    assert not any(gate.skewed for gate in registered_gates(made))


def test_a_gate_is_compared_by_what_it_has_now_and_not_by_its_own_last_heartbeat() -> None:
    made = app(namespace("main", g1=seen(limits="old"), g2=seen()))
    assert skews(made)["main"].limits == 0


def test_a_silent_gate_is_listed_as_silent() -> None:
    made = app(namespace("*", g1=seen(age_ms=9_000), g2=seen(age_ms=400), g3=seen(age_ms=401)))
    assert {gate.gate_id: gate.live for gate in registered_gates(made)} == {"g1": True, "g2": True, "g3": False}


def test_before_the_first_read_nobody_is_known() -> None:
    assert not registered_gates(app())
    assert skews(app())["main"].version == 0
