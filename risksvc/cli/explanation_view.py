"""`risksvc reconcile --explain`: three ledgers side by side, what explains each difference, what to do, what to type.

For a person at 3 a.m.: what differs comes first and is red, what nobody said is "unknown" or "not said", never zero,
and every difference ends in a command that can be pasted. What agrees takes one line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from risksvc.cli.divergence_advice import Command, adoptions, advice_for, commands_for
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import (
    NONE,
    count,
    differ,
    duration,
    interval,
    is_zero,
    milliseconds,
    moment,
    money,
    over,
    position,
    quantity,
    side_word,
)
from risksvc.core.divergences import DIVERGENCES
from risksvc.v1.operator_pb2 import (
    AccountReconciliation,
    AdoptItem,
    Divergence,
    ExplainedFill,
    ExplainedOrder,
    GetReconciliationResponse,
    InstrumentReconciliation,
    StrategyReconciliation,
)

_AGREES = "AGREES"
_STYLES = {_AGREES: "bold green", "UNCONFIRMED": "bold yellow", "SUSPECT": "bold yellow", "DIVERGED": "bold red"}
_NOT_SAID = "not said"
_RULES = {one.value: rule for one, rule in DIVERGENCES.items()}

_NOTHING_TO_DO: Command = (("positions",), "what is held; nothing has to be explained")
_LOOK_FURTHER: Command = (("status",), "feeds, failures, and what is closed")

# Of each account, what could be adopted now.
Adoptable = Mapping[str, Sequence[AdoptItem]]


def show(out: Output, answer: GetReconciliationResponse, adoptable: Adoptable) -> None:
    """Print every account, and then what to type."""
    commands: dict[Command, None] = {}
    for account in answer.accounts:
        items = adoptable.get(account.account, ())
        _show_account(out, account, now_ns=answer.now_ns)
        commands |= dict.fromkeys(_commands(account, items))
    agrees = all(_agrees(account) for account in answer.accounts)
    out.next(*(commands or {_NOTHING_TO_DO if agrees else _LOOK_FURTHER: None}))


def _agrees(account: AccountReconciliation) -> bool:
    """Read, and nothing differs."""
    differs = account.conditions or any(one.status != _AGREES for one in account.instruments)
    return account.read_age_ms >= 0 and not differs


def _commands(account: AccountReconciliation, items: Sequence[AdoptItem]) -> Iterator[Command]:
    for instrument in account.instruments:
        own = [item for item in items if _is_of(item.instrument, instrument.instrument)]
        for divergence in instrument.divergences:
            yield from commands_for(divergence, own)
        if not instrument.divergences:  # before an account is adopted nothing is suspect
            yield from adoptions(account.account, own)
    for condition in account.conditions:
        yield from commands_for(condition, items)


def _is_of(symbol: str, instrument: str) -> bool:
    """An item of one of a spot asset's pairs is the asset's."""
    return symbol == instrument or ("/" not in instrument and symbol.startswith(f"{instrument}/"))


# -- an account ---------------------------------------------------------------------------------------------------


def _show_account(out: Output, account: AccountReconciliation, *, now_ns: int) -> None:
    out.line()
    out.line(*_headline(account))
    for words, fine in _measured(account):
        out.line(f"  {words}", style="" if fine else "red")
    for limitation in account.limitations:
        out.line(f"  this venue: {limitation}", style="dim")
    for condition in account.conditions:
        _show_divergence(out, condition, now_ns=now_ns)
    agreeing = [one for one in account.instruments if one.status == _AGREES and len(account.instruments) > 1]
    for instrument in account.instruments:
        if instrument not in agreeing:
            _show_instrument(out, instrument, now_ns=now_ns)
    if agreeing:
        out.heading(f"{count(len(agreeing), 'instrument')} in which venue, ledger and belief agree")
        out.show_rows(agreeing, _agreeing_table)


def _headline(account: AccountReconciliation) -> tuple[str, str]:
    if account.read_age_ms < 0:
        text = f" NOT READ  account {account.account}: no complete read yet, so what it holds is not known"
        return text, "bold red"
    differing = [one for one in account.instruments if one.status != _AGREES]
    read = f"account {account.account}, last complete read {milliseconds(account.read_age_ms)} ago"
    if _agrees(account):
        return f" {_AGREES}  {read}: the three ledgers agree, everything is explained", _STYLES[_AGREES]
    concerned = [count(len(differing), "instrument")] if differing else []
    concerned += [count(len(account.conditions), "condition")] if account.conditions else []
    return f" DIFFERS  {read}: {' and '.join(concerned)} to be explained", "bold red"


def _measured(account: AccountReconciliation) -> Iterator[tuple[str, bool]]:
    """What was measured, beside what it may be; what was not is said to be unknown."""
    lag, settle = account.measured_lag_ms, milliseconds(account.settle_ms)
    measured = "not measured yet" if lag < 0 else f"{milliseconds(lag)} at most"
    yield f"position lag    {measured}; up to {settle} is waited for", lag * 2 <= account.settle_ms
    yield _beside("residual", account.residual, account.max_residual, empty="not known")
    yield _beside(
        "equity",
        account.equity_difference,
        account.equity_tolerance,
        empty="not checked: two reads of balances are needed since the start, an adoption or a resume",
    )
    stream = "up" if account.stream_connected else "none: changes are seen when the account is read again"
    yield f"private stream  {stream}", True


def _beside(what: str, amount: str, most: str, *, empty: str) -> tuple[str, bool]:
    """An amount that nobody explains, and what it may be."""
    if not amount:
        return f"{what:<16}{empty}", True
    bound = f"; at most {money(most)} is allowed" if most else ""
    return f"{what:<16}{money(amount)} that nobody explains{bound}", not over(amount.removeprefix("-"), most)


# -- an instrument ------------------------------------------------------------------------------------------------


def _show_instrument(out: Output, one: InstrumentReconciliation, *, now_ns: int) -> None:
    out.line()
    status = one.status or "NOT READ"
    out.line(Text.assemble((one.instrument, "bold"), "  ", (status, _STYLES.get(one.status, "bold red"))))
    out.show(_ledgers(one, now_ns=now_ns))
    if one.low != one.high:
        out.line(f"  true is something between {interval(one.low, one.high)}; the worse end counts")
    for divergence in one.divergences:
        _show_divergence(out, divergence, now_ns=now_ns)
    if one.fills:
        unexplained = sum(not fill.explained for fill in one.fills)
        out.heading(f"  The latest {count(len(one.fills), 'fill')}, {unexplained} of them not explained")
        out.show_rows(one.fills, _fill_table)
    if one.orders:
        out.heading(f"  Orders that need an explanation ({len(one.orders)})")
        out.show_rows(one.orders, _order_table)


def _ledgers(one: InstrumentReconciliation, *, now_ns: int) -> Table:
    """Venue, ledger, belief: one row each, and what the ledger is made of."""
    result = table("", "quantity", "", right=("quantity",))
    read = f"the last complete read{_legs(one.venue_long, one.venue_short)}"
    add_row(result, "  venue", position(one.venue), read if one.venue else "never read: not known, not flat")
    made_of = f"adopted {position(one.adopted)}, explained by nothing {position(one.unexplained)}"
    style = "" if is_zero(one.unexplained) else "yellow"
    legs = _legs(one.ledger_long, one.ledger_short)
    add_row(result, "  ledger", position(one.ledger), f"{made_of}{legs}", style=style)
    if one.difference and not is_zero(one.difference):
        add_row(
            result, "  difference", position(one.difference), "venue less ledger, as of that read", style="bold red"
        )
    for strategy in one.strategies:
        add_row(result, *_belief(strategy, now_ns=now_ns))
    return result


def _legs(long: str, short: str) -> str:
    """In hedge mode, both positions."""
    return f": {quantity(long)} long, {quantity(short)} short" if long or short else ""


def _belief(strategy: StrategyReconciliation, *, now_ns: int) -> tuple[str | Text, str | Text, str | Text]:
    own = f"its ledger {position(strategy.ledger)}"
    if not (is_zero(strategy.in_flight_buy) and is_zero(strategy.in_flight_sell)):
        own += f", in flight +{quantity(strategy.in_flight_buy)} -{quantity(strategy.in_flight_sell)}"
    name = f"  {strategy.strategy} believes"
    if not strategy.believed:
        return name, _NOT_SAID, own
    said = f"said {duration(now_ns - strategy.believed_at_ns)} ago, {own}"
    if not differ(strategy.believed, strategy.ledger):
        return name, position(strategy.believed), f"{said}: agrees"
    if strategy.agrees:
        return name, position(strategy.believed), f"{said}: what is on its way explains it"
    wrong = Text(f"{said}: DIFFERS, and nothing explains it", style="bold red")
    return name, Text(position(strategy.believed), style="bold red"), wrong


def _agreeing_table(instruments: Iterable[InstrumentReconciliation]) -> Table:
    result = table("instrument", "venue", "ledger", "believed", right=("venue", "ledger", "believed"))
    for one in instruments:
        said = ", ".join(f"{each.strategy} {position(each.believed, empty=_NOT_SAID)}" for each in one.strategies)
        add_row(result, one.instrument, position(one.venue), position(one.ledger), said or NONE)
    return result


# -- what differs -------------------------------------------------------------------------------------------------


def _show_divergence(out: Output, one: Divergence, *, now_ns: int) -> None:
    """Found: what; means: what the class is; do: what to do."""
    style = _STYLES.get(one.status, "bold red")
    worth = f", worth {money(one.usd)}" if one.usd else ""
    strategy = f", strategy {one.strategy}" if one.strategy else ""
    lasted = f"for {duration(now_ns - one.since_ns)}, {count(one.reads, 'read')}"
    out.line(Text(f"  {one.status} {one.divergence_class}{strategy}, {lasted}{worth}", style=style))
    out.line(f"    found: {one.message}")
    rule, advice = _RULES.get(one.divergence_class), advice_for(one)
    if rule is not None:
        out.line(f"    means: {rule.says}; then: {rule.becomes}")
    if advice is not None:
        out.line(f"    do:    {advice.do}", style="bold")


def _fill_table(fills: Iterable[ExplainedFill]) -> Table:
    result = table(
        "  venue time", "side", "quantity", "price", "trade id", "order", "kind", "whose", "why",
        right=("quantity", "price"),
    )  # fmt: skip
    for fill in fills:
        add_row(
            result,
            f"  {moment(fill.venue_time_ms * 1_000_000)}",
            side_word(fill.side),
            quantity(fill.quantity),
            quantity(fill.price),
            fill.trade_id,
            fill.client_order_id or fill.venue_order_id or NONE,
            fill.kind,
            fill.strategy or NONE,
            fill.explanation,
            style="" if fill.explained else "bold red",
        )
    return result


def _order_table(orders: Iterable[ExplainedOrder]) -> Table:
    result = table(
        "  client order id", "venue order id", "side", "quantity", "filled", "why", right=("quantity", "filled")
    )
    for order in orders:
        add_row(
            result,
            f"  {order.client_order_id or NONE}",
            order.venue_order_id or NONE,
            side_word(order.side),
            quantity(order.quantity),
            quantity(order.filled),
            order.explanation,
            style="bold red",
        )
    return result
