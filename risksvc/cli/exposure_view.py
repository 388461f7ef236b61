"""Worst-case exposure against its limits, and intended positions against their bands. What is over is red."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import NONE, count, interval, is_zero, money, over, percent, quantity, state_text
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import AccountExposure, InstrumentExposure

# Utilisation from which a row is coloured; the limits file's `warn_at` decides what is told to others.
_WARN_AT = "0.75"
_AT_LIMIT = "1"


def show(out: Output, accounts: Iterable[AccountExposure]) -> None:
    """Print one block per account."""
    shown = list(accounts)
    if not shown:
        out.line("The gate has no such account.", style="red")
    for account in shown:
        out.line()
        out.line(*_headline(account))
        if account.instruments:
            _show_instruments(out, account)
            _bands(out, account.instruments)


def _headline(account: AccountExposure) -> tuple[str, str]:
    """The total, and its colour; without a complete read it is no more than what the gate was told."""
    total = f"{money(account.total)} of {money(account.total_limit)} {account.currency}"
    if account.snapshot_age_ms < 0:
        return (
            f"account {account.account}: NO COMPLETE READ YET, what is held is not known; without it {total}",
            "bold red",
        )
    style = "bold red" if over(account.total, account.total_limit) else "bold"
    return f"account {account.account}: worst case in total {total}", style


def _show_instruments(out: Output, account: AccountExposure) -> None:
    worth = [instrument for instrument in account.instruments if not _is_idle(instrument)]
    if worth:
        out.show_rows(worth, _exposures)
    idle = len(account.instruments) - len(worth)
    if idle:
        out.line(f"nothing held and nothing works in {count(idle, 'more instrument' if worth else 'instrument')}")


def _is_idle(instrument: InstrumentExposure) -> bool:
    quantities = (instrument.position_low, instrument.position_high, instrument.worst_low, instrument.worst_high)
    active = instrument.trading_state == types_pb2.TRADING_STATE_ACTIVE
    return active and is_zero(instrument.exposure) and all(map(is_zero, quantities))


def _exposures(instruments: Iterable[InstrumentExposure]) -> Table:
    result = table(
        "instrument", "state", "worst case", "limit", "used", "position", "worst position", "works to buy",
        "works to sell", "mark",
        right=("worst case", "limit", "used", "works to buy", "works to sell", "mark"),
    )  # fmt: skip
    for instrument in instruments:
        add_row(
            result,
            instrument.instrument,
            state_text(instrument.trading_state),
            money(instrument.exposure),
            money(instrument.limit),
            percent(instrument.utilisation),
            interval(instrument.position_low, instrument.position_high),
            interval(instrument.worst_low, instrument.worst_high),
            quantity(instrument.working_buy),
            quantity(instrument.working_sell),
            quantity(instrument.mark, empty="no mark"),
            style=_style(instrument),
        )
    return result


def _style(instrument: InstrumentExposure) -> str:
    if over(instrument.utilisation, _AT_LIMIT):
        return "bold red"
    return "yellow" if over(instrument.utilisation, _WARN_AT) else ""


def _bands(out: Output, instruments: Iterable[InstrumentExposure]) -> None:
    rows = [
        (instrument, strategy)
        for instrument in instruments
        for strategy in instrument.strategies
        if strategy.intended_low or not is_zero(strategy.ledger_position)
    ]
    if not rows:
        return
    out.line()
    result = table("instrument", "strategy", "holds", "intends", "band", "", right=("holds",))
    for instrument, strategy in rows:
        inside = not (
            over(strategy.ledger_position, strategy.band_high) or over(strategy.band_low, strategy.ledger_position)
        )
        add_row(
            result,
            instrument.instrument,
            strategy.strategy,
            quantity(strategy.ledger_position),
            interval(strategy.intended_low, strategy.intended_high, empty="not said"),
            interval(strategy.band_low, strategy.band_high, empty=NONE),
            Text("") if inside else Text("OUTSIDE ITS BAND: flatten", style="bold red"),
        )
    out.show(result)
