"""Assessment: what the venue itself shows, held against belief, limits and the 150 % band, and what it costs to leave.

Quantities, prices and PnL are the venue's alone; the gate's own books give beliefs, bands and limits, and none of their
positions. What a look could not read is None here, never 0: an instrument of which nobody knows what is held has no
quantity, and no sum that it belongs to is known. Pure: nothing here changes a state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Context, Decimal

from risksvc.core.book import AccountBook
from risksvc.core.exposure import unit_value
from risksvc.core.incident.exit_cost import NO_COST, Book, ExitCost, cost_now, cost_sliced, exit_side, slice_quantity
from risksvc.core.incident.venue_look import Market, VenueLook
from risksvc.core.limits import AccountLimits
from risksvc.core.line import Line
from risksvc.core.positions import account_band, outside_own_band, strategy_intent
from risksvc.core.types import (
    HUNDRED,
    MAX_DECIMALS,
    ONE,
    ZERO,
    Instrument,
    InstrumentKind,
    PositionRange,
    Side,
)
from risksvc.core.venue_events import VenueOrder, VenuePosition

PARTICIPATION = Decimal(20)  # percent of the visible depth that a slice takes, where the settings say nothing
_WIRE = Decimal(1).scaleb(-MAX_DECIMALS)
_WIDE = Context(prec=140)
_NO_MARKET = Market()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an account besides the look. `book` None: no gate was asked, so no belief and no band.

    `beliefs`: by position key, where no book says. `limits` None: none are loaded. `rates`: limits' currency per unit
    of a quote currency. `baseline`: the inventory of each spot asset that is meant to be held and is no position.
    """

    account: str
    currency: str
    instruments: Mapping[str, Instrument]
    limits: AccountLimits | None
    rates: Mapping[str, Decimal]
    book: AccountBook | None = None
    beliefs: Mapping[str, Decimal] = field(default_factory=dict)
    baseline: Mapping[str, Decimal] = field(default_factory=dict)
    participation: Decimal = PARTICIPATION
    minutes_to_close: int | None = None


@dataclass(frozen=True, slots=True)
class Assessed:
    """One instrument (or spot asset, then named by the pair that it is valued in). None: not known.

    `quantity` and `long`, `short` (in hedge mode) as at the venue; `exit_now`, `exit_sliced` of all legs together;
    `depth`: what the book takes on the exit side, in the order unit. Money in the limits' currency.
    """

    symbol: str
    quantity: Decimal | None
    position: VenuePosition | None
    market: Market
    believed: Decimal | None = None
    value: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    limit: Decimal | None = None
    ratio: Decimal | None = None
    outside_band: bool = False
    depth: Decimal | None = None
    exit_now: ExitCost | None = None
    exit_sliced: ExitCost | None = None
    problems: tuple[str, ...] = ()

    @property
    def utilisation(self) -> Decimal | None:
        """Value in percent of the limit."""
        return None if self.value is None or not self.limit else wired(abs(self.value) * HUNDRED / self.limit)

    @property
    def whole_exit_now(self) -> Decimal | None:
        """What leaving all of it now costs; None where the book does not take all of it: that has no price."""
        return None if self.exit_now is None or self.exit_now.beyond else wired(self.exit_now.cost)

    @property
    def whole_exit_sliced(self) -> Decimal | None:
        """The same in slices."""
        return None if self.exit_sliced is None or self.exit_sliced.beyond else wired(self.exit_sliced.cost)

    @property
    def liquidation_distance(self) -> Decimal | None:
        """Between mark and liquidation price, in percent of the mark."""
        price, mark = self.position and self.position.liquidation_price, self.market.mark
        return None if not price or not mark else wired(abs(mark - price) * HUNDRED / mark)


@dataclass(frozen=True, slots=True)
class AccountAssessed:
    """One account. `unexplained`: of its open orders, those that no approval explains; empty where nobody was asked.

    `complete`: positions and orders were read whole. Sums are None when a part of them is not known.
    """

    known: Known
    complete: bool
    problems: tuple[str, ...]
    instruments: tuple[Assessed, ...]
    open_orders: tuple[VenueOrder, ...]
    unexplained: tuple[VenueOrder, ...] = field(default=())

    @property
    def total(self) -> Decimal | None:
        """Sum of the absolute values."""
        return self._sum([None if one.value is None else abs(one.value) for one in self.instruments])

    @property
    def total_limit(self) -> Decimal | None:
        """`max_total_exposure`."""
        return None if self.known.limits is None else self.known.limits.max_total_exposure.value

    @property
    def exit_cost_now(self) -> Decimal | None:
        """To leave everything at market; None where a book does not take all of it."""
        return self._sum([one.whole_exit_now for one in self.instruments])

    @property
    def exit_cost_sliced(self) -> Decimal | None:
        """The same in slices."""
        return self._sum([one.whole_exit_sliced for one in self.instruments])

    def _sum(self, values: Sequence[Decimal | None]) -> Decimal | None:
        known = [value for value in values if value is not None]
        return sum(known, ZERO) if self.complete and len(known) == len(values) else None


