"""Halts in force, as a table: `status` and `resume --all` show the same."""

from collections.abc import Iterable

from rich.table import Table

from risksvc.cli.output import add_row, table
from risksvc.cli.text import duration, scope_words, severity_word, state_text
from risksvc.v1 import types_pb2


def halt_table(halts: Iterable[types_pb2.ActiveHalt], *, now_ns: int) -> Table:
    """One row per halt, as the gate orders them."""
    result = table("halt id", "state", "what", "severity", "trigger", "by", "age", "reason")
    for halt in halts:
        add_row(
            result,
            halt.halt_id,
            state_text(halt.state),
            scope_words(halt.scope),
            severity_word(halt.severity),
            halt.trigger,
            halt.by,
            duration(now_ns - halt.at_ns),
            halt.reason,
        )
    return result
