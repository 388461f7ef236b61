"""What has to be traded to reach a flatten's target, from the position that the venue confirmed; whose part it is.

Rule 1: never more than the smaller end of the position, so that nothing here grows it or crosses zero. Rule 2: a
position is the sum of strategies' parts; what is traded comes out of parts of the same sign, strategies in the order
of the limits file, then nobody's. Parts that offset each other inside an account are left to their strategies: the
venue holds only the net. Rule 3: quantities are rounded down to the venue's step. In hedge mode each leg is a position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.line import Line
from risksvc.core.positions import strategy_intent
from risksvc.core.types import ZERO, PositionRange, Scope, Side, plain
from risksvc.core.venue_events import Leg

Targets = Mapping[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Exit:
    """One part's way to its target. `position`, `target` signed; `quantity` is on the venue's step, 0: nothing can be.

    `left`: what is beyond the target, not rounded and not clamped. `leg`: which one it closes, in hedge mode.
    """

    instrument: str
    strategy: str
    side: Side
    position: Decimal
    target: Decimal
    left: Decimal
    quantity: Decimal
    leg: Leg | None = None


def lines_of(book: AccountBook, instruments: Sequence[str]) -> Iterator[Line]:
    """The positions that these instruments trade; all of the account where none is named."""
    for line in book.lines.values():
        if not instruments or line.symbol in instruments:
            yield line


def expanded(book: AccountBook, scope: Scope, linked: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The instruments of a scope: the other legs of its hedge come along, and every pair of a spot asset."""
    if not scope.instrument:
        return ()
    legs = next((group for group in linked if scope.instrument in group), (scope.instrument,))
    keys = dict.fromkeys(_key(book, one) for one in legs)
    pairs = (one.symbol for one in book.instruments.values() if one.position_key in keys)
    return tuple(dict.fromkeys((*legs, *pairs)))


def _key(book: AccountBook, symbol: str) -> str:
    instrument = book.instruments.get(symbol)
    return symbol if instrument is None else instrument.position_key


def authorised(book: AccountBook, scope: Scope, instruments: Sequence[str]) -> dict[tuple[str, str], Decimal]:
    """Where each part may stay: what its strategy intends, as far as that is a reduction; nobody's part nowhere."""
    found: dict[tuple[str, str], Decimal] = {}
    for line in lines_of(book, instruments):
        for name, part in line.strategies.items():
            own = None if book.limits is None else book.limits.strategies.get(name)
            intent = None if own is None else strategy_intent(part, own, line.symbol)
            if intent is not None and scope.strategy in ("", name):
                stays = _within(part.position, intent)
                if stays:
                    found[line.key, name] = stays
    return found


def _within(position: Decimal, intent: PositionRange) -> Decimal:
    """The nearest to a position that is intended, of the same sign and no larger; 0 where nothing such is."""
    if position > ZERO:
        return max(ZERO, min(position, intent.high))
    return min(ZERO, max(position, intent.low))


def exits(book: AccountBook, scope: Scope, instruments: Sequence[str], targets: Targets) -> list[Exit]:
    """Every part of the scope that is not at its target."""
    return [
        one
        for line in lines_of(book, instruments)
        if _holds(book, line)
        for one in exits_of(book, line, strategy=scope.strategy, symbol=scope.instrument, targets=targets)
    ]


def _holds(book: AccountBook, line: Line) -> bool:
    """Whether there is anything to leave: an account has thousands of lines, and few that are held."""
    return book.hedge_mode or not line.idle or any(part.position for part in line.strategies.values())


def exits_of(book: AccountBook, line: Line, *, strategy: str, symbol: str, targets: Targets) -> list[Exit]:
    """Those of one position. `symbol`: the pair that a spot asset is traded in, where the scope names one."""
    traded = symbol if symbol and _key(book, symbol) == line.key else line.symbol
    found: list[Exit] = []
    for side in (Side.SELL, Side.BUY):
        room = max(ZERO, held(book, line, side) - _worked_by_others(line, side, strategy))
        wanted = list(_wanted(book, line, side, strategy=strategy, targets=targets))
        found += _fit(line, wanted, traded, side=side, room=room)
    if book.hedge_mode:
        found = [replace(one, leg=Leg.LONG if one.side is Side.SELL else Leg.SHORT) for one in found]
    return found


