"""Positions three ways. What differs is red; what nobody said is "unknown", never zero."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from risksvc.cli.output import Cell, Output, add_row, table
from risksvc.cli.text import NONE, count, differ, interval, is_zero, milliseconds, money, position, quantity, total
from risksvc.v1.operator_pb2 import AccountExposure, InstrumentExposure, StrategyExposure

_NOT_SAID = "not said"


def show(out: Output, accounts: Iterable[AccountExposure]) -> None:
    """Print one table per account."""
    shown = list(accounts)
    if not shown:
        out.line("The gate has no such account.", style="red")
    for account in shown:
        read = milliseconds(account.snapshot_age_ms)
        out.line()
        if account.snapshot_age_ms < 0:
            out.line(f"account {account.account}: NO COMPLETE READ YET: what is held is not known", style="bold red")
        else:
            out.line(
                f"account {account.account}, last complete read {read} ago, values in {account.currency}", style="bold"
            )
        if account.instruments:
            _show_instruments(out, account)
        elif account.snapshot_age_ms >= 0:
            out.line("flat: nothing is held, nothing works")


def differences(accounts: Iterable[AccountExposure]) -> list[str]:
    """The instruments whose three positions are not the same now, as "account instrument"."""
    return [
        f"{account.account} {instrument.instrument}"
        for account in accounts
        for instrument in account.instruments
        if _disagreement(instrument)
    ]


def _verdict(out: Output, account: AccountExposure) -> None:
    differing = differences([account])
    if account.snapshot_age_ms < 0:
        out.line("nothing was compared: an account that was not read is never taken for flat", style="bold red")
    elif (
        all(set(_problems(instrument)) <= set(_silent(instrument)) for instrument in account.instruments) and differing
    ):
        text = (
            f"venue and ledger agree; {count(len(differing), 'belief')} not said: who holds must say, else only reduces"
        )
        out.line(text, style="bold red")
    elif differing:
        out.line(
            f"{len(differing)} of {len(account.instruments)} differ; a fill in flight explains it for seconds at most",
            style="bold red",
        )
    else:
        out.line("venue, ledger and belief agree", style="green")


def _show_instruments(out: Output, account: AccountExposure) -> None:
    worth = [instrument for instrument in account.instruments if not _is_flat(instrument)]
    if worth:
        out.show_rows(worth, _table)
    flat = len(account.instruments) - len(worth)
    if flat:
        out.line(f"flat in {count(flat, 'more instrument' if worth else 'instrument')}")
    _verdict(out, account)


def _is_flat(instrument: InstrumentExposure) -> bool:
    """Flat by every source, and nothing to tell."""
    said = [instrument.venue_position, instrument.ledger_position]
    for strategy in instrument.strategies:
        said += [strategy.ledger_position, strategy.believed_position or "0"]
    return all(map(is_zero, said)) and not _disagreement(instrument)


def _table(instruments: Iterable[InstrumentExposure]) -> Table:
    result = table(
        "instrument", "", "venue", "ledger", "belief", "belief age", "mark", "value", "",
        right=("venue", "ledger", "belief", "mark", "value"),
    )  # fmt: skip
    for instrument in instruments:
        problem = _disagreement(instrument)
        add_row(
            result,
            Text(instrument.instrument, style="bold"),
            "",
            position(instrument.venue_position),
            position(instrument.ledger_position),
            _believed(instrument.strategies),
            "",
            quantity(instrument.mark, empty="no mark"),
            money(instrument.value if instrument.mark and instrument.venue_position else ""),
            Text(problem, style="bold red") if problem else Text("agrees", style="green"),
        )
        for row in _parts(instrument):
            add_row(result, *row, style="dim")
    return result


def _believed(strategies: Sequence[StrategyExposure]) -> str:
    """The sum of the beliefs; who holds something and has not said makes it open."""
    said = [strategy.believed_position for strategy in strategies if strategy.believed_position]
    silent = any(_must_say(strategy) for strategy in strategies)
    if not said:
        return _NOT_SAID if silent else NONE
    return position(total(said)) + (" + ?" if silent else "")


def _must_say(strategy: StrategyExposure) -> bool:
    return not strategy.believed_position and not is_zero(strategy.ledger_position)


def _disagreement(instrument: InstrumentExposure) -> str:
    """What is not the same, in words; empty when all is."""
    return ", ".join(_problems(instrument))


def _silent(instrument: InstrumentExposure) -> list[str]:
    return [f"{strategy.strategy} HAS NOT SAID" for strategy in instrument.strategies if _must_say(strategy)]


def _problems(instrument: InstrumentExposure) -> list[str]:
    problems = []
    if not instrument.venue_position:
        problems.append("VENUE NOT READ")
    elif differ(instrument.venue_position, instrument.ledger_position):
        problems.append("VENUE ≠ LEDGER")
    if instrument.position_low != instrument.position_high:
        problems.append(f"between {interval(instrument.position_low, instrument.position_high)}")
    problems += [
        f"{strategy.strategy} BELIEVES OTHERWISE"
        for strategy in instrument.strategies
        if strategy.believed_position and differ(strategy.believed_position, strategy.ledger_position)
    ]
    problems += _silent(instrument)
    if instrument.unattributed and not is_zero(instrument.unattributed):
        problems.append(f"{position(instrument.unattributed)} UNATTRIBUTED")
    return problems


def _parts(instrument: InstrumentExposure) -> list[tuple[Cell, ...]]:
    """The strategies' rows, then what was adopted without an owner."""
    rows: list[tuple[Cell, ...]] = [
        (
            "",
            strategy.strategy,
            "",
            position(strategy.ledger_position),
            position(strategy.believed_position, empty=_NOT_SAID),
            milliseconds(strategy.belief_age_ms),
            "",
            "",
            "",
        )
        for strategy in instrument.strategies
    ]
    if instrument.adopted and not is_zero(instrument.adopted):
        rows.append(("", "adopted, no owner", "", position(instrument.adopted), "", "", "", "", ""))
    return rows
