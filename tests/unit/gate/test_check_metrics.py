"""Checks are counted in plain integers, and shown as the client library's own metrics would show them."""

import random
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest

from risksvc.core.denials import DenialReason
from risksvc.core.types import SECOND, Order, OrderType, Side
from risksvc.gate.check_metrics import _CHECKS_HELP, _SECONDS_HELP, BOUNDS, UNLISTED, CheckTally
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, D, strategy

Outcome = tuple[str, str, DenialReason | None, int]


def shown(*collectors: CheckTally) -> str:
    registry = CollectorRegistry(auto_describe=True)
    for one in collectors:
        registry.register(one)
    return generate_latest(registry).decode()


def by_the_library(world: World, outcomes: Iterable[Outcome]) -> str:
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
    for account, name, reason, took in outcomes:
        outcome = ("approved", "") if reason is None else ("denied", reason.name)
        checks.labels(account, name, *outcome).inc()
        seconds.observe(took / SECOND)
    return generate_latest(registry).decode()


def count(world: World, tally: CheckTally, outcomes: Iterable[Outcome]) -> None:
    for account, name, reason, took in outcomes:
        order = Order(account, name, "o", BTC, Side.BUY, OrderType.MARKET, D(1))
        if reason is None:
            tally.approved(world.gate.state, order, took=took)
        else:
            tally.denied(world.gate.state, order, reason=reason, took=took)


def test_the_exposition_is_the_client_library_s_own() -> None:
    world, tally, draw = given(), CheckTally(), random.Random(3)
    tally.begin(world.gate.state)
    times = [*BOUNDS, *(bound + 1 for bound in BOUNDS), 0, 5 * SECOND, *(draw.randrange(10**8) for _ in range(50))]
    kinds = [(ALPHA, None), ("", DenialReason.HALTED), (ALPHA, DenialReason.PRICE_COLLAR)]
    outcomes = [(ACCOUNT, *draw.choice(kinds), took) for took in times]
    count(world, tally, outcomes)
    theirs, ours = by_the_library(world, outcomes).splitlines(), shown(tally).splitlines()
    of_sum = next(index for index, line in enumerate(theirs) if line.startswith("risksvc_check_seconds_sum"))
    assert ours[:of_sum] == theirs[:of_sum]
    assert ours[of_sum + 1 :] == theirs[of_sum + 1 :]
    name, value = ours[of_sum].split()
    assert name == "risksvc_check_seconds_sum"
    assert float(value) == sum(times) / SECOND  # theirs adds up floats


def test_nothing_yet_is_shown_as_the_library_shows_it() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    assert shown(tally) == by_the_library(world, [])


def test_whom_the_limits_do_not_list_shares_one_series() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    for number in range(3):
        count(world, tally, [(ACCOUNT, f"s{number}", DenialReason.STRATEGY_UNKNOWN, 1)])
        count(world, tally, [(f"a{number}", ALPHA, DenialReason.ACCOUNT_UNKNOWN, 1)])
    text = shown(tally)
    unknown = f'risksvc_checks_total{{account="{ACCOUNT}",outcome="denied",reason="STRATEGY_UNKNOWN"'
    assert f'{unknown},strategy="{UNLISTED}"}} 3.0' in text
    assert 'risksvc_checks_total{account="unlisted",outcome="denied",reason="ACCOUNT_UNKNOWN"' in text
    assert "s1" not in text


def test_after_new_limits_a_strategy_that_is_not_listed_any_more_is_unlisted() -> None:
    world, tally = given(), CheckTally()
    tally.begin(world.gate.state)
    count(world, tally, [(ACCOUNT, ALPHA, None, 1)])
    world.load(strategies={"gamma": strategy(), ALPHA: None})
    tally.begin(world.gate.state)
    count(world, tally, [(ACCOUNT, ALPHA, None, 1), (ACCOUNT, "gamma", None, 1)])
    text = shown(tally)
    for name in (ALPHA, "gamma", UNLISTED):
        assert f'outcome="approved",reason="",strategy="{name}"}} 1.0' in text
