"""The equity check: what the venue says the account is worth, against what is known to have moved it.

The venue's equity since an anchor must have moved by positions x change of the mark, and by fills' distance from it,
fees, funding and transfers (`risksvc.core.equity_ledger`). Positions are the ledger's: what the firm can explain. What
is left over is money that nobody explains: a position that nobody knows of shows as equity that moves without a reason.
It alerts, halts nothing, and changes nothing.

A check that can't be made (no mark near, no complete read in this process yet) is put off: it neither alerts nor
clears. A currency without a rate, by the limits or by a coin's mark, is not checked, and said.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from risksvc.core.book import AccountBook
from risksvc.core.conditions import note
from risksvc.core.divergences import DivergenceClass
from risksvc.core.equity_ledger import EquityCheck, settles_in, worth
from risksvc.core.exposure import unit_value
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import HUNDRED, ZERO, Instrument, InstrumentKind, Nanoseconds, plain
from risksvc.core.venue_events import BalancesReceived

CHECKS_TO_ALERT = 3
_SHOWN = Decimal("0.01")  # money in a message
_WHAT = DivergenceClass.EQUITY_MISMATCH
Marks = dict[str, Decimal]


def take_balances(book: AccountBook, event: BalancesReceived, *, now: Nanoseconds) -> Iterator[Notice]:
    """Takes balances and bookings in. The same balances again, or older ones, are no further check."""
    check = book.equity
    for flow in event.flows:
        check.take_flow(flow)
    ready = book.anchored and book.adopted and book.snapshot_as_of is not None
    if not ready or event.venue_time_ms <= check.at_ms:
        return
    if check.anchor_ms is None:
        if _anchor(book, event):
            yield from _explained(book, "begins anew from what is there")
        return
    check.book(partial(_known, book), until_ms=event.venue_time_ms)
    marks = _marks(book, check.held, as_of=event.as_of)
    if marks is not None:
        yield from _compare(book, event, marks, now=now)


def _anchor(book: AccountBook, event: BalancesReceived) -> bool:
    """Takes these balances and the ledger's positions of the same moment for explained; False while a mark is missing.

    Fills that were told already and are later than the balances wait for the next ones.
    """
    check, held, later = book.equity, dict[str, Decimal](), []
    for line in book.lines.values():
        after = [fill for fill in line.recent if fill.venue_time_ms > event.venue_time_ms]
        quantity = line.ledger - sum((line.change(fill) for fill in after), ZERO)
        later += after
        if quantity and line.instrument is not None and line.instrument.kind is not InstrumentKind.SPOT:
            held[line.key] = quantity
    marks = _marks(book, held, as_of=event.as_of)
    if marks is None:
        return False
    cash = {balance.currency: balance.equity for balance in event.balances}
    for currency, value in _worths(book, held, marks).items():
        cash[currency] = cash.get(currency, ZERO) - value
    check.anchor(cash, held, at_ms=event.venue_time_ms)
    seen = ((symbol, _mark(book, symbol, event.as_of)) for symbol in check.marks)
    check.anchor_marks = {symbol: price for symbol, price in seen if price is not None}
    check.anchor_gross = _gross(book, held, marks)
    for fill in later:
        check.take_fill(fill)
    return True


def _compare(book: AccountBook, event: BalancesReceived, marks: Marks, *, now: Nanoseconds) -> Iterator[Notice]:
    check = book.equity
    equity = {balance.currency: balance.equity for balance in event.balances}
    explained = dict(check.cash)
    for currency, value in _worths(book, check.held, marks).items():
        explained[currency] = explained.get(currency, ZERO) + value
    furthest, text, unchecked = ZERO, "", []
    for currency in dict.fromkeys((*explained, *equity)):  # one that has vanished from the balances is worth nothing
        has, must_have = equity.get(currency, ZERO), explained.get(currency, ZERO)
        rate = _rate(book, currency)
        if rate is None:
            unchecked += [currency] * bool(has or must_have)
        elif abs((has - must_have) * rate) > abs(furthest):
            furthest = (has - must_have) * rate
            text = f"{currency} equity is {plain(has)}, explained is {_money(must_have)}"
    check.difference, check.tolerance = furthest, _tolerance(book, marks)
    yield from _say_unchecked(book, tuple(sorted(unchecked)))
    if abs(furthest) <= check.tolerance:
        yield from _explained(book, f"the difference is {_money(furthest)}")
        return
    condition = note(book.conditions, _WHAT, f"{text}; a difference worth {_money(furthest)}", now=now)
    if condition.seen >= CHECKS_TO_ALERT and not condition.diverged:
        condition.diverged = True
        yield Notice(NoticeKind.EQUITY_MISMATCH, book.name, _WHAT.value, condition.message, value=furthest)


def _explained(book: AccountBook, why: str) -> Iterator[Notice]:
    gone = book.conditions.pop(_WHAT.value, None)
    if gone is not None and gone.seen >= CHECKS_TO_ALERT:  # it was told
        text = f"over ({why}): {gone.message}"
        yield Notice(NoticeKind.CONDITION_CLEARED, book.name, _WHAT.value, text)


def _say_unchecked(book: AccountBook, unchecked: tuple[str, ...]) -> Iterator[Notice]:
    new = [currency for currency in unchecked if currency not in book.equity.unchecked]
    book.equity.unchecked = unchecked
    if new:
        text = f"the equity in {', '.join(new)} is not checked: the limits file has no rate for it"
        yield Notice(NoticeKind.EQUITY_UNCHECKED, book.name, _WHAT.value, text)


# -- valuing ------------------------------------------------------------------------------------------------------


def _mark(book: AccountBook, symbol: str, as_of: Nanoseconds) -> Decimal | None:
    return book.equity.mark_at(symbol, as_of, within=book.config.mark_max_age_ns)


def _marks(book: AccountBook, held: Marks, *, as_of: Nanoseconds) -> Marks | None:
    """The marks at this time of everything held; None while one is not known."""
    found: Marks = {}
    for symbol in held:
        price = _mark(book, symbol, as_of)
        if price is None:
            return None
        found[symbol] = price
    return found


def _known(book: AccountBook, symbol: str) -> Instrument | None:
    """What the venue lists, or listed when the position was taken."""
    line = book.lines.get(symbol)
    return book.instruments.get(symbol) or (None if line is None else line.instrument)


def _listed(book: AccountBook, symbol: str) -> Instrument:
    instrument = _known(book, symbol)
    assert instrument is not None, "only what is listed is held"
    return instrument


def _worths(book: AccountBook, held: Marks, marks: Marks) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for symbol, quantity in held.items():
        instrument = _listed(book, symbol)
        currency = settles_in(instrument)
        found[currency] = found.get(currency, ZERO) + worth(instrument, quantity, price=marks[symbol])
    return found


def _rate(book: AccountBook, currency: str) -> Decimal | None:
    """Limits' currency per unit: by the limits' rates, else of a coin by the first instrument that has its price."""
    known = book.rates.get(currency)
    if known is not None:
        return known
    for line in book.lines.values():
        for symbol, mark in line.marks.items():
            instrument = book.instruments.get(symbol)
            if instrument is not None and instrument.base == currency and instrument.quote in book.rates:
                return mark.last * book.rates[instrument.quote]
    return None


def _gross(book: AccountBook, held: Marks, marks: Marks) -> Decimal:
    """The value of all positions, none netted. Spot assets are cash here, and exact: no mark is in their difference."""
    total = ZERO
    for symbol, quantity in held.items():
        instrument = _listed(book, symbol)
        rate = book.rate(instrument) or ZERO
        total += abs(quantity) * unit_value(instrument, rate=rate, price=marks[symbol])
    return total


def _tolerance(book: AccountBook, marks: Marks) -> Decimal:
    """Marks are read at other moments than balances, at the anchor and now; fees that nobody tells widen it further."""
    check: EquityCheck = book.equity
    gross = max(check.anchor_gross, _gross(book, check.held, marks))
    for currency, traded in check.feeless.items():
        gross += traded * (_rate(book, currency) or ZERO)
    return gross * book.config.equity_tolerance / HUNDRED + book.config.equity_tolerance_floor


def _money(value: Decimal) -> str:
    return plain(value.quantize(_SHOWN))
