"""Why an order was denied, as a table: `check-reducing` and `expect` show the same."""

from collections.abc import Iterable

from rich.table import Table

from risksvc.cli.output import add_row, table
from risksvc.cli.text import NONE, quantity, reason_names
from risksvc.v1 import types_pb2


def denial_table(denials: Iterable[types_pb2.Denial]) -> Table:
    """One row per rule that the order breaks, in order of precedence."""
    result = table("rule", "limit", "observed", "why, and what to do", right=("limit", "observed"))
    for denial in denials:
        limit, observed = quantity(denial.limit, empty=NONE), quantity(denial.observed, empty=NONE)
        add_row(result, reason_names([denial.reason]), limit, observed, denial.message)
    return result
