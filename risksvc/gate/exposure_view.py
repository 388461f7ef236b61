"""Positions three ways, worst cases and limits, as operators see them. Only reads: makes no line, forgets no fill."""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from risksvc.core.adoption import describe, unexplained_items
from risksvc.core.book import AccountBook
from risksvc.core.conditions import Condition
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import AdoptItem
from risksvc.core.fills import describe as describe_fill
from risksvc.core.limits import AccountLimits
from risksvc.core.line import Line, Suspicion
from risksvc.core.positions import strategy_band, strategy_intent
from risksvc.core.state import GateState
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import MILLISECOND, ZERO, Nanoseconds, Side, plain
from risksvc.core.venue_events import Leg
from risksvc.gate.convert_strategy import number
from risksvc.v1 import operator_pb2, types_pb2, venue_pb2

_LEGS = {
    None: venue_pb2.POSITION_LEG_UNSPECIFIED,
    Leg.LONG: venue_pb2.POSITION_LEG_LONG,
    Leg.SHORT: venue_pb2.POSITION_LEG_SHORT,
}
_FOUR = Decimal("0.0001")
NEVER_MS = -1


def age_ms(as_of: Nanoseconds | None, now: Nanoseconds) -> int:
    """Milliseconds; -1: never."""
    return NEVER_MS if as_of is None else (now - as_of) // MILLISECOND


def account_exposure(state: GateState, book: AccountBook, *, now: Nanoseconds) -> operator_pb2.AccountExposure:
    """One account: everything held, worked or limited."""
    limits = book.limits
    symbols = dict.fromkeys(line.symbol for line in book.lines.values() if worth_showing(line))
    symbols.update(dict.fromkeys(limits.instruments if limits is not None else ()))
    by_symbol = {line.symbol: line for line in book.lines.values()}
    return operator_pb2.AccountExposure(
        account=book.name,
        currency="" if state.limits is None else state.limits.currency,
        total=plain(book.total),
        total_limit="" if limits is None else plain(limits.max_total_exposure.value),
        instruments=[
            _instrument(state, book, by_symbol.get(symbol) or Line(symbol, book.instruments.get(symbol)), now=now)
            for symbol in symbols
        ],
        snapshot_age_ms=age_ms(book.snapshot_as_of, now),
    )


def worth_showing(line: Line) -> bool:
    """Held, worked, or different somewhere."""
    return not line.idle or bool(line.ledger or line.venue or line.suspicions or line.unexplained)


def venue_quantity(book: AccountBook, line: Line) -> Decimal | None:
    """What the last complete read showed; None: there was none. What a complete read does not show is flat."""
    return line.venue if line.venue is not None or not book.snapshots else ZERO


def _instrument(
    state: GateState, book: AccountBook, line: Line, *, now: Nanoseconds
) -> operator_pb2.InstrumentExposure:
    limits = book.limits
    own = None if limits is None else limits.instruments.get(line.symbol)
    limit = None if own is None else own.max_net_exposure.value
    valued = line.unit is not None or line.idle
    return operator_pb2.InstrumentExposure(
        instrument=line.symbol,
        venue_position=number(venue_quantity(book, line)),
        ledger_position=plain(line.ledger),
        position_low=plain(line.low),
        position_high=plain(line.high),
        unattributed=plain(line.ledger - line.attributed),
        adopted=plain(line.adopted),
        mark="" if line.mark is None else plain(line.mark.price),
        value=plain(line.ledger * (line.unit or ZERO)) if valued else "",
        worst_low=plain(line.worst.low),
        worst_high=plain(line.worst.high),
        exposure=plain(line.worst.exposure) if valued else "",
        limit=number(limit),
        utilisation=_ratio(line.worst.exposure, limit) if valued else "",
        working_buy=plain(line.working.on_side(Side.BUY)),
        working_sell=plain(line.working.on_side(Side.SELL)),
        strategies=[_strategy(line, part, limits, now=now) for part in line.strategies.values() if part.strategy],
        trading_state=types_pb2.TradingState.ValueType(state.state_of(book.name, "", line.symbol)),
    )