# -- one account --------------------------------------------------------------------------------------------------


def books_wanted(book: AccountBook) -> list[str]:
    """The instruments whose market an assessment needs although the venue may show nothing there: held or believed."""
    return [_market_of(line) for line in book.lines.values() if _concerns(line)]


def assess_account(look: VenueLook, known: Known) -> AccountAssessed:
    """Everything about one account."""
    held = {position.key: position for position in look.positions}
    believed = [key for key, quantity in known.beliefs.items() if quantity]
    worked = [_key(order.instrument, known) for order in look.open_orders]
    keys = dict.fromkeys([*held, *known.baseline, *worked, *believed])
    if known.book is not None:
        keys.update(dict.fromkeys(line.key for line in known.book.lines.values() if _concerns(line)))
    return AccountAssessed(
        known=known,
        complete=look.complete,
        problems=look.problems,
        instruments=tuple(_assess(key, held.get(key), look, known) for key in sorted(keys)),
        open_orders=look.open_orders,
        unexplained=tuple(order for order in look.open_orders if _unexplained(order, known.book)),
    )


def _concerns(line: Line) -> bool:
    """Held by ledger or venue, or believed to be."""
    believed = any(part.belief is not None and part.belief.quantity for part in line.strategies.values())
    return bool(believed or line.ledger or line.venue or line.low or line.high)


def _market_of(line: Line) -> str:
    """The instrument whose book is walked: of a spot asset, the pair whose mark came first."""
    return line.symbols[0]


def _key(symbol: str, known: Known) -> str:
    instrument = known.instruments.get(symbol)
    return symbol if instrument is None else instrument.position_key


def _assess(key: str, position: VenuePosition | None, look: VenueLook, known: Known) -> Assessed:
    instrument = _instrument(key, look, known)
    line = None if known.book is None else known.book.lines.get(key)
    symbol = key if instrument is None else instrument.symbol
    quantity = _quantity(key, position, look, known)
    judged = _judge(known, line, quantity)
    seen = Assessed(
        symbol=symbol,
        quantity=quantity,
        position=position,
        market=look.markets.get(symbol, _NO_MARKET),
        believed=known.beliefs.get(key) if line is None else believed_in(line),
        limit=_limit(symbol, known),
        ratio=judged.ratio,
        outside_band=judged.outside,
    )
    return _priced(seen, instrument, known)


def _quantity(key: str, position: VenuePosition | None, look: VenueLook, known: Known) -> Decimal | None:
    """What a complete look does not show is flat; what another one does not show is not known."""
    if position is None and not look.complete:
        return None
    held = ZERO if position is None else position.quantity
    return held - known.baseline.get(key, ZERO)


def _instrument(key: str, look: VenueLook, known: Known) -> Instrument | None:
    """What the venue lists under a key; of a spot asset a pair that was looked at."""
    if key in known.instruments:
        return known.instruments[key]
    pairs = [one for one in known.instruments.values() if one.position_key == key]
    return next((one for one in pairs if one.symbol in look.markets), pairs[0] if pairs else None)


def believed_in(line: Line) -> Decimal | None:
    """What the strategies believe to hold, added up; None: none of them has said."""
    said = [part.belief.quantity for part in line.strategies.values() if part.belief is not None]
    return sum(said, ZERO) if said else None


def _limit(symbol: str, known: Known) -> Decimal | None:
    own = None if known.limits is None else known.limits.instruments.get(symbol)
    return None if own is None else own.max_net_exposure.value


def _unexplained(order: VenueOrder, book: AccountBook | None) -> bool:
    if book is None:
        return False
    found = book.find_order(client_order_id=order.client_order_id, venue_order_id=order.venue_order_id)
    if found is None and order.attached and order.parent_order_id:
        parent = order.parent_order_id
        found = book.find_order(client_order_id=parent, venue_order_id=parent)
    return found is None or not found.explained


# -- against what is intended -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    ratio: Decimal | None = None
    outside: bool = False


def _judge(known: Known, line: Line | None, quantity: Decimal | None) -> _Judged:
    """The venue's quantity against intents and the band; nothing held is never outside."""
    if known.book is None or known.limits is None or not quantity:
        return _Judged()
    if line is None:  # nobody ever meant to hold it
        return _Judged(outside=True)
    band = account_band(line, known.limits)
    outside = not band.low <= quantity <= band.high or outside_own_band(known.book, line, known.limits)
    return _Judged(_ratio(quantity, _intended(line, known.limits)), outside)


def _intended(line: Line, limits: AccountLimits) -> PositionRange:
    low = high = ZERO
    for name, part in line.strategies.items():
        own = limits.strategies.get(name)
        intent = None if own is None else strategy_intent(part, own, line.symbol)
        if intent is not None:
            low, high = low + intent.low, high + intent.high
    return PositionRange(low, high)


