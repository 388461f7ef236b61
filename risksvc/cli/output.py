"""Where an answer goes: tables for people, one JSON document for programs. Errors and remarks go to standard error.

In JSON an answer is the protobuf message itself, with the names of the .proto files, every field present, decimals and
64-bit numbers as strings, enumerations by name.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from risksvc.cli.errors import Hint, hint_line
from risksvc.cli.printable import printable

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from rich.console import RenderableType

# What a table gets when nobody watches: lines stay whole for grep.
_PIPE_WIDTH = 240
# Purposes are aligned behind commands of up to this length.
_ALIGNED = 60
# The widest table that is laid out as a whole.
_ROOM = 2_000
# More rows than this take seconds to lay out, and nobody reads them.
MAX_ROWS = 200
# The least that a column of words gets.
_WORDS_WIDTH = 30

# Commands that ask no gate, and so take no address and no token.
_LOCAL = (
    ("limits", "check"),
    ("contacts", "check"),
    ("operator", "token"),
    ("serve",),
    ("venue",),
    ("paper",),
    ("init",),
    ("runbook",),
)
# Of these, the ones that read the settings file.
_PERSONAL = frozenset({"--token-file", "--tls-certificate", "--tls-key"})
_READ_SETTINGS = frozenset({"serve", "venue"})

Cell = str | Text
Row = TypeVar("Row")


class Output:
    """The answer of one command. `repeat`: options that every suggested command needs to reach the same gate."""

    def __init__(self, *, as_json: bool, repeat: Sequence[str] = ()) -> None:
        self.as_json = as_json
        self._repeat = tuple(repeat)
        self._console = Console(highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal:
            self._console = Console(highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH)

    def json(self, document: "Message | Mapping[str, Any] | Sequence[Any]") -> None:
        """Print one document."""
        click.echo(json.dumps(_plain(document), indent=2, ensure_ascii=False))

    def line(self, text: Cell = "", style: str = "") -> None:
        """Print a line; long ones are wrapped by the terminal, never cut."""
        content = text if isinstance(text, Text) else Text(printable(text), style=style)
        self._console.print(content, soft_wrap=True)

    def show(self, renderable: "RenderableType") -> None:
        """Print something laid out. A table wider than the terminal is wrapped by it: nothing is cut off."""
        console = self._console
        width = console.width
        if isinstance(renderable, Table):
            console.width = max(width, _needed_width(console, renderable))
        console.print(renderable)
        console.width = width

    def show_rows(self, rows: Sequence[Row], make: Callable[[Sequence[Row]], Table]) -> None:
        """Print a table of rows; of very many the first, and how many more there are."""
        self.show(make(rows[:MAX_ROWS]))
        if len(rows) > MAX_ROWS:
            self.line(f"... and {len(rows) - MAX_ROWS:,} more; --json has them all", style="bold")

    def heading(self, text: str) -> None:
        """Print the title of what follows."""
        self.line()
        self.line(text, style="bold")

    def command(self, *words: str) -> str:
        """A `risksvc` command, ready to paste, that reaches the gate that this one reached."""
        if any(words[: len(start)] == start for start in _LOCAL):
            return shlex.join(["risksvc", *words, *self._settings_for(words)])
        return shlex.join(["risksvc", *words, *self._options_for(words)])

    def _settings_for(self, words: Sequence[str]) -> Sequence[str]:
        """The settings file, where one was given and the command reads it, too."""
        if words[0] not in _READ_SETTINGS or "--settings" in words or "--settings" not in self._repeat:
            return ()
        at = self._repeat.index("--settings")
        return self._repeat[at : at + 2]

    def _options_for(self, words: Sequence[str]) -> Sequence[str]:
        if "--confirm" not in words and "--role" not in words:
            return self._repeat
        # Another operator types it, with a token and a certificate of their own.
        pairs = zip(self._repeat[::2], self._repeat[1::2], strict=True)
        return [word for option, value in pairs if option not in _PERSONAL for word in (option, value)]

    def next(self, *suggestions: tuple[tuple[str, ...], str]) -> None:
        """Print what to type next: (words of a risksvc command, what for)."""
        self.hints([Hint(self.command(*words), purpose) for words, purpose in suggestions])

    def hints(self, hints: Sequence[Hint]) -> None:
        """Print what to type next, as it stands."""
        if not hints:
            return
        self.heading("Next:")
        width = max((len(hint.command) for hint in hints if len(hint.command) <= _ALIGNED), default=0)
        for hint in hints:
            self.line(hint_line(Hint(hint.command.ljust(width), hint.purpose)))


def table(*columns: str, right: Sequence[str] = (), words: Sequence[str] = ()) -> Table:
    """An empty table. Columns in `right` hold numbers; those in `words`, and the last one, may be broken into lines.

    All others stay whole: half a number, or half an id, is worse than a long line.
    """
    result = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        number = column in right
        breakable = column in words or (column == columns[-1] and not number)
        result.add_column(
            column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=not breakable,
        )
    return result


def _needed_width(console: Console, table: Table) -> int:
    """The width at which everything that must stay whole does, and words can still be read."""
    room = console.options.update(max_width=_ROOM)
    for column in table.columns:
        widest = max(Measurement.get(console, room, cell).maximum for cell in (column.header, *column.cells))
        column.min_width = widest if column.no_wrap else min(widest, _WORDS_WIDTH)
    return Measurement.get(console, room, table).minimum


def add_row(to: Table, *cells: Cell, style: str = "") -> None:
    """Add a row; plain text is made printable and never read as markup."""
    to.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in cells), style=style or None)


def _plain(document: "Message | Mapping[str, Any] | Sequence[Any]") -> object:
    from google.protobuf.message import Message  # noqa: PLC0415 - needed for JSON only

    if isinstance(document, Message):
        return message_dict(document)
    return document


def message_dict(message: "Message") -> dict[str, Any]:
    """A protobuf message as JSON values."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - needed for JSON only

    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
