"""What the simulated gates trade: one instrument, up to two strategies, limits that never get in the way."""

from decimal import Decimal

from risksvc.core import venue_events
from risksvc.core.config import RULES, AccountConfig, GateConfig, SecondPerson
from risksvc.core.limits import AccountLimits, InstrumentLimits, Limit, Limits, StrategyLimits
from risksvc.core.types import MILLISECOND, SECOND, Instrument, InstrumentKind, Order, OrderType, PositionRange, Side
from risksvc.gate.kill_switch.lease_rules import Timings

D = Decimal
BTC = "BTC/USDT:USDT"
STRATEGIES = ("alpha", "beta")
START = 1_800_000_000 * SECOND
TIMINGS = Timings()
VENUE_WINDOW_NS = 100 * MILLISECOND
PROPOSALS_NS = 60 * SECOND
ZERO = D(0)
WIDE = PositionRange(D(-100_000), D(100_000))
LOT, PRICE = D("0.001"), D(50_000)
_INSTRUMENT = Instrument(BTC, InstrumentKind.LINEAR, "BTC", "USDT", D(1), LOT, D("0.01"))


def limits_of(account: str) -> Limits:
    instruments = {BTC: InstrumentLimits(Limit(D(50_000)), price_collar=D(5))}
    strategies = {name: StrategyLimits(band=Limit(D(150))) for name in STRATEGIES}
    accounts = {account: AccountLimits(Limit(D(150_000)), instruments, strategies)}
    return Limits("USD", {"USDT": D(1)}, accounts, "v1")


def config_of(gate_id: str, account: str) -> GateConfig:
    return GateConfig(
        gate_id,
        {account: AccountConfig(venue_window_ns=VENUE_WINDOW_NS)},
        approval_validity_ns=TIMINGS.approval_validity_ns,
        second_person=SecondPerson.REQUIRED,
        proposal_validity_ns=PROPOSALS_NS,
        rules=RULES,
    )


def connected(account: str) -> venue_events.FeedConnected:
    return venue_events.FeedConnected(account, "model", (_INSTRUMENT,), True, 36, "A-Za-z0-9_-", False)


def marks(account: str, now: int) -> venue_events.MarksReceived:
    return venue_events.MarksReceived(account, now, (venue_events.Mark(BTC, PRICE),))


def flat_read(account: str, *, as_of: int, now: int) -> venue_events.SnapshotReceived:
    return venue_events.SnapshotReceived(account, as_of, as_of // MILLISECOND, now // MILLISECOND, (), ())


def order(account: str, strategy: str, client_order_id: str) -> Order:
    return Order(account, strategy, client_order_id, BTC, Side.BUY, OrderType.MARKET, LOT, None, False)


def over(found: Order, *, never_arrived: bool) -> venue_events.VenueOrder:
    """What the venue says of an order that did nothing and is over."""
    status = venue_events.VenueStatus.NOT_FOUND if never_arrived else venue_events.VenueStatus.CANCELLED
    venue_id = "" if never_arrived else f"v{found.client_order_id}"
    return venue_events.VenueOrder(BTC, found.side, found.quantity, ZERO, status, venue_id, found.client_order_id)
