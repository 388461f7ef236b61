"""What is traded: instruments.csv, or instruments.yaml with the same keys below each instrument's name."""

from pathlib import Path

from risksvc.cli.review.csv_table import Mistakes, Row, read_rows
from risksvc.cli.review.file_tables import INSTRUMENTS
from risksvc.cli.review.parts import ListedInstrument
from risksvc.core.types import Instrument, MalformedInputError
from risksvc.gate.config_problems import did_you_mean
from risksvc.gate.yaml_lines import Document, UnreadableError, YamlMapping, read_document

YAML = "instruments.yaml"


def read_instruments(folder: Path, mistakes: Mistakes) -> dict[str, ListedInstrument]:
    """Read whichever of the two is there; both is a mistake."""
    plain, tree = folder / INSTRUMENTS.file, folder / YAML
    if plain.exists() and tree.exists():
        mistakes.add(tree, 0, "", f"is there beside {INSTRUMENTS.file}: keep one of the two")
    found: dict[str, ListedInstrument] = {}
    rows = _yaml_rows(tree, mistakes) if tree.exists() and not plain.exists() else None
    for line, row in rows if rows is not None else (read_rows(plain, INSTRUMENTS, mistakes) if plain.exists() else ()):
        if row["instrument"] in found:
            mistakes.add(plain, line, "instrument", f"{row['instrument']!r} is there twice; keep one")
            continue
        found[row["instrument"]] = _listed(row)
    return found


def _listed(row: Row) -> ListedInstrument:
    instrument = Instrument(
        symbol=row["instrument"],
        kind=row["kind"],
        base=row["base"],
        quote=row["quote"],
        contract_size=row["contract_size"],
        quantity_step=row["quantity_step"],
        price_step=row["price_step"],
    )
    return ListedInstrument(instrument, row["rate"], row["max_net_exposure"])


def _yaml_rows(path: Path, mistakes: Mistakes) -> list[tuple[int, Row]]:
    try:
        document = read_document(path)
    except UnreadableError as error:
        mistakes.add(path, error.problem.line, error.problem.key, error.problem.message)
        return []
    for problem in document.problems:
        mistakes.add(path, problem.line, problem.key, problem.message)
    rows = (_yaml_row(path, document, symbol, mistakes) for symbol in document.root)
    return [row for row in rows if row is not None]


def _yaml_row(path: Path, document: Document, symbol: str, mistakes: Mistakes) -> tuple[int, Row] | None:
    node, line = document.root[symbol], document.line((symbol,))
    if not isinstance(node, YamlMapping):
        mistakes.add(
            path, line, symbol, f"must be a mapping of {', '.join(column.name for column in INSTRUMENTS.columns)}"
        )
        return None
    columns = {column.name: column for column in INSTRUMENTS.columns}
    good = True
    row: Row = {name: column.absent for name, column in columns.items()}
    for key, text in [("instrument", symbol), *node.items()]:
        where = document.line((symbol, key)) if key in node else line
        column = columns.get(key)
        if column is None or not isinstance(text, str):
            problem = f"there is no such key{did_you_mean(key, columns)}" if column is None else "must be plain text"
            mistakes.add(path, where, f"{symbol}.{key}", f"{problem}; allowed: {', '.join(columns)}")
            good = False
            continue
        try:
            row[key] = column.read(text)
        except MalformedInputError as error:
            mistakes.add(path, where, f"{symbol}.{key}", error.problem)
            good = False
    for name, column in columns.items():
        if column.required and name != "instrument" and name not in node:
            mistakes.add(path, line, f"{symbol}.{name}", f"is missing: {column.says}")
            good = False
    return (line, row) if good else None
