"""What is held against its limits: by quantity (more than was approved) or passively (the market or the limits moved).

Orders are judged in `checks` and `sizing`; here only positions are, after every read, mark, reload and adoption. Only
what is certainly held counts: while ledger and venue differ, one bad read must not halt anything by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.limits import SHADOW, AccountLimits, Limit, StrategyLimits
from risksvc.core.line import Line
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.trips import PASSIVE_HALT_AT, Trigger
from risksvc.core.types import HUNDRED, ZERO, PositionRange, Scope, plain


@dataclass(frozen=True, slots=True)
class Excess:
    """A position over a limit or outside its band. `scope`: the instrument, else the strategy, else the account."""

    trigger: Trigger
    scope: Scope
    text: str


def excesses(book: AccountBook, lines: Iterable[Line]) -> Iterator[Excess]:
    """Every one of these positions, and every total, that is over its limit or outside its band now."""
    limits = book.limits
    if limits is None or not book.adopted:
        return
    for line in lines:
        yield from _outside_bands(book, line, limits)
        if line.key not in book.unproven_marks:
            yield from _over_net(book, line, limits)
    if not book.unproven_marks:
        yield from _over_total(book, limits)


def more_than_approved(line: Line) -> bool:
    """True when what is held can't be explained by approvals and adoption."""
    return line.overfilled or any(not fill.unresolved for fill in line.unexplained.values())


def _over_net(book: AccountBook, line: Line, limits: AccountLimits) -> Iterator[Excess]:
    for symbol in line.symbols:
        scope = Scope(book.name, instrument=symbol)
        own = limits.instruments.get(symbol)
        if own is not None:
            yield from _over(line.held, own.max_net_exposure, scope, what=f"the position in {symbol}", lines=(line,))
        for name, part in line.strategies.items():
            if not part.held:
                continue
            what = f"the position of {name} in {symbol}"
            for limit in _strategy_nets(limits.strategies.get(name), symbol):
                yield from _over(part.held, limit, scope, what=what, lines=(line,))


def _strategy_nets(limits: StrategyLimits | None, symbol: str) -> Iterator[Limit]:
    if limits is None:
        return
    both = limits.instruments.get(symbol)
    for limit in (limits.max_net_exposure, None if both is None else both.max_net_exposure):
        if limit is not None:
            yield limit


def _over_total(book: AccountBook, limits: AccountLimits) -> Iterator[Excess]:
    lines = book.lines.values()
    scope = Scope(book.name)
    yield from _over(book.held, limits.max_total_exposure, scope, what="the sum of all positions", lines=lines)
    for name, own in limits.strategies.items():
        if own.max_total_exposure is not None and name in book.strategies:
            scope, what = Scope(book.name, strategy=name), f"the sum of all positions of {name}"
            yield from _over(book.strategies[name].held, own.max_total_exposure, scope, what=what, lines=lines)


def _over(value: Decimal, limit: Limit, scope: Scope, *, what: str, lines: Iterable[Line]) -> Iterator[Excess]:
    if value <= limit.value or limit.mode is SHADOW:
        return
    text = f"{what} is worth {plain(value)}; the limit is {plain(limit.value)}"
    if any(more_than_approved(line) for line in lines):
        yield Excess(Trigger.POSITION_OVER_LIMIT, scope, f"{text}, and more is held than was approved")
    elif value >= limit.value * PASSIVE_HALT_AT:
        yield Excess(Trigger.PASSIVE_BREACH_120, scope, f"{text}; the market or the limits moved")
    else:
        yield Excess(Trigger.PASSIVE_BREACH, scope, f"{text}; the market or the limits moved")


