"""Many instruments on one page: a row for each in place of a block."""

from collections.abc import Sequence

from rich.table import Table

from risksvc.cli.assess_words import believed_otherwise, cost, distance, share, signed, tenths, worth
from risksvc.cli.output import add_row, table
from risksvc.cli.text import NONE, UNKNOWN, is_zero, milliseconds, money, over, position, quantity
from risksvc.v1.incident_pb2 import InstrumentAssessment


def instruments(rows: Sequence[InstrumentAssessment]) -> Table:
    """Everything about each."""
    columns = (
        "instrument", "quantity", "believed", "average", "worth", "of limit", "of intended", "PnL", "to liquidation",
        "mark", "age", "spread", "within 1 %", "to leave now", "in slices", "closes in",
    )  # fmt: skip
    shown = table(*columns, "", right=columns[1:])
    for one in rows:
        bad = one.outside_band or believed_otherwise(one) or not one.quantity or over(worth(one), one.limit)
        add_row(shown, *_cells(one), style="bold red" if bad else "")
    return shown


def _cells(one: InstrumentAssessment) -> tuple[str, ...]:
    return (
        one.instrument,
        position(one.quantity),
        position(one.believed, empty=NONE),
        quantity(one.entry_price, empty=NONE),
        money(one.value) if one.value else UNKNOWN,
        share(one.utilisation) if one.utilisation else NONE,
        share(one.ratio) if one.ratio else NONE,
        signed(one.unrealised_pnl),
        distance(one.liquidation_distance) if one.liquidation_distance else NONE,
        quantity(one.mark),
        milliseconds(one.mark_age_ms) if one.mark_age_ms >= 0 else UNKNOWN,
        f"{tenths(one.spread_bps)} bp" if one.spread_bps else UNKNOWN,
        quantity(one.depth),
        cost(one.exit_cost_now),
        cost(one.exit_cost_sliced),
        f"{one.minutes_to_close:,} min" if one.HasField("minutes_to_close") else NONE,
        ", ".join(_remarks(one)),
    )


def _remarks(one: InstrumentAssessment) -> list[str]:
    remarks = ["OUTSIDE ITS BAND"] if one.outside_band else []
    if one.beyond_book and not is_zero(one.beyond_book):
        remarks.append(f"the book does not take {quantity(one.beyond_book)} now")
    return [*remarks, *one.problems]
