"""What several ways together prove: EFFECTIVE never without proof, LATCHED always with names."""

import pytest

from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_outcome import outcome_of
from risksvc.cli.halt_paths import Tried
from risksvc.v1.operator_pb2 import HaltResponse


def gate(name: str, *missing: str, confirmed: tuple[str, ...] = ()) -> Tried:
    """A gate that took it."""
    whole = "redis" not in missing
    answer = HaltResponse(gate_id=name)
    return Tried(
        f"gate {name}",
        f"unix:/{name}",
        True,
        "",
        name,
        whole=whole,
        missing=missing,
        confirmed=confirmed,
        answer=answer,
    )


def failed(name: str, path: str = "gate") -> Tried:
    return Tried(path, f"unix:/{name}", False, "no", name, ExitCode.UNDECIDED)


def elsewhere(name: str) -> Tried:
    return Tried("gate", f"unix:/{name}", None, "does not serve it", name)


def redis(*missing: str, confirmed: tuple[str, ...] = (), whole: bool = True) -> Tried:
    return Tried("redis", "unix:/r", True, "", whole=whole, missing=missing, confirmed=confirmed)


def latch(name: str) -> Tried:
    return Tried("latch", "/l", True, "", name, confirmed=(name,))


NO_REDIS = failed("", "redis")


@pytest.mark.parametrize(
    ("tried", "missing"),
    [
        # One gate alone.
        ([gate("g1")], ()),
        ([gate("g1", "redis"), NO_REDIS], ("redis",)),
        ([gate("g1", "latch")], ("the disk of gate g1",)),
        # Two gates: one speaks for the other, or the store does.
        ([gate("g1", confirmed=("g2",)), failed("g2")], ()),
        ([gate("g1", "g2"), failed("g2")], ("g2",)),
        ([gate("g1", "g2"), gate("g2", "g1")], ()),
        ([gate("g1", "redis", "g2"), gate("g2", "redis", "g1"), NO_REDIS], ("redis",)),
        ([gate("g1", "redis", "g2"), gate("g2", confirmed=("g1",))], ()),
        ([failed("g1"), failed("g2"), redis(confirmed=("g1", "g2"))], ()),
        ([failed("g1"), failed("g2"), redis("g2", confirmed=("g1",))], ("g2",)),
        # A gate that no store names may stand on a store of its own.
        ([gate("g1"), failed("g9")], ("g9",)),
        ([gate("g1"), failed("")], ("unix:/",)),
        ([gate("g1"), gate("g9", "redis")], ("redis",)),
        # A store that was never initialised shows nobody.
        ([failed("g1"), redis(whole=False)], ("redis", "g1")),
        # Everything is down: the latch speaks for its own gate only.
        ([failed("g1"), NO_REDIS, latch("g1")], ("redis",)),
        ([failed("g1"), failed("g2"), NO_REDIS, latch("g1")], ("redis", "g2")),
    ],
)
def test_who_is_missing(tried: list[Tried], missing: tuple[str, ...]) -> None:
    outcome = outcome_of(tried, private=False)
    assert outcome.taken
    assert outcome.missing == missing
    assert outcome.effective == (not missing)


def test_a_store_that_no_other_gate_reads_need_not_be_asked() -> None:
    assert outcome_of([failed("g1"), NO_REDIS, latch("g1")], private=True).effective
    assert not outcome_of([failed("g1"), failed("g2"), NO_REDIS, latch("g1")], private=True).effective


def test_a_halt_of_an_account_concerns_the_gates_of_its_namespace() -> None:
    tried = [elsewhere("g1"), gate("g2"), failed("g3"), redis(confirmed=("g2",))]
    assert outcome_of(tried, private=False, of_account=True).effective
    assert outcome_of(tried, private=False).missing == ("g3",)
    blind = [gate("g2", "redis"), failed("g3"), NO_REDIS]
    assert outcome_of(blind, private=False, of_account=True).missing == ("redis", "g3")


@pytest.mark.parametrize("tried", [[], [failed("g1")], [elsewhere("g1"), NO_REDIS]])
def test_what_nobody_took_is_no_halt(tried: list[Tried]) -> None:
    outcome = outcome_of(tried, private=True)
    assert not outcome.taken
    assert not outcome.effective
