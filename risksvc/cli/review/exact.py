"""A review for programs: one JSON document and four CSV files with what was computed, nothing rounded.

Decimals are plain text, as everywhere; a time is ISO 8601 in UTC, to the nanosecond where it has any. Money above zero
is a loss, in the report's currency.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import IO

from risksvc.cli.review.reviewed import Reviewed
from risksvc.cli.review.wording import exact_moment
from risksvc.core.impact.report import CostPieces, ImpactReport
from risksvc.core.types import plain

FORMAT = 1
_TIMES = frozenset({"at", "since", "until", "start", "end", "first", "last", "horizon", "affected_from", "made_at"})
# What is in a CSV file of its own, or too long for a document.
_ELSEWHERE = frozenset({"points", "decision_costs", "cost_over_time"})


def json_text(reviewed: Reviewed) -> str:
    """The document."""
    return json.dumps(document(reviewed), indent=1, ensure_ascii=False) + "\n"


def document(reviewed: Reviewed) -> dict[str, object]:
    """The same as plain values."""
    material, report = reviewed.material, reviewed.report
    due, discovered = reviewed.due_at, reviewed.discovered_at
    return {
        "format": FORMAT,
        "software": reviewed.software,
        "made_at": exact_moment(reviewed.made_at),
        "due_at": None if due is None else exact_moment(due),
        "discovered_at": None if discovered is None else exact_moment(discovered),
        "source": material.source,
        "account": material.account,
        "incident": plain_value(material.incident),
        "timeline": plain_value(material.happenings),
        "halts": plain_value(material.halts),
        "contacts": list(reviewed.contacts),
        "missing": list(material.missing),
        "remarks": list(material.remarks),
        "assumed": plain_value(material.case.assumptions),
        "total": plain(report.total),
        "origin_cost": plain(report.origin_cost),
        "flatten_cost": plain(report.flatten_cost),
        "impact": plain_value(report),
    }


def plain_value(value: object, name: str = "") -> object:
    """Values as JSON has them, by field names."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = (one.name for one in fields(value) if one.name not in _ELSEWHERE)
        found = {field: plain_value(getattr(value, field), field) for field in kept}
        return found | ({"total": plain(value.total)} if isinstance(value, CostPieces) else {})
    if isinstance(value, Mapping):
        return {str(key): plain_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(one, name) for one in value]
    return _single(value, name)


def _single(value: object, name: str) -> object:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Decimal):
        return plain(value)
    if type(value) is int and _is_time(name):
        return exact_moment(value) if value else None
    return value


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith("_at")


# -- CSV ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CsvFile:
    """One file: its columns and its rows."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[ImpactReport], Iterator[Sequence[str]]]


def write_csv(file: IO[str], one: CsvFile, report: ImpactReport) -> None:
    """Write one of them."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(one.columns)
    writer.writerows(one.rows(report))


def _ledgers(report: ImpactReport) -> Iterator[Sequence[str]]:
    for line in report.lines:
        for point in line.points:
            believed = "" if point.believed is None else plain(point.believed)
            names = (_cell(line.strategy), _cell(line.symbol))
            yield exact_moment(point.at), *names, believed, plain(point.actual), plain(point.counterfactual)


def _decisions(report: ImpactReport) -> Iterator[Sequence[str]]:
    for one in report.decision_costs:
        yield (
            _cell(one.decision_id),
            exact_moment(one.at),
            _cell(one.strategy),
            _cell(one.symbol),
            _cell(one.version),
            one.kind.name,
            "" if one.believed is None else plain(one.believed),
            *(plain(value) for value in (one.target, one.order, one.filled, one.would_send, one.would_fill, one.delta)),
            plain(one.mark),
            *_pieces(one.cost),
        )


def _attribution(report: ImpactReport) -> Iterator[Sequence[str]]:
    for by, shares in (
        ("instrument", report.by_instrument),
        ("strategy", report.by_strategy),
        ("version", report.by_version),
        ("decision day", report.by_decision_day),
    ):
        for share in shares:
            yield by, _cell(share.name), str(share.decisions), *_pieces(share.cost)
    for day in report.by_day:
        yield "day", day.day, "", "", "", "", "", plain(day.cost)
    yield "all", "belief cost", "", *_pieces(report.belief_cost)
    yield "all", "origin cost", "", "", "", "", "", plain(report.origin_cost)
    yield "all", "flatten", "", "", "", "", "", plain(report.flatten_cost)
    yield "all", "total", "", "", "", "", "", plain(report.total)


def _costs(report: ImpactReport) -> Iterator[Sequence[str]]:
    return ((exact_moment(point.at), plain(point.cost)) for point in report.cost_over_time)


def _pieces(pieces: CostPieces) -> tuple[str, ...]:
    return tuple(
        plain(value) for value in (pieces.direction, pieces.execution, pieces.fees, pieces.funding, pieces.total)
    )


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_PIECES = ("direction", "execution", "fees", "funding", "cost")
CSV_FILES: Iterable[CsvFile] = (
    CsvFile("ledgers.csv", ("time", "strategy", "instrument", "believed", "actual", "counterfactual"), _ledgers),
    CsvFile(
        "decisions.csv",
        (
            "decision",
            "time",
            "strategy",
            "instrument",
            "version",
            "kind",
            "believed",
            "target",
            "order",
            "filled",
            "would_send",
            "would_fill",
            "delta",
            "mark",
            *_PIECES,
        ),
        _decisions,
    ),
    CsvFile("attribution.csv", ("by", "name", "decisions", *_PIECES), _attribution),
    CsvFile("cost.csv", ("time", "cost"), _costs),
)
