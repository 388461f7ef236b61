"""Divergences as a table: `status` and `reconcile` show the same."""

from collections.abc import Iterable

from rich.table import Table

from risksvc.cli.output import add_row, table
from risksvc.cli.text import NONE, money, position
from risksvc.v1 import operator_pb2


def divergence_table(divergences: Iterable[operator_pb2.Divergence]) -> Table:
    """One row per divergence, both ledgers beside each other; without an instrument: of the account as a whole."""
    result = table(
        "class", "status", "account", "instrument", "strategy", "venue", "ledger", "believed", "worth", "reads", "what",
        right=("venue", "ledger", "believed", "worth", "reads"),
    )  # fmt: skip
    for divergence in divergences:
        add_row(
            result,
            divergence.divergence_class,
            divergence.status,
            divergence.account,
            divergence.instrument or NONE,
            divergence.strategy or NONE,
            position(divergence.venue, empty=NONE),
            position(divergence.ledger, empty=NONE),
            position(divergence.believed, empty=NONE),
            money(divergence.usd),
            str(divergence.reads),
            divergence.message,
            style="red" if divergence.status == "DIVERGED" else "yellow",
        )
    return result
