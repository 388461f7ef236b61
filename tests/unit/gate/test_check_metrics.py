"""Checks are counted in plain integers, and shown as the client library's own metrics would show them."""

import random

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from risksvc.core.denials import DenialReason
from risksvc.core.types import SECOND
from risksvc.gate.check_metrics import _CHECKS_HELP, _SECONDS_HELP, BOUNDS, UNLISTED, CheckTally
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, strategy


def shown(*collectors: CheckTally) -> str:
    registry = CollectorRegistry(auto_describe=True)
    for one in collectors:
        registry.register(one)
    return generate_latest(registry).decode()


def by_the_library(world: World, *, took: list[int], outcomes: list[tuple[str, str, DenialReason | None]]) -> str:
    """The same, counted by the client library's counter and histogram."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry(auto_describe=True)
    labels = ["account", "strategy", "outcome", "reason"]
    checks = Counter("risksvc_checks", _CHECKS_HELP, labels, registry=registry)
    buckets = tuple(bound / SECOND for bound in BOUNDS)
    seconds = Histogram("risksvc_check_seconds", _SECONDS_HELP, registry=registry, buckets=buckets)
    limits = world.book.limits
    assert limits is not None
    for name in limits.strategies:
        checks.labels(ACCOUNT, name, "approved", "")
    for account, name, reason in outcomes:
        outcome = ("approved", "") if reason is None else ("denied", reason.name)
        checks.labels(account, name, *outcome).inc()
    for nanoseconds in took:
        seconds.observe(nanoseconds / SECOND)
    return generate_latest(registry).decode()


def test_the_exposition_is_the_client_library_s_own() -> None:
    world, tally, draw = given(), CheckTally(), random.Random(3)
    tally.begin(world.gate.state)
    took = [*BOUNDS, *(bound + 1 for bound in BOUNDS), 0, 5 * SECOND, *(draw.randrange(10**8) for _ in range(50))]
    for nanoseconds in took:
        tally.took(nanoseconds)
    outcomes = [
        (ACCOUNT, ALPHA, None),
        (ACCOUNT, "", DenialReason.HALTED),
        (ACCOUNT, ALPHA, None),
        (ACCOUNT, ALPHA, DenialReason.PRICE_COLLAR),
    ]
    for account, name, reason in outcomes:
        if reason is None:
            tally.approved(world.gate.state, account, name)
        else:
            tally.came_out(world.gate.state, account, name, reason=reason)
    theirs = by_the_library(world, took=took, outcomes=outcomes).splitlines()
    ours = shown(tally).splitlines()
    of_sum = next(index for index, line in enumerate(theirs) if line.startswith("risksvc_check_seconds_sum"))
    assert ours[:of_sum] == theirs[:of_sum]
    assert ours[of_sum + 1 :] == theirs[of_sum + 1 :]
    name, value = ours[of_sum].split()
    assert name == "risksvc_check_seconds_sum"
    assert float(value) == sum(took) / SECOND  # theirs adds up floats


def test_nothing_yet_is_shown_as_the_library_shows_it() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    assert shown(tally) == by_the_library(world, took=[], outcomes=[])


def test_whom_the_limits_do_not_list_shares_one_series() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    for number in range(3):
        tally.came_out(world.gate.state, ACCOUNT, f"s{number}", reason=DenialReason.STRATEGY_UNKNOWN)
        tally.came_out(world.gate.state, f"a{number}", ALPHA, reason=DenialReason.ACCOUNT_UNKNOWN)
    text = shown(tally)
    unknown = f'risksvc_checks_total{{account="{ACCOUNT}",outcome="denied",reason="STRATEGY_UNKNOWN"'
    assert f'{unknown},strategy="{UNLISTED}"}} 3.0' in text
    assert 'risksvc_checks_total{account="unlisted",outcome="denied",reason="ACCOUNT_UNKNOWN"' in text
    assert "s1" not in text


def test_after_new_limits_a_strategy_that_is_not_listed_any_more_is_unlisted() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    tally.approved(world.gate.state, ACCOUNT, ALPHA)
    world.load(strategies={"gamma": strategy(), ALPHA: None})
    tally.begin(world.gate.state)
    for name in (ALPHA, "gamma"):
        tally.approved(world.gate.state, ACCOUNT, name)
    text = shown(tally)
    for name in (ALPHA, "gamma", UNLISTED):
        assert f'outcome="approved",reason="",strategy="{name}"}} 1.0' in text
