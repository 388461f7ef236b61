"""The equity check and announced orders survive in snapshots and journals: whoever goes on from one gives the same."""

from dataclasses import replace

from risksvc.core.events import OrderExpected
from risksvc.core.gate import RiskGate
from risksvc.core.types import SECOND, Side
from risksvc.core.venue_events import Balance, BalancesReceived, VenueStatus
from risksvc.gate.codec import decode, encode
from risksvc.gate.state_codec import dump_gate, load_gate, state_hash
from tests.unit.core.an_account import Account, account
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, INVERSE
from tests.unit.gate.state_graph import Comparison


def busy() -> Account:
    """One with everything in it that the check remembers, and an announced order; the last balances are older."""
    held = account()
    held.trade("0.1", 50_000)
    held.trade(3, 50_000, instrument=INVERSE, fee=None)
    held.wallet["SHIB"] = held.wallet["USDT"]
    held.pass_time()
    held.book(-3)
    early = held.now_ms
    balances = tuple(Balance(*one) for one in held.equity().items())
    held.pass_time()
    later = replace(held.book(5), venue_time_ms=held.now_ms)
    held.trade("0.1", 50_000)
    held.read(venue_time_ms=early, balances=balances, flows=(*held.flows[:1], later))
    return held


def announced() -> Account:
    held = account()
    held.world.buy("0.1", 50_000)  # declares what it intends
    order = held.world.order(Side.BUY, "0.1", 50_000, client_order_id="e")
    held.world.apply(OrderExpected(order, "olga", "a hedge", 60 * SECOND))
    return held


def test_every_part_of_the_check_survives() -> None:
    held = busy()
    check = held.world.book.equity
    assert check.fills
    assert check.flows
    assert check.unchecked
    assert check.held
    assert check.feeless
    again = load_gate(dump_gate(held.world.gate))
    comparison = Comparison()
    comparison.same(held.world.gate.state, again.state, "state")
    assert {"EquityCheck", "MarkSeen", "CashFlow"} <= {kind.__name__ for kind in comparison.objects}


def test_who_goes_on_from_a_snapshot_checks_on() -> None:
    held = busy()
    again = load_gate(dump_gate(held.world.gate))
    held.wallet["USDT"] -= 500
    for _ in range(3):
        held.pass_time()
        held.read()
    for event, now in held.world.inputs[-9:]:
        if now > again.last:
            again.apply(event, now)
    assert state_hash(again) == state_hash(held.world.gate)
    assert again.state.accounts[ACCOUNT].equity.difference == held.difference
    assert held.world.told[-1].kind.value == "EQUITY_MISMATCH"


def test_an_announced_order_is_recognised_after_a_restart_from_journal_or_snapshot() -> None:
    held = announced()
    reservation = held.world.reservation("e")
    assert reservation is not None
    assert reservation.awaits_its_order
    journal = [encode(seq, now, event, ()) for seq, (event, now) in enumerate(held.world.inputs, start=1)]
    replayed = RiskGate()
    for entry in map(decode, journal):
        replayed.apply(entry.input, entry.now)
    restored = load_gate(dump_gate(held.world.gate))
    assert state_hash(replayed) == state_hash(restored) == state_hash(held.world.gate)

    held.world.read([held.world.row("", Side.BUY, "0.1", 50_000, venue_order_id="v1", status=VenueStatus.OPEN)])
    event, now = held.world.inputs[-1]
    for gate in (replayed, restored):
        gate.apply(event, now)
        bound = gate.state.accounts[ACCOUNT].by_venue_id["v1"]
        assert (bound.order.client_order_id, bound.order.strategy, bound.order.instrument) == ("e", ALPHA, BTC)


def test_balances_survive_in_a_journal() -> None:
    held = busy()
    told = [event for event, _ in held.world.inputs if isinstance(event, BalancesReceived)]
    assert told[-1].flows
    for event in told:
        assert decode(encode(1, 1, event, ())).input == event
