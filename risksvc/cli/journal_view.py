"""A journal on the screen: what verifying it found, and its entries in words."""

import json
from collections import deque
from collections.abc import Collection, Iterable

import click

from risksvc.cli.errors import Hint
from risksvc.cli.journal_anchors import Anchors
from risksvc.cli.journal_entries import PlainEntry, input_words, output_words
from risksvc.cli.output import MAX_ROWS, Output, add_row, table
from risksvc.cli.text import count, moment
from risksvc.core.types import RiskError
from risksvc.gate.journal_check import Finding, Verdict

_MILLISECOND = 1_000_000
_UNREAD = "the anchors asked for could not be read"
# As the gate says it when it refuses the journal (`risksvc.gate.segments`).
WITHOUT_JOURNAL = (
    "move it away and start without a journal: the gate then denies until what the account holds is adopted"
)


def show_verdict(out: Output, verdict: Verdict, anchors: Anchors) -> None:
    """What was looked at, what was found, what nothing vouches for."""
    if out.as_json:
        out.json(_document(verdict, anchors))
        return
    out.line(
        f"{verdict.folder}: {count(verdict.segments, 'file')}, {verdict.size:,} bytes, entries {verdict.first:,} to "
        f"{verdict.last:,}"
    )
    out.line(f"head after entry {verdict.last:,}: {verdict.head.hex() or 'not known'}")
    if anchors.sources:
        out.line(f"{count(len(anchors.found), 'anchor')} from {', '.join(anchors.sources)}; {verdict.fitting:,} fit")
    for remark in anchors.remarks[:MAX_ROWS]:
        out.line(f"note: {remark}", style="yellow")
    for finding in verdict.findings[:MAX_ROWS]:
        out.line(f"FOUND: {_words(finding)}", style="bold red")
    for sentence in _not_covered(verdict, anchors):
        out.line(f"not covered: {sentence}", style="yellow")
    if verdict.good and anchors.unread:
        out.line(f"Nothing was found; but {_UNREAD}.", style="bold yellow")
        return
    if verdict.good:
        out.line("Nothing was found.", style="bold green")
        return
    out.line(f"NOT AS IT WAS WRITTEN: {count(len(verdict.findings), 'finding')}.", style="bold red")
    out.hints(
        [
            Hint("", "Keep this folder as it is, and a copy of it. Do not start a gate on it."),
            Hint(f"risksvc journal export {verdict.folder} --output FILE", "saves everything before the damage"),
            Hint("", f"Restore the folder from a good copy, or {WITHOUT_JOURNAL}."),
        ]
    )


def _words(finding: Finding) -> str:
    return f"{_range(finding)}: {finding.problem}{_where(finding)}"


def _range(finding: Finding) -> str:
    if finding.last == finding.first:
        return f"entry {finding.first:,}"
    end = f"to {finding.last:,}" if finding.last is not None else "and all after it"
    return f"entries {finding.first:,} {end}"


def _where(finding: Finding) -> str:
    return "" if finding.path is None else f" ({finding.path}, byte {finding.offset})"


def _not_covered(verdict: Verdict, anchors: Anchors) -> list[str]:
    told = []
    if verdict.torn:
        told.append(
            f"the end, {verdict.torn}: an entry that a running gate is writing now, or one that a crash cut short; the "
            "next start cuts it and says so"
        )
    if verdict.first > 1:
        told.append(f"entries 1 to {verdict.first - 1:,}: their files are gone (journal.keep, journal.max_size)")
    if not verdict.vouched:
        why = _why_no_anchors(anchors)
        told.append(f"{why}: whoever rewrote the journal and made its checksums fit would not be noticed")
    elif verdict.vouched < verdict.last and verdict.good:
        at = moment(verdict.vouched_at_ms * _MILLISECOND)
        told.append(
            f"entries {verdict.vouched + 1:,} to {verdict.last:,}: they came after the last anchor ({at}), so whoever "
            "rewrote them and made their checksums fit would not be noticed"
        )
    return told


def _why_no_anchors(anchors: Anchors) -> str:
    if anchors.unread:
        return _UNREAD
    return "no anchors of this gate were found" if anchors.sources else "no anchors were given (--anchors, --redis-url)"


def _document(verdict: Verdict, anchors: Anchors) -> dict[str, object]:
    return {
        "folder": str(verdict.folder),
        "good": verdict.good,
        "segments": verdict.segments,
        "first": verdict.first,
        "last": verdict.last,
        "bytes": verdict.size,
        "head": verdict.head.hex(),
        "torn": verdict.torn,
        "findings": [
            {
                "first": finding.first,
                "last": finding.last,
                "problem": finding.problem,
                "file": "" if finding.path is None else str(finding.path),
                "byte": finding.offset,
            }
            for finding in verdict.findings
        ],
        "anchors": {
            "sources": anchors.sources,
            "found": len(anchors.found),
            "fitting": verdict.fitting,
            "too_early": verdict.too_early,
            "vouched_for": verdict.vouched,
            "unread": anchors.unread,
        },
        "not_covered": _not_covered(verdict, anchors),
        "remarks": anchors.remarks,
    }


def show_entries(out: Output, entries: Iterable[PlainEntry]) -> None:
    """A table; of very many the last ones. Those before a damage are shown, then it is raised."""
    kept: deque[PlainEntry] = deque(maxlen=MAX_ROWS)
    number = 0
    try:
        for entry in entries:
            kept.append(entry)
            number += 1
    except (RiskError, OSError):
        if kept:
            _show_kept(out, kept, number)
        raise
    _show_kept(out, kept, number)
    if not number:
        out.line("no such entry")


def _show_kept(out: Output, kept: Collection[PlainEntry], number: int) -> None:
    if number > len(kept):
        out.line(f"the last {len(kept)} of {number:,}; --from and --to choose, --json has them all", style="bold")
    result = table("entry", "time", "type", "input", "outcome", right=("entry",), words=("input", "outcome"))
    for entry in kept:
        add_row(result, f"{entry.seq:,}", entry.time, entry.kind, input_words(entry), output_words(entry))
    out.show(result)


def print_json(entries: Iterable[PlainEntry]) -> None:
    """One array, written as it is read; whole also when reading ends in an error."""
    separator = "[\n"
    try:
        for entry in entries:
            click.echo(separator + json.dumps(entry.document(), ensure_ascii=False), nl=False)
            separator = ",\n"
    finally:
        click.echo("[]" if separator == "[\n" else "\n]")
