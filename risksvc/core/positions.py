"""What is held against its limits: by quantity (more than was approved) or passively (the market or the limits moved).

Orders are judged in `checks` and `sizing`; here only positions are, after every read, mark, reload and adoption.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.limits import AccountLimits, Limit, LimitMode, StrategyLimits
from risksvc.core.line import Line
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.trips import PASSIVE_HALT_AT, Trigger
from risksvc.core.types import HUNDRED, ZERO, PositionRange, plain


@dataclass(frozen=True, slots=True)
class Excess:
    """A position over a limit or outside its band. `instrument` empty: the account's total."""

    trigger: Trigger
    instrument: str
    text: str


def excesses(book: AccountBook) -> Iterator[Excess]:
    """Every position that is over its limit or outside its band now."""
    limits = book.limits
    if limits is None or not book.adopted:
        return
    total = ZERO
    by_quantity = False
    for line in book.lines.values():
        value = held_value(line)
        total += value
        by_quantity = by_quantity or more_than_approved(line)
        if line.mark is not None and not line.mark.confirmed:
            continue
        own = limits.instruments.get(line.symbol)
        if own is not None:
            yield from _over(line.symbol, value, own.max_net_exposure, by_quantity=more_than_approved(line))
        yield from _outside_bands(line, limits)
    if not book.unproven_marks:
        yield from _over("", total, limits.max_total_exposure, by_quantity=by_quantity)


def more_than_approved(line: Line) -> bool:
    """True when what is held can't be explained by approvals and adoption."""
    return line.overfilled or bool(line.unexplained)


def held_value(line: Line) -> Decimal:
    """Absolute value of the position at the mark, at its worse end."""
    return max(abs(line.low), abs(line.high)) * (line.unit or ZERO)


def _over(instrument: str, value: Decimal, limit: Limit, *, by_quantity: bool) -> Iterator[Excess]:
    if value <= limit.value or limit.mode is LimitMode.SHADOW:
        return
    what = f"the position in {instrument}" if instrument else "the sum of all positions"
    text = f"{what} is worth {plain(value)}; the limit is {plain(limit.value)}"
    if by_quantity:
        yield Excess(Trigger.POSITION_OVER_LIMIT, instrument, f"{text}, and more is held than was approved")
    elif value >= limit.value * PASSIVE_HALT_AT:
        yield Excess(Trigger.PASSIVE_BREACH_120, instrument, f"{text}; the market or the limits moved")
    else:
        yield Excess(Trigger.PASSIVE_BREACH, instrument, f"{text}; the market or the limits moved")


def _outside_bands(line: Line, limits: AccountLimits) -> Iterator[Excess]:
    for name, part in line.strategies.items():
        own = limits.strategies.get(name)
        if own is None or part.position == ZERO:
            continue
        band = strategy_band(part, own, line.symbol)
        if band is None or band.low <= part.position <= band.high:
            continue
        text = f"{name} holds {plain(part.position)}, outside {plain(band.low)} to {plain(band.high)}: flatten required"
        trigger = Trigger.POSITION_OVER_LIMIT if more_than_approved(line) else Trigger.OUTSIDE_BAND
        yield Excess(trigger, line.symbol, text)


def strategy_band(part: StrategyLine, limits: StrategyLimits, symbol: str) -> PositionRange | None:
    """The band around what the strategy intends; None: no intent was declared and the file has none."""
    own = limits.instruments.get(symbol)
    in_file = None if own is None else own.intended
    clamp = None if own is None or own.max_intended is None else own.max_intended.value
    intent = part.intent(in_file=in_file, clamp=clamp)
    return None if intent is None else part.band(intent, percent=limits.band.value)


def account_band(line: Line, limits: AccountLimits) -> PositionRange:
    """The sum of the strategies' bands and of what was adopted: where the venue's position may be."""
    low = high = line.adopted
    for name, part in line.strategies.items():
        own = limits.strategies.get(name)
        band = None if own is None else strategy_band(part, own, line.symbol)
        band = band or PositionRange(min(ZERO, part.position), max(ZERO, part.position))
        low, high = low + band.low, high + band.high
    return PositionRange(min(low, high), max(low, high))


def flatten_required(book: AccountBook) -> bool:
    """True when some position is outside its band: that decides whether to flatten, whatever the market does."""
    limits = book.limits
    if limits is None:
        return False
    for line in book.lines.values():
        band = account_band(line, limits)
        if line.low < band.low or line.high > band.high:
            return True
        for _ in _outside_bands(line, limits):
            return True
    return False


def line_warning(book: AccountBook, line: Line) -> Notice | None:
    """Tells once when an instrument's worst case crosses one more of its limit's warning marks."""
    own = None if book.limits is None else book.limits.instruments.get(line.symbol)
    if own is None:
        return None
    reached = _reached(line.worst.exposure, own.max_net_exposure)
    crossed, line.warned = reached > line.warned, reached
    if not crossed:
        return None
    return _warning(book, line.symbol, value=line.worst.exposure, limit=own.max_net_exposure)


def total_warning(book: AccountBook) -> Notice | None:
    """The same for the account's total."""
    if book.limits is None:
        return None
    limit = book.limits.max_total_exposure
    reached = _reached(book.total, limit)
    crossed, book.total_warned = reached > book.total_warned, reached
    return _warning(book, "", value=book.total, limit=limit) if crossed else None


def _reached(value: Decimal, limit: Limit) -> int:
    return sum(value * HUNDRED >= at * limit.value for at in limit.warn_at)


def _warning(book: AccountBook, instrument: str, *, value: Decimal, limit: Limit) -> Notice:
    name = "max_net_exposure" if instrument else "max_total_exposure"
    percent = plain(limit.warn_at[_reached(value, limit) - 1])
    text = f"{percent} % of {name} is used: {plain(value)} of {plain(limit.value)}"
    return Notice(NoticeKind.UTILISATION, book.name, name, text, instrument, value=value)
