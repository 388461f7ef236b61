"""What the demo prints and remembers: acts, things that happened, checks, figures."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

import risksvc

_PIPE_WIDTH = 130
_COLOURS = {"strategy": "cyan", "gate": "green", "operator": "yellow", "venue": "magenta", "rogue": "red"}


class CheckFailedError(Exception):
    """Something was not as it should be; the demo ends there."""


class Timeline:
    """Prints as it goes, and keeps everything for the report. `what` is played: the demo, or the drill."""

    def __init__(self, what: str = "demo") -> None:
        self._what = what
        self._console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
        self._began = time.monotonic()
        self._act = ""
        self._checks: list[dict[str, object]] = []
        self._figures: dict[str, object] = {}
        self._error = ""

    def act(self, number: int, title: str) -> None:
        """A new act begins."""
        self._act = f"{number}. {title}"
        self._console.print()
        self._console.rule(f"[bold]Act {number}[/bold]  {title}", align="left")

    def say(self, who: str, what: str) -> None:
        """Something happened."""
        elapsed = f"{time.monotonic() - self._began:6.1f} s"
        line = Text.assemble((elapsed, "dim"), "  ", (f"{who:<9}", _COLOURS.get(who, "white")), " ", what)
        self._console.print(line)

    def check(self, what: str, *, holds: bool, observed: object = "") -> None:
        """Checks something; ends the demo when it does not hold."""
        seen = f"  ({observed})" if observed != "" else ""
        self._checks.append({"act": self._act, "check": what, "holds": holds, "observed": str(observed)})
        mark = ("ok  ", "bold green") if holds else ("FAIL", "bold red")
        self._console.print(Text.assemble(" " * 10, mark, " ", what, (seen, "dim")))
        if not holds:
            raise CheckFailedError(f"{what}{seen}")

    def figure(self, name: str, value: object, *, text: str) -> None:
        """A number that was measured."""
        self._figures[name] = value
        self._console.print(Text.assemble(" " * 10, ("==   ", "bold blue"), (text, "bold")))

    def table(self, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """Rows side by side."""
        table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
        for index, column in enumerate(columns):
            table.add_column(column, justify="left" if index == 0 else "right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def failed(self, error: str) -> None:
        """The demo could not go on."""
        self._error = error
        self._console.print(Text(f"the {self._what} ends here: {error}", style="bold red"))

    def finish(self, report: Path) -> int:
        """Writes the report; 0 when every check held."""
        held = sum(bool(check["holds"]) for check in self._checks)
        good = held == len(self._checks) and not self._error
        elapsed = round(time.monotonic() - self._began, 1)
        content = {
            "version": risksvc.__version__,
            "passed": good,
            "error": self._error,
            "elapsed_s": elapsed,
            "figures": self._figures,
            "checks": self._checks,
        }
        report.write_text(json.dumps(content, indent=2) + "\n")
        self._console.print()
        verdict = Text(f"{self._what} {'passed' if good else 'FAILED'}", style="bold green" if good else "bold red")
        verdict.append(
            f": {held} of {len(self._checks)} checks held in {elapsed} s; report in {report}", style="not bold"
        )
        self._console.print(verdict, soft_wrap=True)
        return 0 if good else 1