def _ratio(value: Decimal, limit: Decimal | None) -> str:
    if not limit:
        return ""
    return plain((value / limit).quantize(_FOUR, rounding=ROUND_HALF_UP))


def _strategy(
    line: Line, part: StrategyLine, limits: AccountLimits | None, *, now: Nanoseconds
) -> operator_pb2.StrategyExposure:
    message = operator_pb2.StrategyExposure(
        strategy=part.strategy,
        ledger_position=plain(part.position),
        believed_position="" if part.belief is None else plain(part.belief.quantity),
        belief_age_ms=age_ms(None if part.belief is None else part.belief.at, now),
    )
    own = None if limits is None else limits.strategies.get(part.strategy)
    if own is None:
        return message
    intent = strategy_intent(part, own, line.symbol)
    band = strategy_band(part, own, line.symbol)
    if intent is not None and band is not None:
        message.intended_low, message.intended_high = plain(intent.low), plain(intent.high)
        message.band_low, message.band_high = plain(band.low), plain(band.high)
    return message


# -- differences --------------------------------------------------------------------------------------------------


def divergences(book: AccountBook) -> list[operator_pb2.Divergence]:
    """What is SUSPECT or has DIVERGED now, in its instruments and in the account as a whole."""
    rows = [row for line in book.lines.values() if line.suspicions for row in line_divergences(book, line)]
    return [*rows, *condition_divergences(book)]


def line_divergences(book: AccountBook, line: Line) -> list[operator_pb2.Divergence]:
    """Of one instrument or asset."""
    return [_divergence(book, line, suspicion) for suspicion in line.suspicions.values()]


def condition_divergences(book: AccountBook) -> list[operator_pb2.Divergence]:
    """Of the account as a whole: no instrument, and no positions to hold against each other."""
    return [_condition(book, condition) for condition in book.conditions.values()]


def _condition(book: AccountBook, condition: Condition) -> operator_pb2.Divergence:
    return operator_pb2.Divergence(
        divergence_class=condition.divergence.value,
        account=book.name,
        usd=_condition_usd(book, condition),
        status="DIVERGED" if condition.diverged else "SUSPECT",
        message=condition.message,
        since_ns=condition.since,
        reads=condition.seen,
    )


def _condition_usd(book: AccountBook, condition: Condition) -> str:
    """What it amounts to, where it is an amount of money."""
    if condition.divergence is DivergenceClass.UNATTRIBUTED_RESIDUAL:
        return plain(abs(book.residual))
    if condition.divergence is DivergenceClass.EQUITY_MISMATCH and book.equity.difference is not None:
        return plain(abs(book.equity.difference))
    return ""


def status_of(suspicion: Suspicion) -> str:
    """UNCONFIRMED: the venue shows less than the ledger and no fills for it; nobody takes that for flat."""
    if suspicion.diverged:
        return "DIVERGED"
    return "UNCONFIRMED" if suspicion.unconfirmed else "SUSPECT"


def _divergence(book: AccountBook, line: Line, suspicion: Suspicion) -> operator_pb2.Divergence:
    part = line.strategies.get(suspicion.strategy) if suspicion.strategy else None
    believed = None if part is None or part.belief is None else part.belief.quantity
    ledger = line.ledger if part is None else part.position
    amount = amount_of(line, suspicion)
    return operator_pb2.Divergence(
        divergence_class=suspicion.divergence.value,
        account=book.name,
        instrument=line.symbol,
        strategy=suspicion.strategy,
        believed=number(believed),
        ledger=plain(ledger),
        venue=number(line.venue),
        usd="" if line.unit is None else plain(amount * line.unit),
        status=status_of(suspicion),
        message=suspicion.message,
        since_ns=suspicion.since,
        reads=suspicion.reads,
    )


