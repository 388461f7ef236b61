"""How an assessment looks: first what is loud, then a block for each instrument, its orders, the totals, what to type.

What is not known says so and is never 0. The venue's word counts: a belief that differs is shown as the wrong one.
"""

from collections.abc import Iterator, Sequence

from rich.table import Table

from risksvc.cli import assess_table
from risksvc.cli.assess_words import (
    against,
    believed_otherwise,
    by_hand,
    closing,
    cost,
    distance,
    has_legs,
    is_flat,
    is_quiet,
    share,
    signed,
    tenths,
    worth,
)
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import (
    NONE,
    UNKNOWN,
    count,
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
BLOCKS_AT_MOST = 5  # instruments that get a block of lines each; of more, each gets a row
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
    if answer.direct:
        _show_by_hand(out, answer)
    out.next(*_next(answer, account))


def loud(answer: AssessResponse) -> Iterator[str]:
    """What nobody may overlook."""
    for account in answer.accounts:
        if account.problem:
            yield f"account {account.account} NOT READ WHOLE: what is missing is UNKNOWN, not flat: {account.problem}"
    for account in answer.accounts:
        if over(account.total, account.total_limit):
            yield f"account {account.account} is OVER ITS TOTAL: {against(account.total, account.total_limit)}"
        unknown = [one.instrument for one in account.instruments if not one.quantity]
        if unknown:
            yield f"account {account.account}: NOT KNOWN, which is not flat: {', '.join(unknown)}"
        for one in account.instruments:
            yield from _loud_about(account, one)


def _loud_about(account: AccountAssessment, one: InstrumentAssessment) -> Iterator[str]:
    place = f"{one.instrument} of {account.account}"
    if one.outside_band:
        size = f"{share(one.ratio)} of the intended size" if one.ratio else "nothing is intended"
        yield f"{place} is OUTSIDE ITS BAND ({size}): the course is FLATTEN, whatever the market does"
    if over(worth(one), one.limit):
        yield f"{place} is OVER ITS LIMIT: {money(worth(one))} of {money(one.limit)}"
    if believed_otherwise(one):
        held, believed = position(one.quantity), position(one.believed)
        yield f"{place}: BELIEVED {believed}, AT THE VENUE {held}: the venue is right"


# -- one account ---------------------------------------------------------------------------------------------------


def _show_account(out: Output, account: AccountAssessment) -> None:
    out.heading(f"account {account.account}" + (f", values in {account.currency}" if account.currency else ""))
    if account.instruments:
        _show_instruments(out, account.instruments)
        _show_orders(out, account)
        _show_totals(out, account)
    else:
        flat = "flat: nothing is held, nothing works, nothing is believed"
        out.line(UNKNOWN if account.problem else flat, style=_WARN if account.problem else "green")
    for remark in account.remarks:
        out.line(f"not known: {remark}", style="yellow")


def _show_instruments(out: Output, instruments: Sequence[InstrumentAssessment]) -> None:
    """What is quiet in one line; of the rest a block each, or where they are many a row each."""
    telling = [one for one in instruments if not is_quiet(one)]
    if len(telling) > BLOCKS_AT_MOST:
        out.show_rows(telling, assess_table.instruments)
    else:
        for one in telling:
            _show_instrument(out, one)
    quiet = [one.instrument for one in instruments if is_quiet(one)]
    if quiet:
        out.line()
        out.line(f"flat: {', '.join(quiet)}")


def _show_orders(out: Output, account: AccountAssessment) -> None:
    """An order's instrument is among the instruments: without those there are no orders."""
    if not account.open_orders:
        out.line(f"open orders: {UNKNOWN if account.problem else 'none'}")
        return
    out.line()
    out.line(f"{count(len(account.open_orders), 'open order')} at the venue:")
    out.show_rows(list(account.open_orders), _orders)


def _show_totals(out: Output, account: AccountAssessment) -> None:
    style = _WARN if over(account.total, account.total_limit) else "bold"
    out.line(f"total exposure {against(account.total, account.total_limit)}", style=style)
    now, sliced = cost(account.exit_cost_now), cost(account.exit_cost_sliced)
    out.line(f"to leave everything: {now} now, {sliced} in slices, fees not included")


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
    if is_flat(one):
        return f"{one.instrument}  flat"
    side = "short" if one.quantity.startswith("-") else "long"
    if has_legs(one):
        side = (
            f"net of long {quantity(one.long_quantity, empty='0')} and short {quantity(one.short_quantity, empty='0')}"
        )
    entry = f" at {quantity(one.entry_price)} on average" if one.entry_price else ""
    return f"{one.instrument}  {position(one.quantity)}, {side}{entry}"


def _facts(one: InstrumentAssessment) -> Iterator[tuple[str, str, bool]]:
    """Label, words, whether it is bad."""
    differs = believed_otherwise(one)
    yield "believed", position(one.believed, empty="nobody says") + (", WHICH IS WRONG" if differs else ""), differs
    yield "worth", f"{money(one.value) if one.value else UNKNOWN}, unrealised PnL {signed(one.unrealised_pnl)}", False
    yield "limit", against(worth(one), one.limit), over(worth(one), one.limit)
    if one.ratio or one.outside_band:
        size = f"{share(one.ratio)} of the intended size" if one.ratio else "nothing is intended"
        yield "intended", size + (", OUTSIDE THE BAND" if one.outside_band else ""), one.outside_band
    if one.liquidation_price:
        yield "liquidation", f"at {quantity(one.liquidation_price)}, {distance(one.liquidation_distance)} away", False
    yield "market", _market(one), not one.mark
    yield "to leave", _leaving(one), bool(one.beyond_book and not is_zero(one.beyond_book))
    if one.HasField("minutes_to_close"):
        yield "closes", f"in {closing(one.minutes_to_close)}", False


def _market(one: InstrumentAssessment) -> str:
    age = f" ({milliseconds(one.mark_age_ms)} old)" if one.mark and one.mark_age_ms >= 0 else " (age not known)"
    mark = f"mark {quantity(one.mark)}{age}" if one.mark else "no mark"
    spread = f", spread {tenths(one.spread_bps)} bp" if one.spread_bps else ""
    depth = f", {quantity(one.depth)} within 1 %" if one.depth else ""
    return f"{mark}, {quantity(one.bid, empty=NONE)} / {quantity(one.ask, empty=NONE)}{spread}{depth}"


def _leaving(one: InstrumentAssessment) -> str:
    if not one.exit_cost_now and not one.exit_cost_sliced:
        return UNKNOWN
    slices = f"in {count(one.slices, 'slice')}" if one.slices else "in slices"
    text = f"{cost(one.exit_cost_now)} now, {cost(one.exit_cost_sliced)} {slices}"
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
        out.line(f"recorded in incident {answer.incident_id}, which also says who was told")
    elif answer.direct:
        out.line("recorded nowhere: the gate was not asked. What is intended, and so the band, is not known either")
    else:
        out.line("recorded nowhere: no incident is open")


def _show_by_hand(out: Output, answer: AssessResponse) -> None:
    """Where nothing of ours runs, a person leaves at the venue itself."""
    orders = [
        f"{one.account}: {order}" for one in answer.accounts for each in one.instruments for order in by_hand(each)
    ]
    if orders:
        out.heading("By hand at the venue, where no gate can be started (cancel what works there first):")
    for order in orders:
        out.line(f"  {order}")


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
    for scope in () if answer.incident_id else _outside(answer):
        yield ("flatten", *scope), "shows the plan to leave; --execute runs it"
    if not answer.incident_id and not answer.not_recorded and any(map(_is_held, answer.accounts)):
        yield ("halt", *mine, "--reason", "<what is wrong>"), "where something is wrong: opens an incident too"


def _outside(answer: AssessResponse) -> Iterator[tuple[str, ...]]:
    for one in answer.accounts:
        for each in one.instruments:
            if each.outside_band:
                yield "--account", one.account, "--instrument", each.instrument


def _is_held(account: AccountAssessment) -> bool:
    return any(one.quantity and not is_flat(one) for one in account.instruments)
