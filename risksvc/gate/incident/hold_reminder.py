"""What everybody is told of a hold every 15 minutes: PnL since it began, what is held against its limits, what is left.

Built from two assessments, the one that the hold began with and a new one. What could not be read is said to be not
known, and never left out. PnL since the hold began is the venue's unrealised PnL, now less then; where it tells none,
the change in value (not for inverse contracts, whose value in money stands still). Neither covers a position whose
quantity has changed meanwhile: what such a part made is not in either, and then no number is given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal

from risksvc.core.incident.record import AssessedInstrument, AssessmentRecord
from risksvc.core.incident.severity import MINUTE
from risksvc.core.types import HUNDRED, ZERO, Nanoseconds, plain

_CENT = Decimal("0.01")
_NOT_KNOWN = "not known"
_SHOWN = 20  # instruments in one text

IsInverse = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Held:
    """What a reminder is made of. `problems`: what could not be read, empty: all was; `closes_now`: it is the last one.

    `began`: what the hold began with, `now`: what was seen just now, None: nothing. `is_inverse`: of account and
    instrument. `currency`: the limits'.
    """

    since: Nanoseconds
    at: Nanoseconds
    began: AssessmentRecord | None
    now: AssessmentRecord | None
    problems: Sequence[str]
    currency: str
    is_inverse: IsInverse
    closes_now: bool = False


def reminder_text(held: Held) -> str:
    """One text, the same for all."""
    head = f"HOLD for {(held.at - held.since) // MINUTE} min"
    if held.now is None:
        parts = [f"{head}: THE STATE IS NOT KNOWN, the venue could not be read. Look there, then `risksvc assess`"]
    else:
        parts = [f"{head}: {_whole(held, held.now)}", *_instruments(held, _concerned(held, held.now))]
    parts += [f"not read: {problem}" for problem in held.problems]
    if held.closes_now:
        parts.append("the market closes: this is the last reminder, and the hold stays until `risksvc decide` ends it")
    return ". ".join(parts)


def _whole(held: Held, now: AssessmentRecord) -> str:
    made = [pnl_since(held, one) for one in _concerned(held, now)]
    known = [one for one in made if one is not None]
    pnl = _signed(sum(known, ZERO)) if len(known) == len(made) and now.complete else _NOT_KNOWN
    total = _against(now.total, now.total_limit)
    return f"PnL since it began {pnl} {held.currency}, total exposure {total}"


def _concerned(held: Held, now: AssessmentRecord) -> list[AssessedInstrument]:
    """What is held, and what was held when the hold began."""
    before = _by_place(held.began)
    return [one for one in now.instruments if one.is_held or (_place(one) in before and before[_place(one)].is_held)]


def _instruments(held: Held, concerned: Sequence[AssessedInstrument]) -> Iterator[str]:
    for one in concerned[:_SHOWN]:
        unrealised = _NOT_KNOWN if one.unrealised_pnl is None else _signed(one.unrealised_pnl)
        exposure = _against(None if one.value is None else abs(one.value), one.limit)
        close = "" if one.minutes_to_close is None else f", closes in {one.minutes_to_close} min"
        yield (
            f"{one.instrument} of {one.account}: {plain(one.quantity)}, PnL {_pnl(held, one)}, "
            f"unrealised {unrealised}, exposure {exposure}{close}"
        )
    if len(concerned) > _SHOWN:
        yield f"and {len(concerned) - _SHOWN} more: `risksvc assess`"


def _pnl(held: Held, one: AssessedInstrument) -> str:
    before = _by_place(held.began).get(_place(one))
    if before is not None and _changed(before, one):
        return f"{_NOT_KNOWN} (it was {plain(before.quantity)})"
    made = pnl_since(held, one)
    return _NOT_KNOWN if made is None else _signed(made)


def pnl_since(held: Held, one: AssessedInstrument) -> Decimal | None:
    """What a position has made since the hold began; None: not known."""
    before = _by_place(held.began).get(_place(one))
    if before is None or _changed(before, one):
        return None
    if before.unrealised_pnl is not None and one.unrealised_pnl is not None:
        return one.unrealised_pnl - before.unrealised_pnl
    if before.value is None or one.value is None or held.is_inverse(one.account, one.instrument):
        return None
    return one.value - before.value


def _changed(before: AssessedInstrument, one: AssessedInstrument) -> bool:
    return (before.quantity, before.gross) != (one.quantity, one.gross)


def _by_place(record: AssessmentRecord | None) -> dict[tuple[str, str], AssessedInstrument]:
    return {} if record is None else {_place(one): one for one in record.instruments}


def _place(one: AssessedInstrument) -> tuple[str, str]:
    return one.account, one.instrument


def _against(value: Decimal | None, limit: Decimal | None) -> str:
    if value is None:
        return _NOT_KNOWN
    text = format(value.quantize(_CENT, rounding=ROUND_UP), ",f")
    if not limit:
        return text
    share = (value * HUNDRED / limit).quantize(Decimal(1), rounding=ROUND_UP)
    return f"{text} of {format(limit, ',f')} ({share} %)"


def _signed(value: Decimal) -> str:
    rounded = value.quantize(_CENT, rounding=ROUND_HALF_EVEN)
    return format(rounded or ZERO.quantize(_CENT), "+,f")