def held(book: AccountBook, line: Line, side: Side) -> Decimal:
    """What orders of this side may reduce for certain: the smaller end of the position, or of the leg."""
    if book.hedge_mode:
        ledger, venue = (line.long, line.venue_long) if side is Side.SELL else (line.short, line.venue_short)
        return max(ZERO, ledger if venue is None else min(ledger, venue))
    return max(ZERO, line.low) if side is Side.SELL else max(ZERO, -line.high)


def _worked_by_others(line: Line, side: Side, strategy: str) -> Decimal:
    """What orders outside the scope may reduce first: those of other strategies. All in scope is cancelled before."""
    if not strategy:
        return ZERO
    others = (one for one in line.reservations.values() if one.order.strategy != strategy)
    return sum((one.counted_quantity for one in others if one.order.side is side), ZERO)


@dataclass(frozen=True, slots=True)
class _Want:
    strategy: str
    position: Decimal
    target: Decimal

    @property
    def beyond(self) -> Decimal:
        """What is beyond the target."""
        return abs(self.position - self.target)


def _wanted(book: AccountBook, line: Line, side: Side, *, strategy: str, targets: Targets) -> Iterator[_Want]:
    """The parts that orders of this side take towards their targets."""
    kept = ZERO
    nobodys = line.ledger
    for name in _names(book, line):
        part = line.strategies[name].position
        nobodys -= part
        if part * side.sign < ZERO and strategy in ("", name):
            want = _Want(name, part, targets.get((line.key, name), ZERO))
            kept += abs(part)
            if want.beyond:
                yield want
    if strategy:
        return
    if book.hedge_mode:  # nobody's part of a leg: what the strategies' nets do not explain of it
        leg = line.long if side is Side.SELL else line.short
        nobodys = -side.sign * (leg - kept)
    if nobodys * side.sign < ZERO:
        yield _Want("", nobodys, ZERO)


def _names(book: AccountBook, line: Line) -> list[str]:
    """The strategies of a line, in the order of the limits file, then those that it does not list any more."""
    listed = [] if book.limits is None else [one for one in book.limits.strategies if one in line.strategies]
    return list(dict.fromkeys((*listed, *line.strategies)))


def _fit(line: Line, wanted: Sequence[_Want], symbol: str, *, side: Side, room: Decimal) -> Iterator[Exit]:
    """Shares the room out. What one part leaves below the step goes on to the next, so that the sum is rounded once."""
    instrument = line.instrument
    step = None if instrument is None else instrument.quantity_step
    carried = ZERO
    for want in wanted:
        free = min(want.beyond + carried, room)
        quantity = free if step is None else free // step * step
        carried = free - quantity
        room -= quantity
        yield Exit(symbol, want.strategy, side, want.position, want.target, want.beyond, quantity)


def distance(book: AccountBook, line: Line, *, strategy: str, targets: Targets) -> Decimal:
    """How far a position is from the target, by the worst that it may be; 0: it is there.

    Where something may stay, the parts count; to zero, what the venue holds: offsetting parts are nothing there.
    """
    if strategy:
        part = line.strategies.get(strategy)
        return ZERO if part is None else abs(part.position - targets.get((line.key, strategy), ZERO))
    if any(key == line.key for key, _ in targets):
        found = exits_of(book, line, strategy="", symbol="", targets=targets)
        return sum((one.left for one in found if held(book, line, one.side)), ZERO)
    if book.hedge_mode:
        return max(line.long, line.venue_long or ZERO) + max(line.short, line.venue_short or ZERO)
    return max(abs(line.low), abs(line.high))


def offsetting(book: AccountBook, instruments: Sequence[str]) -> Iterator[str]:
    """Parts that offset each other inside the account, in words: the venue holds only their net."""
    for line in lines_of(book, instruments):
        parts = [(name, part.position) for name, part in line.strategies.items() if part.position]
        if any(position > ZERO for _, position in parts) and any(position < ZERO for _, position in parts):
            told = ", ".join(f"{name} {plain(position)}" for name, position in parts)
            yield f"{line.symbol}: parts offset each other inside the account ({told}); the venue holds only the net"
