"""Every reason for a denial, each in the smallest world in which it is the headline."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from risksvc.core import events
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.denials import HEADLINE, TRANSIENT, Denial, DenialReason
from risksvc.core.limits import OrderLimits, StrategyInstrumentLimits
from risksvc.core.outputs import Decision, RefusalReason
from risksvc.core.types import Order, OrderType, Side, TradingState
from risksvc.v1 import operator_pb2, types_pb2
from tests.unit.core.builders import World, given, reasons, started, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SOL, WIDE, D, feed, instrument, limit, strategy


def gate_fault() -> Decision:
    world = given()
    world.apply(events.FaultLatched("disk full"))
    return world.buy("0.1", 50_000)


def starting() -> Decision:
    world = started()
    world.load()
    return world.buy("0.1", 50_000)


def draining() -> Decision:
    world = given()
    world.apply(events.DrainStarted())
    return world.buy("0.1", 50_000)


def limits_not_loaded() -> Decision:
    world = started()
    world.lease()
    return world.buy("0.1", 50_000)


def halted() -> Decision:
    world = given()
    world.halt()
    return world.buy("0.1", 50_000)


def store_lost() -> Decision:
    world = given()
    world.apply(events.LeaseLost(store_lost=True, why="another generation"))
    return world.buy("0.1", 50_000)


def store_unreachable() -> Decision:
    world = given()
    world.apply(events.LeaseLost(store_lost=False, why="reconnected"))
    return world.buy("0.1", 50_000)


def invalid_request() -> Decision:
    world = given()
    return world.check(replace(world.order(Side.BUY, "0.1", 50_000), limit_price=None))


def account_unknown() -> Decision:
    return given().buy("0.1", 50_000, account="other")


def strategy_unknown() -> Decision:
    return given().buy("0.1", 50_000, strategy="gamma")


def instrument_unlisted() -> Decision:
    return given().buy("0.1", 50_000, instrument="DOGE/USDT:USDT")


def id_too_long() -> Decision:
    return given().buy("0.1", 50_000, client_order_id="x" * 37)


def id_reused() -> Decision:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    return world.buy("0.2", 50_000, client_order_id="a")


def replaced_unknown() -> Decision:
    return given().buy("0.1", 50_000, replaces="nothing")


def not_adopted() -> Decision:
    world = unread()
    world.marks()
    world.read(positions={BTC: 1})
    return world.buy("0.1", 50_000)


def snapshot_missing() -> Decision:
    world = unread()
    world.marks()
    return world.buy("0.1", 50_000)


def snapshot_stale() -> Decision:
    world = given().wait(7, fresh=False)
    world.marks()
    return world.buy("0.1", 50_000)


def mark_missing() -> Decision:
    world = unread()
    world.read()
    return world.buy("0.1", 50_000)


def mark_stale() -> Decision:
    world = given().wait(7, fresh=False)
    world.read()
    return world.buy("0.1", 50_000)


def mark_unconfirmed() -> Decision:
    world = given()
    world.mark(BTC, 60_000)
    return world.buy("0.1", 60_000)


def rate_missing() -> Decision:
    return given(rates={"USD": D(1)}).buy("0.1", 50_000)


def quantity_off_step() -> Decision:
    return given().buy("0.1005", 50_000)


def price_off_step() -> Decision:
    return given().buy("0.1", "49999.995")


def reducing_only() -> Decision:
    world = given()
    world.halt(state=TradingState.REDUCING)
    return world.buy("0.1", 50_000)


def instrument_suspect() -> Decision:
    world = given()
    world.read(positions={BTC: "0.5"})
    return world.buy("0.1", 50_000)


def not_reducing() -> Decision:
    return given().sell("0.1", 50_000, reduce_only=True)


def belief_missing() -> Decision:
    return given().buy("0.1", 50_000, belief=None)


def belief_stale() -> Decision:
    world = given()
    world.hold("a", "0.5")
    world.wait(31)
    return world.buy(1, 100, instrument=SOL)


def belief_mismatch() -> Decision:
    world = given()
    world.believe(0)
    return world.sell("0.1", 50_000, belief=1, reduce_only=True)


def intent_missing() -> Decision:
    return given().buy("0.1", 50_000, intent=None)


def price_collar() -> Decision:
    return given().buy("0.1", "52500.01")


def max_order_quantity() -> Decision:
    rows = {BTC: instrument(order=OrderLimits(max_order_quantity=limit("0.1")))}
    return given(instruments=rows).buy("0.101", 50_000)


def max_order_notional() -> Decision:
    rows = {ALPHA: strategy(order=OrderLimits(max_order_notional=limit(5_000)))}
    return given(strategies=rows).buy("0.101", 50_000)


def max_orders_per_second() -> Decision:
    world = given(max_orders_per_second=limit(1))
    world.buy("0.1", 50_000)
    return world.buy("0.1", 50_000)


def max_net_exposure() -> Decision:
    return given().buy("1.001", 50_000)


def max_total_exposure() -> Decision:
    return given(total=limit(40_000)).buy(1, 50_000)


def intended_band() -> Decision:
    world = given(strategies={ALPHA: strategy(instruments={BTC: StrategyInstrumentLimits(max_intended=limit("0.5"))})})
    return world.buy("0.751", 50_000)


def headroom_reserved() -> Decision:
    world = given()
    world.buy("0.9", 50_000, strategy=BETA)
    return world.buy("0.2", 50_000)


def max_gross_exposure() -> Decision:
    world = given(instruments={BTC: instrument(max_gross_exposure=limit(60_000))})
    world.apply(feed(hedge_mode=True))
    world.buy("0.7", 50_000, client_order_id="a")
    return world.sell("0.6", 50_000)


def batch_denied() -> Decision:
    world = given()
    asked = tuple(events.OrderChecked(world.order(Side.BUY, size, 50_000), WIDE, D(0)) for size in ("0.1", "0.1005"))
    answer = world.apply(events.OrdersChecked(asked, all_or_none=True))[0]
    assert isinstance(answer, Decision)
    return answer


TABLE: dict[DenialReason, Callable[[], Decision]] = {
    DenialReason.GATE_FAULT: gate_fault,
    DenialReason.STARTING: starting,
    DenialReason.DRAINING: draining,
    DenialReason.LIMITS_NOT_LOADED: limits_not_loaded,
    DenialReason.HALTED: halted,
    DenialReason.KILL_SWITCH_STORE_LOST: store_lost,
    DenialReason.KILL_SWITCH_UNREACHABLE: store_unreachable,
    DenialReason.INVALID_REQUEST: invalid_request,
    DenialReason.ACCOUNT_UNKNOWN: account_unknown,
    DenialReason.STRATEGY_UNKNOWN: strategy_unknown,
    DenialReason.INSTRUMENT_UNKNOWN: instrument_unlisted,
    DenialReason.CLIENT_ORDER_ID_INVALID: id_too_long,
    DenialReason.CLIENT_ORDER_ID_REUSED: id_reused,
    DenialReason.REPLACED_ORDER_UNKNOWN: replaced_unknown,
    DenialReason.NOT_ADOPTED: not_adopted,
    DenialReason.SNAPSHOT_MISSING: snapshot_missing,
    DenialReason.SNAPSHOT_STALE: snapshot_stale,
    DenialReason.MARK_MISSING: mark_missing,
    DenialReason.MARK_STALE: mark_stale,
    DenialReason.MARK_UNCONFIRMED: mark_unconfirmed,
    DenialReason.RATE_MISSING: rate_missing,
    DenialReason.QUANTITY_OFF_STEP: quantity_off_step,
    DenialReason.PRICE_OFF_STEP: price_off_step,
    DenialReason.REDUCING_ONLY: reducing_only,
    DenialReason.INSTRUMENT_SUSPECT: instrument_suspect,
    DenialReason.NOT_REDUCING: not_reducing,
    DenialReason.BELIEF_MISSING: belief_missing,
    DenialReason.BELIEF_STALE: belief_stale,
    DenialReason.BELIEF_MISMATCH: belief_mismatch,
    DenialReason.INTENT_MISSING: intent_missing,
    DenialReason.PRICE_COLLAR: price_collar,
    DenialReason.MAX_ORDER_QUANTITY: max_order_quantity,
    DenialReason.MAX_ORDER_NOTIONAL: max_order_notional,
    DenialReason.MAX_ORDERS_PER_SECOND: max_orders_per_second,
    DenialReason.MAX_NET_EXPOSURE: max_net_exposure,
    DenialReason.MAX_TOTAL_EXPOSURE: max_total_exposure,
    DenialReason.INTENDED_BAND: intended_band,
    DenialReason.HEADROOM_RESERVED: headroom_reserved,
    DenialReason.MAX_GROSS_EXPOSURE: max_gross_exposure,
    DenialReason.BATCH_DENIED: batch_denied,
}
# Orders that a second, graver reason denies as well cannot be told apart from it: here the reason follows its cause.
FOLLOWS = {DenialReason.BELIEF_MISMATCH: DenialReason.NOT_REDUCING}


@pytest.mark.parametrize("reason", TABLE, ids=lambda reason: reason.name)
def test_each_reason_denies(reason: DenialReason) -> None:
    decision = TABLE[reason]()
    assert not decision.approved
    assert reason in reasons(decision)
    assert reasons(decision)[0] is FOLLOWS.get(reason, reason)
    assert decision.valid_until == 0
    found = next(denial for denial in decision.denials if denial.reason is reason)
    assert found.message
    assert found.transient is (reason in TRANSIENT)


def test_the_table_has_every_reason_and_the_contract_the_same_ones() -> None:
    assert list(TABLE) == list(DenialReason)
    prefix = "DENIAL_REASON_"
    contract = {name.removeprefix(prefix): number for name, number in types_pb2.DenialReason.items() if number}
    assert {reason.name: reason.value for reason in DenialReason} == contract


def test_the_reasons_for_refusing_a_step_are_those_of_the_contract() -> None:
    prefix = "REFUSAL_REASON_"
    contract = [name.removeprefix(prefix) for name, number in operator_pb2.RefusalReason.items() if number]
    assert [reason.name for reason in RefusalReason] == contract
    assert [reason.value for reason in RefusalReason] == contract


def test_precedence_is_the_number_of_a_reason() -> None:
    assert [reason.value for reason in DenialReason] == list(range(1, len(DenialReason) + 1))
    assert DenialReason.HEADROOM_RESERVED in TRANSIENT
    assert not HEADLINE & TRANSIENT


def test_everything_that_is_wrong_is_told_at_once_the_gravest_first() -> None:
    world = given(max_orders_per_second=limit(0))
    world.halt(state=TradingState.REDUCING)
    world.read(positions={ETH: 1})
    decision = world.buy("2.0005", "60000.005", belief=None, intent=None, client_order_id="a", instrument=BTC)
    assert reasons(decision) == [
        DenialReason.QUANTITY_OFF_STEP,
        DenialReason.PRICE_OFF_STEP,
        DenialReason.REDUCING_ONLY,
        DenialReason.BELIEF_MISSING,
        DenialReason.INTENT_MISSING,
        DenialReason.PRICE_COLLAR,
        DenialReason.MAX_ORDERS_PER_SECOND,
        DenialReason.MAX_NET_EXPOSURE,
    ]


def test_what_closes_the_gate_is_told_whole() -> None:
    world = World(GateConfig("g1", {ACCOUNT: AccountConfig()}, rules=RULES))
    decision = world.buy("0.1", 50_000, belief=0)
    assert reasons(decision) == [
        DenialReason.STARTING,
        DenialReason.LIMITS_NOT_LOADED,
        DenialReason.ACCOUNT_UNKNOWN,
    ]


def test_an_unknown_order_is_told_everything_that_it_names_wrongly() -> None:
    decision = given().buy("0.1", 50_000, strategy="gamma", instrument="DOGE", client_order_id="ä")
    assert reasons(decision) == [
        DenialReason.STRATEGY_UNKNOWN,
        DenialReason.INSTRUMENT_UNKNOWN,
        DenialReason.CLIENT_ORDER_ID_INVALID,
    ]


def test_an_instrument_that_the_file_has_and_the_venue_does_not_is_unknown() -> None:
    world = given(instruments={"DOGE/USDT:USDT": instrument()})
    assert reasons(world.buy(1, 1, instrument="DOGE/USDT:USDT")) == [DenialReason.INSTRUMENT_UNKNOWN]


def test_before_the_feed_has_come_orders_are_denied_without_an_error() -> None:
    world = started()
    world.load()
    world.lease()
    found = reasons(world.buy("0.1", 50_000, belief=0))
    assert found == [DenialReason.SNAPSHOT_MISSING, DenialReason.MARK_MISSING]


MALFORMED: dict[str, Callable[[Order], Order]] = {
    "no quantity": lambda order: replace(order, quantity=D(0)),
    "negative quantity": lambda order: replace(order, quantity=D(-1)),
    "limit without a price": lambda order: replace(order, limit_price=None),
    "market with a price": lambda order: replace(order, type=OrderType.MARKET),
    "negative price": lambda order: replace(order, limit_price=D(-1)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_no_order_can_be_is_denied_and_raises_nothing(name: str) -> None:
    world = given()
    decision = world.check(MALFORMED[name](world.order(Side.BUY, "0.1", 50_000)))
    assert reasons(decision) == [DenialReason.INVALID_REQUEST]
    assert world.book.total == 0


def test_a_range_that_runs_downwards_is_denied() -> None:
    world = given()
    wrong = replace(world.part().standing, low=D(1), high=D(-1))
    assert reasons(world.buy("0.1", 50_000, intent=wrong)) == [DenialReason.INVALID_REQUEST]


def test_an_operators_order_must_be_reduce_only() -> None:
    world = given()
    world.hold("a", "0.5")
    assert reasons(world.exit(Side.BUY, "0.1", reduce_only=False)) == [DenialReason.INVALID_REQUEST]


def test_a_venue_may_carry_fewer_characters() -> None:
    world = given()
    world.apply(feed(id_max_length=4, id_characters="0-9"))
    assert reasons(world.buy("0.1", 50_000, client_order_id="1234")) == []
    for wrong in ("12345", "abc", "", "12 3"):
        found = reasons(world.buy("0.1", 50_000, client_order_id=wrong))
        assert found == [DenialReason.CLIENT_ORDER_ID_INVALID]


def test_a_denial_names_whose_limit_it_is() -> None:
    decision = given().buy("1.001", 50_000)
    denial = decision.denials[0]
    assert isinstance(denial, Denial)
    assert str(denial.scope) == f"account {ACCOUNT}, instrument {BTC}"
    assert (denial.limit, denial.observed) == (D(50_000), D("50050"))