def _ratio(quantity: Decimal, intended: PositionRange) -> Decimal | None:
    """In percent of what is intended on the side that is held; None: nothing is, there."""
    size = intended.high if quantity > ZERO else intended.low
    return wired(quantity * HUNDRED / size) if size * quantity > ZERO else None


# -- priced -------------------------------------------------------------------------------------------------------


def _priced(seen: Assessed, instrument: Instrument | None, known: Known) -> Assessed:
    rate = None if instrument is None else known.rates.get(instrument.quote)
    problems = tuple(_gaps(seen, instrument, rate, known))
    if instrument is None or rate is None:
        return replace(seen, problems=problems)
    now, sliced = _exits(seen, instrument, rate, known)
    return replace(
        seen,
        value=_value(seen, instrument, rate),
        unrealised_pnl=_pnl(seen, instrument, rate),
        depth=_depth(seen),
        exit_now=now,
        exit_sliced=sliced,
        problems=problems,
    )


def _value(seen: Assessed, instrument: Instrument, rate: Decimal) -> Decimal | None:
    if seen.quantity == ZERO:
        return ZERO
    if seen.quantity is None or seen.market.mark is None:
        return None
    return wired(seen.quantity * unit_value(instrument, rate=rate, price=seen.market.mark))


def _pnl(seen: Assessed, instrument: Instrument, rate: Decimal) -> Decimal | None:
    """As the venue says; of an inverse contract that is in coin, which is worth the mark."""
    pnl = None if seen.position is None else seen.position.unrealised_pnl
    price = seen.market.mark if instrument.kind is InstrumentKind.INVERSE else ONE
    return None if pnl is None or price is None else wired(pnl * price * rate)


def _depth(seen: Assessed) -> Decimal | None:
    """On the exit side; of a flat instrument on its thinner side."""
    book = seen.market.book
    if book is None or book.mid is None or seen.quantity is None:
        return None
    if not seen.quantity:
        return min(book.depth(Side.BUY), book.depth(Side.SELL))
    return book.depth(exit_side(seen.quantity))


def _legs(seen: Assessed) -> list[tuple[Side, Decimal]]:
    """What leads to nothing held: in hedge mode each leg by itself, else the net."""
    position = seen.position
    if position is not None and (position.long is not None or position.short is not None):
        legs = [(Side.SELL, position.long or ZERO), (Side.BUY, position.short or ZERO)]
        return [leg for leg in legs if leg[1]]
    return [(exit_side(seen.quantity), abs(seen.quantity))] if seen.quantity else []


def _exits(
    seen: Assessed, instrument: Instrument, rate: Decimal, known: Known
) -> tuple[ExitCost | None, ExitCost | None]:
    """Now and in slices; None where the book or the quantity is not known."""
    if seen.quantity is None:
        return None, None
    legs, book = _legs(seen), seen.market.book
    if not legs:
        return NO_COST, NO_COST
    if book is None:
        return None, None
    now = [cost_now(book, side, quantity, instrument=instrument, rate=rate) for side, quantity in legs]
    sliced = [
        cost_sliced(book, side, quantity, each=_each(book, side, instrument, known), instrument=instrument, rate=rate)
        for side, quantity in legs
    ]
    return _added(now), _added(sliced)


def _each(book: Book, side: Side, instrument: Instrument, known: Known) -> Decimal:
    return slice_quantity(book, side, participation=known.participation, step=instrument.quantity_step)


def _added(costs: Sequence[ExitCost | None]) -> ExitCost | None:
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    first, *others = known
    return sum(others, first) if others else first


def _gaps(seen: Assessed, instrument: Instrument | None, rate: Decimal | None, known: Known) -> Iterator[str]:
    """What is not known of an instrument, in words."""
    if seen.quantity is None:
        yield "what is held is NOT KNOWN"
    if instrument is None:
        yield "not an instrument that the venue process lists: value, limit and cost of leaving are not known"
        return
    if rate is None:
        yield f"no rate from {instrument.quote} to {known.currency or 'a currency of limits'}: no value is known"
    if known.limits is not None and seen.limit is None:
        yield "not in the limits file: nobody is allowed to hold it"
    if seen.quantity != ZERO:
        yield from _market_gaps(seen.market)


def _market_gaps(market: Market) -> Iterator[str]:
    if market.mark is None:
        yield "no mark"
    if market.book is None:
        yield "no order book: the cost of leaving is not known"
    elif market.book.mid is None:
        yield "one side of the order book is empty: the cost of leaving is not known"


def wired(value: Decimal) -> Decimal:
    """As exact as the wire carries; what is lost makes nothing look better than it is."""
    return value.quantize(_WIRE, rounding=ROUND_UP, context=_WIDE)
