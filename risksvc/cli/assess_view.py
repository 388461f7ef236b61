"""How an assessment looks: first what is loud, then a block for each instrument, its orders, the totals, what to type.

What is not known says so and is never 0. The venue's word counts: a belief that differs is shown as the wrong one.
"""

from collections.abc import Iterator, Sequence
from decimal import ROUND_UP, Decimal, InvalidOperation

from rich.table import Table

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import (
    NONE,
    UNKNOWN,
    count,
    differ,
    is_zero,
    milliseconds,
    moment,
    money,
    over,
    position,
    quantity,
    side_word,
)
from risksvc.v1.incident_pb2 import AccountAssessment, AssessedOrder, AssessResponse, InstrumentAssessment

Suggestion = tuple[tuple[str, ...], str]

_LOUD, _WARN = "bold white on red", "bold red"
_TENTH = Decimal("0.1")
_LABEL_WIDTH = 14


def show(out: Output, answer: AssessResponse, *, account: str) -> None:
    """The page, then the exact next commands."""
    way = "straight from the venue, without the gate" if answer.direct else "from the venue"
    out.line(f"Assessment {way}, {moment(answer.at_ns)}, took {milliseconds(answer.took_ms)}", style="bold")
    for line in loud(answer):
        out.line(line, style=_LOUD)
    for one in answer.accounts:
        _show_account(out, one)
    out.line()
    _show_record(out, answer)
    out.next(*_next(answer, account))


def loud(answer: AssessResponse) -> Iterator[str]:
    """What nobody may overlook."""
    for account in answer.accounts:
        if account.problem:
            yield f"account {account.account} NOT READ WHOLE: what is missing is UNKNOWN, not flat: {account.problem}"
    for account in answer.accounts:
        for one in account.instruments:
            yield from _loud_about(account, one)


def _loud_about(account: AccountAssessment, one: InstrumentAssessment) -> Iterator[str]:
    place = f"{one.instrument} of {account.account}"
    if one.outside_band:
        size = f"{_share(one.ratio)} of the intended size" if one.ratio else "nothing is intended"
        yield f"{place} is OUTSIDE ITS BAND ({size}): the course is FLATTEN, whatever the market does"
    if one.believed and one.quantity and differ(one.believed, one.quantity):
        held, believed = position(one.quantity), position(one.believed)
        yield f"{place}: BELIEVED {believed}, AT THE VENUE {held}: the venue is right"
    if not one.quantity:
        yield f"{place}: what is held is NOT KNOWN, which is not flat"


# -- one account ---------------------------------------------------------------------------------------------------


def _show_account(out: Output, account: AccountAssessment) -> None:
    out.heading(f"account {account.account}" + (f", values in {account.currency}" if account.currency else ""))
    for one in account.instruments:
        _show_instrument(out, one)
    if not account.instruments:
        flat = "flat: nothing is held, nothing works, nothing is believed"
        out.line(UNKNOWN if account.problem else flat, style=_WARN if account.problem else "green")
    if account.open_orders:
        out.line()
        out.line(f"{count(len(account.open_orders), 'open order')} at the venue:")
        out.show_rows(list(account.open_orders), _orders)
    elif account.instruments:
        out.line(f"open orders: {UNKNOWN if account.problem else 'none'}")
    if account.instruments:
        style = _WARN if over(account.total, account.total_limit) else "bold"
        out.line(f"total exposure {_against(account.total, account.total_limit)}", style=style)
        now, sliced = (_cost(one) for one in (account.exit_cost_now, account.exit_cost_sliced))
        out.line(f"to leave everything: {now} now, {sliced} in slices, fees not included")
    for remark in account.remarks:
        out.line(f"not known: {remark}", style="yellow")


def _show_instrument(out: Output, one: InstrumentAssessment) -> None:
    out.line()
    out.line(_headline(one), style="bold")
    for label, text, bad in _facts(one):
        out.line(f"  {label.ljust(_LABEL_WIDTH)}{text}", style=_WARN if bad else "")
    for problem in one.problems:
        out.line(f"  {problem}", style="yellow")


def _headline(one: InstrumentAssessment) -> str:
    if not one.quantity:
        return f"{one.instrument}  {UNKNOWN}"
    if is_zero(one.quantity) and not _has_legs(one):
        return f"{one.instrument}  flat"
    side = "short" if one.quantity.startswith("-") else "long"
    if _has_legs(one):
        side = (
            f"net of long {quantity(one.long_quantity, empty='0')} and short {quantity(one.short_quantity, empty='0')}"
        )
    entry = f" at {quantity(one.entry_price)} on average" if one.entry_price else ""
    return f"{one.instrument}  {position(one.quantity)}, {side}{entry}"


def _has_legs(one: InstrumentAssessment) -> bool:
    return bool(one.long_quantity or one.short_quantity)


