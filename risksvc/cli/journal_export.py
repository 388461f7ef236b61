"""A journal as text that other programs read: JSON lines, or CSV for a spreadsheet. One entry at a time in memory."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.journal_entries import PlainEntry, apart, read_entry, reason_name

_COLUMNS = ("account", "strategy", "client_order_id", "instrument", "side", "quantity", "limit_price")
_HEAD = ("seq", "time", "type", *_COLUMNS, "outcome", "reasons", "input", "outputs")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(slots=True)
class Exported:
    """How far it came: entries written, and the number of the last one. `begun`: there is something to write to."""

    number: int = 0
    last: int = 0
    begun: bool = False


def export_entries(payloads: Iterable[bytes], done: Exported, *, form: str, output: Path | None) -> None:
    """Writes all of them, and keeps `done` up to date. `output` None: standard output."""
    with _opened(output) as file:
        done.begun = True
        write = _WRITERS[form](file)
        for payload in payloads:
            entry = read_entry(payload)
            write(entry)
            done.number, done.last = done.number + 1, entry.seq
        file.flush()


def cut_short(error: CliError, done: Exported, output: Path | None) -> CliError:
    """The same error, with how much was written before it."""
    if not done.begun:
        return error
    place = "Standard output" if output is None else str(output)
    entries = "1 entry" if done.number == 1 else f"{done.number:,} entries"
    what = f"{entries}, up to number {done.last:,}: all that comes before it" if done.number else "no entry"
    hints = [Hint("", f"{place} has {what}"), *error.hints]
    return CliError(error.message, code=ExitCode(error.exit_code), hints=hints)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[str]]:
    if output is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise CliError(f"{output} exists, and is not overwritten: name a new file", code=ExitCode.USAGE) from error
    except OSError as error:
        raise CliError(f"{output}: {error.strerror}", code=ExitCode.USAGE) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _jsonl(file: IO[str]) -> Callable[[PlainEntry], None]:
    def write(entry: PlainEntry) -> None:
        file.write(_json(entry.document()) + "\n")

    return write


def _csv(file: IO[str]) -> Callable[[PlainEntry], None]:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(_HEAD)

    def write(entry: PlainEntry) -> None:
        for one in apart(entry):  # a row for each order of a batch
            rows.writerow(_row(one))

    return write


def _row(entry: PlainEntry) -> list[object]:
    about = _about(entry.input)
    outcome, reasons = _outcome(entry)
    document = entry.document()
    named = [_cell(str(about.get(name) or "")) for name in _COLUMNS]
    given, came = _json(entry.input), _json(document["outputs"])
    return [entry.seq, entry.time, entry.kind, *named, outcome, reasons, given, came]


def _about(given: Mapping[str, object]) -> Mapping[str, object]:
    """The order that the input is about, where it is about one; else the input's own fields."""
    order = given.get("order")
    return order if isinstance(order, Mapping) else given


def _outcome(entry: PlainEntry) -> tuple[str, str]:
    for kind, value in entry.outputs:
        if kind == "Decision":
            denials = value.get("denials") or ()
            return ("denied" if denials else "approved"), " ".join(map(reason_name, denials))
    return "", ""


def _cell(text: str) -> str:
    """A spreadsheet takes no cell of ours for a formula; a negative number stays one."""
    number = text.removeprefix("-").replace(".", "", 1).isdigit()
    return f"'{text}" if text.startswith(_FORMULA) and not number else text


_WRITERS: Mapping[str, Callable[[IO[str]], Callable[[PlainEntry], None]]] = {"jsonl": _jsonl, "csv": _csv}
