"""A firm's own records of an incident that happened before it had us: a folder of CSV files, read into parts.

Every mistake of every file is collected before anything is used (`ReviewFilesError`): what can't be read, and what
contradicts another line or another file. Nothing is corrected, nothing is skipped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from risksvc.cli.review import bars, file_tables
from risksvc.cli.review.csv_table import Mistakes, Row, Table, read_rows
from risksvc.cli.review.instrument_files import read_instruments
from risksvc.cli.review.parts import ListedInstrument, PartFill, PartOrder, Parts, PartStatement
from risksvc.core.impact.types import DecisionKind, FundingPoint, StartingPosition
from risksvc.core.types import MILLISECOND, ZERO, Side
from risksvc.core.venue_events import Fill
from risksvc.gate.config_problems import ConfigFileError, did_you_mean
from risksvc.gate.limits_file import load_limits
from risksvc.gate.review.material import Progress

_TELL_EVERY = 100_000


@dataclass(slots=True)
class _Reading:
    """One folder that is being read. `known`: instruments from elsewhere (a venue), which need no file."""

    folder: Path
    tell: Progress
    known: Mapping[str, ListedInstrument]
    parts: Parts = field(default_factory=Parts)
    mistakes: Mistakes = field(default_factory=Mistakes)
    orders: dict[str, Row] = field(default_factory=dict)

    def rows(self, table: Table) -> Iterator[tuple[Path, int, Row]]:
        """Every good row of a file whose instrument is known; a file that is not there has none."""
        path = self.folder / table.file
        if not path.exists():
            return
        for count, (line, row) in enumerate(read_rows(path, table, self.mistakes), 1):
            if count % _TELL_EVERY == 0:
                self.tell(f"{count:,} lines of {path.name} read")
            if self.knows(path, line, row["instrument"]):
                yield path, line, row

    def knows(self, path: Path, line: int, symbol: str) -> bool:
        """True when the instrument is described; a mistake otherwise."""
        if symbol in self.parts.instruments:
            return True
        if self.parts.instruments:  # without any, their own file's mistakes say enough
            names = self.parts.instruments
            message = f"{symbol!r} is not in the instruments' file{did_you_mean(symbol, names)}"
            self.mistakes.add(path, line, "instrument", f"{message}; it has {', '.join(list(names)[:20])}")
        return False


def read_files(
    folder: Path, tell: Progress, *, known: Mapping[str, ListedInstrument] | None = None, venue: bool = False
) -> Parts:
    """Read a folder. `venue`: fills and prices come from elsewhere. Raises ReviewFilesError with every mistake."""
    reading = _Reading(folder, tell, known or {})
    if not folder.is_dir():
        reading.mistakes.add(folder, 0, "", "is no folder; name the one that holds the files")
        reading.mistakes.raise_all()
    _need(reading, venue=venue)
    reading.parts.instruments = dict(reading.known) | read_instruments(folder, reading.mistakes)
    for step in (_limits, _orders, _statements, _fills, _prices, _funding, _positions):
        step(reading)
    reading.mistakes.raise_all()
    return reading.parts


def _need(reading: _Reading, *, venue: bool) -> None:
    present = {path.name for path in reading.folder.iterdir() if path.suffix in (".csv", ".yaml")}
    told = {table.file for table in file_tables.TABLES} | {"instruments.yaml", file_tables.LIMITS}
    for name in sorted(present - told):
        if not name.startswith("prices-"):
            message = f"no such file is read{did_you_mean(name, told)}; read are {', '.join(sorted(told))}"
            reading.mistakes.add(reading.folder / name, 0, "", message)
    if venue:
        return
    has_prices = any(reading.folder.glob("prices-*.csv"))
    for table in file_tables.NEEDED:
        instead = table is file_tables.INSTRUMENTS and "instruments.yaml" in present
        if table.file not in present and not instead and not (table is file_tables.PRICES and has_prices):
            reading.mistakes.add(reading.folder / table.file, 0, "", f"is missing; it holds {table.says}")


def _limits(reading: _Reading) -> None:
    path = reading.folder / file_tables.LIMITS
    if not path.exists():
        return
    try:
        reading.parts.limits = load_limits(path).limits
    except ConfigFileError as error:
        for problem in error.errors:
            reading.mistakes.add(path, problem.line, problem.key, problem.message)


# -- decisions ----------------------------------------------------------------------------------------------------


def _orders(reading: _Reading) -> None:
    seen: dict[str, int] = {}
    for path, line, row in reading.rows(file_tables.ORDERS):
        id_ = row["client_order_id"]
        if id_ in seen:
            message = f"{id_} was used in line {seen[id_]}; every order has its own id"
            reading.mistakes.add(path, line, "client_order_id", message)
            continue
        seen[id_] = line
        reading.orders[id_] = row
        went = row["outcome"] == file_tables.SENT
        reading.parts.orders.append(
            PartOrder(
                at=row["time"],
                strategy=row["strategy"],
                symbol=row["instrument"],
                client_order_id=id_,
                sent=row["quantity"] * row["side"].sign if went else ZERO,
                venue_order_id=row["venue_order_id"],
                belief=row["belief"],
                intent=row["intent"],
                version=row["version"],
                person=row["person"],
            )
        )


def _statements(reading: _Reading) -> None:
    for table, kind in (
        (file_tables.BELIEFS, DecisionKind.BELIEF_REPORT),
        (file_tables.INTENTS, DecisionKind.INTENT_REPORT),
    ):
        for _, _, row in reading.rows(table):
            statement = PartStatement(
                row["time"], row["strategy"], row["instrument"], row["quantity"], kind, row["version"]
            )
            reading.parts.statements.append(statement)


# -- the venue's word ---------------------------------------------------------------------------------------------


def _fills(reading: _Reading) -> None:
    seen: dict[tuple[str, str], tuple[int, Fill]] = {}
    for path, line, row in reading.rows(file_tables.FILLS):
        fill = _fill_of(row, line)
        key = (fill.instrument, fill.trade_id)
        if key in seen:
            first, same = seen[key]
            if same != fill:
                message = f"trade {fill.trade_id} is in line {first} with other values; a trade has one price and size"
                reading.mistakes.add(path, line, "trade_id", message)
            continue
        seen[key] = (line, fill)
        _held_against_its_order(reading, path, line, row)
        flatten = row["kind"] == file_tables.FLATTEN
        reading.parts.fills.append(PartFill(row["time"], fill, row["strategy"], flatten=flatten))


def _held_against_its_order(reading: _Reading, path: Path, line: int, row: Row) -> None:
    """A fill that names an order is of its strategy, instrument and side."""
    order = reading.orders.get(row["client_order_id"])
    if order is None:
        return
    for column in ("strategy", "instrument", "side"):
        said, wanted = row[column], order[column]
        if said and said != wanted:
            shown = wanted.value.lower() if isinstance(wanted, Side) else wanted
            message = f"orders.csv says of {row['client_order_id']}: {shown}; a fill is what its order is"
            reading.mistakes.add(path, line, column, message)


def _fill_of(row: Row, line: int) -> Fill:
    return Fill(
        instrument=row["instrument"],
        trade_id=row["trade_id"] or f"line-{line}",
        side=row["side"],
        quantity=row["quantity"],
        price=row["price"],
        venue_time_ms=row["time"] // MILLISECOND,
        venue_order_id=row["venue_order_id"],
        client_order_id=row["client_order_id"],
        fee=row["fee"],
        fee_currency=row["fee_currency"],
        kind=file_tables.FILL_KINDS[row["kind"]],
    )


def _prices(reading: _Reading) -> None:
    paths = [reading.folder / file_tables.PRICES.file, *sorted(reading.folder.glob("prices-*.csv"))]
    only = next(iter(reading.parts.instruments)) if len(reading.parts.instruments) == 1 else ""
    found: dict[str, list[bars.PriceLine]] = {}
    for path in (path for path in paths if path.exists()):
        for line, row in read_rows(path, file_tables.PRICES, reading.mistakes):
            symbol = row["instrument"] or only
            if not symbol:
                reading.mistakes.add(path, line, "instrument", "is empty; needed where there are several instruments")
            elif reading.knows(path, line, symbol):
                price = bars.price_line(path, line, row, reading.mistakes)
                if price is not None:
                    found.setdefault(symbol, []).append(price)
    reading.parts.marks = {symbol: bars.marks_of(lines) for symbol, lines in found.items()}


def _funding(reading: _Reading) -> None:
    for path, line, row in reading.rows(file_tables.FUNDING):
        if (row["rate"] is None) == (row["payment"] is None):
            reading.mistakes.add(path, line, "rate", "give exactly one of rate and payment")
            continue
        point = FundingPoint(row["time"], row["instrument"], rate=row["rate"], payment=row["payment"])
        reading.parts.funding.append(point)


def _positions(reading: _Reading) -> None:
    seen: dict[tuple[str, str], int] = {}
    for path, line, row in reading.rows(file_tables.POSITIONS):
        key = (row["strategy"], row["instrument"])
        if key in seen:
            message = f"the same strategy and instrument are in line {seen[key]}; keep one"
            reading.mistakes.add(path, line, "instrument", message)
            continue
        seen[key] = line
        start = StartingPosition(row["instrument"], row["strategy"], row["actual"], row["believed"])
        reading.parts.starting.append(start)