def _facts(one: InstrumentAssessment) -> Iterator[tuple[str, str, bool]]:
    """Label, words, whether it is bad."""
    differs = bool(one.believed and one.quantity) and differ(one.believed, one.quantity)
    yield "believed", position(one.believed, empty="nobody says") + (", WHICH IS WRONG" if differs else ""), differs
    yield "worth", f"{money(one.value) if one.value else UNKNOWN}, unrealised PnL {_signed(one.unrealised_pnl)}", False
    worth = one.value.removeprefix("-")
    yield "limit", _against(worth, one.limit), over(worth, one.limit)
    if one.ratio or one.outside_band:
        size = f"{_share(one.ratio)} of the intended size" if one.ratio else "nothing is intended"
        yield "intended", size + (", OUTSIDE THE BAND" if one.outside_band else ""), one.outside_band
    if one.liquidation_price:
        yield "liquidation", f"at {quantity(one.liquidation_price)}, {_share(one.liquidation_distance)} away", False
    yield "market", _market(one), not one.mark
    yield "to leave", _leaving(one), bool(one.beyond_book and not is_zero(one.beyond_book))
    if one.HasField("minutes_to_close"):
        yield "closes", f"in {one.minutes_to_close} min", False


def _market(one: InstrumentAssessment) -> str:
    age = f" ({milliseconds(one.mark_age_ms)} old)" if one.mark and one.mark_age_ms >= 0 else " (age not known)"
    mark = f"mark {quantity(one.mark)}{age}" if one.mark else "no mark"
    spread = f", spread {_tenths(one.spread_bps)} bp" if one.spread_bps else ""
    depth = f", {quantity(one.depth)} within 1 %" if one.depth else ""
    return f"{mark}, {quantity(one.bid, empty=NONE)} / {quantity(one.ask, empty=NONE)}{spread}{depth}"


def _leaving(one: InstrumentAssessment) -> str:
    if not one.exit_cost_now and not one.exit_cost_sliced:
        return UNKNOWN
    slices = f"in {count(one.slices, 'slice')}" if one.slices else "in slices"
    text = f"{_cost(one.exit_cost_now)} now, {_cost(one.exit_cost_sliced)} {slices}"
    if one.beyond_book and not is_zero(one.beyond_book):
        text += f"; THE BOOK DOES NOT TAKE {quantity(one.beyond_book)} OF IT NOW"
    return text


def _orders(orders: Sequence[AssessedOrder]) -> Table:
    shown = table(
        "instrument", "side", "quantity", "filled", "limit", "trigger", "reduce-only", "id", "",
        right=("quantity", "filled", "limit", "trigger"),
    )  # fmt: skip
    for one in orders:
        add_row(
            shown,
            one.instrument,
            side_word(one.side),
            quantity(one.quantity),
            quantity(one.filled),
            quantity(one.limit_price, empty=NONE),
            quantity(one.trigger_price, empty=NONE),
            "yes" if one.reduce_only else "no",
            one.client_order_id or one.venue_order_id,
            "NO APPROVAL EXPLAINS IT" if one.unexplained else "",
            style=_WARN if one.unexplained else "",
        )
    return shown


# -- what comes of it ----------------------------------------------------------------------------------------------


def _show_record(out: Output, answer: AssessResponse) -> None:
    if answer.not_recorded:
        out.line(f"NOT RECORDED: {answer.not_recorded}", style=_WARN)
    elif answer.incident_id:
        out.line(f"recorded in incident {answer.incident_id}, and told to everybody")
    elif answer.direct:
        out.line("recorded nowhere: the gate was not asked. What is intended, and so the band, is not known either")
    else:
        out.line("recorded nowhere: no incident is open")


def _next(answer: AssessResponse, account: str) -> Iterator[Suggestion]:
    """What follows, the most pressing first."""
    mine = ("--account", account) if account else ()
    named = ("--incident", answer.incident_id) if answer.incident_id else ()
    if not answer.complete and not answer.direct:
        yield ("assess", "--direct", *mine), "reads the venue without the gate and its feed"
    if not answer.complete:
        yield ("assess", *(("--direct",) if answer.direct else ()), *mine), "again, until nothing is unknown"
    if answer.direct:
        yield ("status",), "whether a gate runs; only a gate records, decides and flattens"
        return
    if answer.incident_id:
        yield ("decide", *named), "what is recommended, flatten, reduce or hold, and why"
    for place in _outside(answer):
        yield ("flatten", "--account", place), "shows the plan to leave; --execute runs it"
    if not answer.incident_id and not answer.not_recorded and any(map(_is_held, answer.accounts)):
        yield ("halt", *mine, "--reason", "<what is wrong>"), "where something is wrong: opens an incident too"


def _outside(answer: AssessResponse) -> list[str]:
    return [one.account for one in answer.accounts if any(each.outside_band for each in one.instruments)]


def _is_held(account: AccountAssessment) -> bool:
    return any(one.quantity and not is_zero(one.quantity) for one in account.instruments)


# -- words ---------------------------------------------------------------------------------------------------------


def _against(value: str, limit: str) -> str:
    if not value:
        return f"{UNKNOWN} of {money(limit)}" if limit else UNKNOWN
    if not limit:
        return f"{money(value)}, no limit is known"
    return f"{money(value)} of {money(limit)}" + (" OVER IT" if over(value, limit) else "")


def _cost(text: str) -> str:
    return money(text) if text else UNKNOWN


def _signed(text: str) -> str:
    return ("+" if text and not text.startswith("-") and not is_zero(text) else "") + money(text) if text else UNKNOWN


def _share(text: str) -> str:
    """A percentage that is one already: "415.1 %"."""
    return f"{_tenths(text)} %" if text else UNKNOWN


def _tenths(text: str) -> str:
    try:
        return format(Decimal(text).quantize(_TENTH, rounding=ROUND_UP).normalize(), ",f")
    except InvalidOperation:
        return UNKNOWN
