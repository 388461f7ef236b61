"""Where the anchors of a journal come from: the gate's collected standard output, and the kill switch's store."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.core.types import RiskError
from risksvc.gate.anchors import ANCHOR_EVENT, Anchor, AnchorError, read_anchor
from risksvc.gate.gate_id_file import read_gate_id
from risksvc.gate.kill_switch.anchors import read_anchors
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreError
from risksvc.gate.store_place import store_address

if TYPE_CHECKING:
    from risksvc.gate.kill_switch.address import StoreAddress
    from risksvc.gate.settings import Settings

_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class AnchorSources:
    """What the command was told. `since`: nanoseconds, 0: any time."""

    folder: Path
    settings: "Settings | None"
    file: Path | None
    redis_url: str | None
    gate: str
    since: int


@dataclass(slots=True)
class Anchors:
    """What was found. `remarks`: what could not be read, in words; `sources`: where was looked.

    `unread`: the store was to be asked for anchors and did not give them.
    """

    found: list[Anchor] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unread: bool = False


def collect_anchors(sources: AnchorSources) -> Anchors:
    """Every anchor of the journal's gate, from wherever was said."""
    result, found = Anchors(), []
    if sources.file is not None:
        found += _of_file(sources.file, result)
    address = _address(sources)
    if address is not None:
        found += _of_store(address, result, must=sources.redis_url is not None)
    wanted = _gate(sources, {anchor.gate_id for anchor in found})
    result.found = [one for one in found if one.gate_id == wanted and one.at_ms * _MILLISECOND >= sources.since]
    return result


def _gate(sources: AnchorSources, gates: set[str]) -> str:
    """Whose journal it is: as said, as the settings or the file beside the journal say, the only one there is."""
    if sources.gate:
        return sources.gate
    if sources.settings is not None and sources.settings.gate_id is not None:
        return sources.settings.gate_id
    beside = read_gate_id(sources.folder.absolute().parent)
    if beside is not None:
        return beside
    if len(gates) > 1:
        raise click.UsageError(f"anchors of several gates: say whose journal it is, --gate {' | '.join(sorted(gates))}")
    return next(iter(gates), "")


# -- collected standard output ------------------------------------------------------------------------------------


def _of_file(path: Path, result: Anchors) -> list[Anchor]:
    result.sources.append("standard input" if str(path) == "-" else str(path))
    try:
        with click.open_file(str(path), encoding="utf-8", errors="replace") as lines:
            return list(anchors_of_lines(lines, result.remarks))
    except OSError as error:
        raise CliError(f"{path}: {error.strerror}", code=ExitCode.USAGE) from error


def anchors_of_lines(lines: Iterable[str], remarks: list[str]) -> Iterator[Anchor]:
    """The anchors among lines of any kind; a collector may have put its own words before the JSON."""
    for number, line in enumerate(lines, start=1):
        start = line.find("{")
        if start < 0 or ANCHOR_EVENT not in line:
            continue
        try:
            fields, _ = json.JSONDecoder().raw_decode(line[start:])
            if isinstance(fields, dict) and fields.get("event") == ANCHOR_EVENT:
                yield read_anchor(fields)
        except (ValueError, AnchorError) as error:
            remarks.append(f"line {number} looks like an anchor and is none: {error}")


# -- the store ----------------------------------------------------------------------------------------------------


def _address(sources: AnchorSources) -> "str | StoreAddress | None":
    if sources.redis_url is not None:
        return sources.redis_url
    return None if sources.settings is None else store_address(sources.settings, None)


def _of_store(address: "str | StoreAddress", result: Anchors, *, must: bool) -> list[Anchor]:
    try:
        where, rows = asyncio.run(_read_store(address))
    except RiskError as error:
        if must or not isinstance(error, StoreError):
            raise CliError(str(error), code=ExitCode.UNDECIDED if must else ExitCode.USAGE) from error
        result.unread = True
        result.remarks.append(f"the store's anchors can't be read, so they were not compared: {error}")
        return []
    result.sources.append(where)
    found = []
    for row in rows:
        try:
            found.append(read_anchor(row))
        except AnchorError as error:
            result.remarks.append(f"{where}: {error}")
    return found


async def _read_store(address: "str | StoreAddress") -> tuple[str, list[dict[str, str]]]:
    store = KillSwitchStore(address)
    try:
        return store.address, await read_anchors(store)
    finally:
        await store.close()