def _outside_bands(book: AccountBook, line: Line, limits: AccountLimits) -> Iterator[Excess]:
    for name, part in line.strategies.items():
        own = limits.strategies.get(name)
        if not part.position or own is None or own.band.mode is SHADOW:
            continue
        band = strategy_band(part, own, line.symbol)
        if band is None or band.low <= part.position <= band.high:
            continue
        text = f"{name} holds {plain(part.position)}, outside {plain(band.low)} to {plain(band.high)}: flatten required"
        trigger = Trigger.POSITION_OVER_LIMIT if more_than_approved(line) else Trigger.OUTSIDE_BAND
        yield Excess(trigger, Scope(book.name, instrument=line.symbol), text)


def strategy_intent(part: StrategyLine, limits: StrategyLimits, symbol: str) -> PositionRange | None:
    """The intent that counts: declared, else the file's; None: neither. A clamp in shadow mode binds nobody."""
    own = limits.instruments.get(symbol)
    if own is None:
        return part.declared
    most = own.max_intended
    clamp = None if most is None or most.mode is SHADOW else most.value
    return part.intent(in_file=own.intended, clamp=clamp)


def strategy_band(part: StrategyLine, limits: StrategyLimits, symbol: str) -> PositionRange | None:
    """The band around what the strategy intends; None: no intent was declared and the file has none."""
    intent = strategy_intent(part, limits, symbol)
    return None if intent is None else part.band(intent, percent=limits.band.value)


def account_band(line: Line, limits: AccountLimits) -> PositionRange:
    """The sum of the strategies' bands and of what was adopted: where the venue's position may be."""
    low = high = line.adopted
    for name, part in line.strategies.items():
        own = limits.strategies.get(name)
        band = None if own is None else strategy_band(part, own, line.symbol)
        band = band or PositionRange(min(ZERO, part.position), max(ZERO, part.position))
        low, high = low + band.low, high + band.high
    return PositionRange(low, high)


def outside_own_band(book: AccountBook, line: Line, limits: AccountLimits) -> bool:
    """True when some strategy's part is outside that strategy's band, though the sum may be inside."""
    return any(_outside_bands(book, line, limits))


def flatten_required(book: AccountBook) -> bool:
    """True when some position is outside its band: that decides whether to flatten, whatever the market does."""
    limits = book.limits
    if limits is None:
        return False
    for line in book.lines.values():
        band = account_band(line, limits)
        if line.low < band.low or line.high > band.high or outside_own_band(book, line, limits):
            return True
    return False


def line_warning(book: AccountBook, line: Line, symbol: str) -> Notice | None:
    """Tells once when an instrument's worst case crosses one more of its limit's warning marks."""
    own = None if book.limits is None else book.limits.instruments.get(symbol)
    if own is None:
        return None
    reached = marks_reached(line.worst.exposure, own.max_net_exposure)
    crossed, line.warned = reached > line.warned, reached
    if not crossed:
        return None
    return _warning(book, symbol, value=line.worst.exposure, limit=own.max_net_exposure)


def total_warning(book: AccountBook) -> Notice | None:
    """The same for the account's total."""
    if book.limits is None:
        return None
    limit = book.limits.max_total_exposure
    reached = marks_reached(book.total, limit)
    crossed, book.total_warned = reached > book.total_warned, reached
    return _warning(book, "", value=book.total, limit=limit) if crossed else None


def marks_reached(value: Decimal, limit: Limit) -> int:
    """How many of a limit's warning marks a value is at or above."""
    if not value:
        return 0
    scaled, most, reached = value * HUNDRED, limit.value, 0
    for at in limit.warn_at:
        if scaled < at * most:
            break
        reached += 1
    return reached


def _warning(book: AccountBook, instrument: str, *, value: Decimal, limit: Limit) -> Notice:
    name = "max_net_exposure" if instrument else "max_total_exposure"
    percent = plain(limit.warn_at[marks_reached(value, limit) - 1])
    text = f"{percent} % of {name} is used: {plain(value)} of {plain(limit.value)}"
    return Notice(NoticeKind.UTILISATION, book.name, name, text, instrument, value=value)