def amount_of(line: Line, suspicion: Suspicion) -> Decimal:
    """How much differs, in order units, never negative."""
    return _AMOUNTS.get(suspicion.divergence, _drift)(line, suspicion)


def _unexpected_fills(line: Line, _suspicion: Suspicion) -> Decimal:
    return abs(sum((fill.quantity * fill.side.sign for fill in line.unexplained.values()), ZERO))


def _unexpected_orders(line: Line, _suspicion: Suspicion) -> Decimal:
    return sum((one.remaining for one in line.reservations.values() if not one.explained), ZERO)


def _missing_fills(line: Line, suspicion: Suspicion) -> Decimal:
    missing = sum((one.missing for one in line.reservations.values()), ZERO)
    return max(missing, _drift(line, suspicion))


def _lost_orders(line: Line, suspicion: Suspicion) -> Decimal:
    lost = (one for one in line.reservations.values() if one.lost and one.order.strategy == suspicion.strategy)
    return sum((one.remaining for one in lost), ZERO)


def _phantom_fills(line: Line, suspicion: Suspicion) -> Decimal:
    reported = (one.fill for one in line.reported.values() if one.strategy == suspicion.strategy)
    return abs(sum((fill.quantity * fill.side.sign for fill in reported), ZERO))


def _belief(line: Line, suspicion: Suspicion) -> Decimal:
    part = line.strategies.get(suspicion.strategy)
    return ZERO if part is None or part.belief is None else abs(part.belief.quantity - part.position)


def _drift(line: Line, _suspicion: Suspicion) -> Decimal:
    """In hedge mode two legs may be wrong while the net is right."""
    return max(line.high - line.low, abs(line.drift.long), abs(line.drift.short))


_AMOUNTS: Mapping[DivergenceClass, Callable[[Line, Suspicion], Decimal]] = {
    DivergenceClass.UNEXPECTED_FILL: _unexpected_fills,
    DivergenceClass.UNEXPECTED_ORDER: _unexpected_orders,
    DivergenceClass.MISSING_FILL: _missing_fills,
    DivergenceClass.LOST_ORDER: _lost_orders,
    DivergenceClass.PHANTOM_FILL: _phantom_fills,
    DivergenceClass.BELIEF_DRIFT: _belief,
}


def adoptable(book: AccountBook) -> list[operator_pb2.AdoptItem]:
    """What could be adopted now."""
    return [_adopt_item(book, item) for item in unexplained_items(book)]


def _words(book: AccountBook, item: AdoptItem) -> str:
    """An item with side, quantity and price, so that a person knows what is adopted."""
    if item.trade_id:
        line, key = book.line_for(item.instrument), (item.instrument, item.trade_id)
        if key in line.reported:
            told = line.reported[key]
            return f"fill {item.trade_id}, that only {told.strategy} knows of: {describe_fill(told.fill)}"
        return f"fill {item.trade_id}: {describe_fill(line.unexplained[key])}"
    if item.lost_client_order_id:
        lost = book.reservations.get(item.lost_client_order_id)
        if lost is not None:
            side, left = lost.order.side.value, plain(lost.remaining)
            return f"lost order {item.lost_client_order_id}: {side} {left} that the venue does not know any more"
    if item.venue_order_id:
        found = book.by_venue_id.get(item.venue_order_id)
        if found is not None:
            order = found.order
            price = "market" if order.limit_price is None else plain(order.limit_price)
            return f"order {item.venue_order_id}: {order.side.value} {plain(found.remaining)} at {price}"
    return describe(item)


def _adopt_item(book: AccountBook, item: AdoptItem) -> operator_pb2.AdoptItem:
    return operator_pb2.AdoptItem(
        instrument=item.instrument,
        trade_id=item.trade_id,
        venue_order_id=item.venue_order_id,
        position_quantity=number(item.position_quantity),
        owner=item.owner,
        description=_words(book, item),
        lost_client_order_id=item.lost_client_order_id,
        leg=_LEGS[item.leg],
    )
