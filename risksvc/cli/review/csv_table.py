"""One CSV file against its table of columns: every row that can be read, and every mistake in all the others.

A mistake has file, line, column, and what is allowed; reading goes on after it, so that all are told at once. A file
with a mistake is never used: the caller raises what was collected. Values are read by `cells`, never guessed.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risksvc.core.types import MalformedInputError
from risksvc.gate.config_problems import ConfigFileError, FileProblem, did_you_mean, ordered, shown

MAX_ROWS = 20_000_000
_ENOUGH = 1_000  # mistakes in one file: it is another file altogether

Row = dict[str, Any]  # by column; typed by the table


class ReviewFilesError(ConfigFileError):
    """Files that can't be reviewed: every mistake of all of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `says`: what it means; `also`: other names that it goes by; `absent`: what an empty cell means."""

    name: str
    read: Callable[[str], object]
    says: str
    required: bool = False
    also: tuple[str, ...] = ()
    absent: object = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a header may use."""
        return (self.name, *self.also)


@dataclass(frozen=True, slots=True)
class Table:
    """What a file may hold. `ignored`: columns that may stand there and are not read."""

    file: str
    says: str
    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()


class Mistakes:
    """Everything that is wrong with the files so far."""

    def __init__(self) -> None:
        self._found: dict[str, list[FileProblem]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, path: Path, line: int, column: str, message: str) -> None:
        """Note one. `line` 0: the file as a whole."""
        self._found.setdefault(str(path), []).append(FileProblem(str(path), line, column, message))

    def many(self, path: Path) -> bool:
        """True when one file has so many that reading on tells nothing."""
        return len(self._found.get(str(path), ())) >= _ENOUGH

    def raise_all(self) -> None:
        """Raise ReviewFilesError if there is anything to tell."""
        if self._found:
            each = (ordered(problems, file=Path(file)) for file, problems in self._found.items())
            raise ReviewFilesError(tuple(problem for problems in each for problem in problems))


def read_rows(path: Path, table: Table, mistakes: Mistakes) -> Iterator[tuple[int, Row]]:
    """Yield line and values of every good row; what is wrong goes to `mistakes`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, csv.reader(file, strict=True), table, mistakes)
    except UnicodeDecodeError as error:
        mistakes.add(path, 0, "", f"is not UTF-8 text (byte 0x{error.object[error.start]:02x}); save it as UTF-8")
    except OSError as error:
        mistakes.add(path, 0, "", f"can't be read: {error.strerror}")


def _rows(path: Path, reader: Any, table: Table, mistakes: Mistakes) -> Iterator[tuple[int, Row]]:  # noqa: ANN401 - csv's
    try:
        header = next(reader, None)
        if header is None:
            mistakes.add(path, 0, "", f"is empty; the first line names the columns: {_expected(table)}")
            return
        places = _places(path, header, table, mistakes)
        if places is None:
            return
        width, absent = len(header), {column.name: column.absent for column in table.columns}
        for cells in reader:
            if cells and (row := _row(path, reader.line_num, cells, places, width, mistakes)) is not None:
                yield reader.line_num, absent | row
            if reader.line_num > MAX_ROWS or mistakes.many(path):
                mistakes.add(path, reader.line_num, "", "reading stops here")
                return
    except csv.Error as error:
        mistakes.add(path, reader.line_num, "", f"is not CSV: {error}")


Places = Sequence[tuple[int, Column]]


def _places(path: Path, header: Sequence[str], table: Table, mistakes: Mistakes) -> Places | None:
    """Where each column stands; None when the header can't be used."""
    by_name = {name: column for column in table.columns for name in column.names}
    found: dict[str, int] = {}
    good = True
    for place, written in enumerate(header):
        title = written.strip().lower()
        column = by_name.get(title)
        if column is None and title not in table.ignored:
            message = f"there is no such column{did_you_mean(title, by_name)}; allowed: {', '.join(by_name)}"
            mistakes.add(path, 1, shown(written), message)
            good = False
        elif column is not None and column.name in found:
            mistakes.add(path, 1, title, "is there twice; keep one")
            good = False
        elif column is not None:
            found[column.name] = place
    missing = [column for column in table.columns if column.required and column.name not in found]
    for column in missing:
        mistakes.add(path, 1, column.name, f"this column is missing: {column.says}")
    if missing or not good:
        return None
    return [(found[column.name], column) for column in table.columns if column.name in found]


def _row(  # noqa: PLR0917 - one row of a hot loop
    path: Path, line: int, cells: Sequence[str], places: Places, width: int, mistakes: Mistakes
) -> Row | None:
    if len(cells) != width:
        mistakes.add(path, line, "", f"has {len(cells)} cells, the header names {width}")
        return None
    row: Row = {}
    good = True
    for place, column in places:
        text = cells[place].strip()
        if text:
            try:
                row[column.name] = column.read(text)
            except MalformedInputError as error:
                mistakes.add(path, line, column.name, error.problem)
                good = False
        elif column.required:
            mistakes.add(path, line, column.name, f"is empty; needed: {column.says}")
            good = False
    return row if good else None


def _expected(table: Table) -> str:
    return ",".join(column.name for column in table.columns)
