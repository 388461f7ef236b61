"""What is wrong with a journal folder, as far as it and its anchors can show: read only, beside a running gate.

Checksums find accidents. Whoever changes a journal on purpose makes its checksums and heads fit again; that is found by
anchors only: heads that were told elsewhere at the time. Rule 1: goes on after a finding, so that every file is looked
at. Rule 2: says which entries a finding is about, and which entries nothing vouches for. Rule 3: an entry's own number
must be its place. Never repairs anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from risksvc.core.types import RiskError
from risksvc.gate.anchors import Anchor
from risksvc.gate.chain import UNKNOWN, Chain
from risksvc.gate.segments import (
    JournalCorruptError,
    Link,
    SegmentEnd,
    chain_of,
    list_segments,
    number_of,
    read_segment,
    stored_link,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, somewhere in the entries `first` to `last` (None: not known how far)."""

    problem: str
    first: int
    last: int | None
    path: Path | None = None
    offset: int = 0


@dataclass(slots=True)
class Verdict:
    """What a look at a folder gave. Entries count from 1; `first` > 1: earlier segments are gone (retention).

    `torn`: how the last segment ends, where it ends in the middle of an entry. `vouched`: the last entry that a fitting
    anchor stands for, 0: none. `fitting`, `too_early`: how many anchors fit, and are about entries that are gone.
    """

    folder: Path
    segments: int = 0
    first: int = 1
    last: int = 0
    size: int = 0
    head: bytes = UNKNOWN
    torn: str = ""
    findings: list[Finding] = field(default_factory=list)
    fitting: int = 0
    too_early: int = 0
    vouched: int = 0
    vouched_at_ms: int = 0

    @property
    def good(self) -> bool:
        """Nothing was found."""
        return not self.findings


def check_journal(folder: Path, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Looks at everything. `anchors`: of this journal's gate only. Raises RiskError where there is no journal here."""
    paths = list_segments(folder)
    if not paths:
        raise RiskError(f"{folder}: no journal here (no file journal-00000001.rsj); name the journal's folder")
    return _Check(Verdict(folder, segments=len(paths)), anchors).run(paths)


class _Check:
    def __init__(self, verdict: Verdict, anchors: Iterable[Anchor]) -> None:
        self._verdict = verdict
        self._anchors = sorted(dict.fromkeys(anchors), key=lambda anchor: anchor.seq)
        self._next = 0  # the first anchor that was not compared yet
        self._misfit: Anchor | None = None
        self._misfits = 0
        self._entries = 0
        self._chain: Chain | None = None  # of the segment being read, once an entry of it was
        self._base = UNKNOWN  # the head before that

    def run(self, paths: list[Path]) -> Verdict:
        verdict, link = self._verdict, self._beginning(paths[0])
        verdict.first = link.entries + 1
        verdict.too_early = sum(anchor.seq < link.entries for anchor in self._anchors)
        self._next = verdict.too_early
        self._entries, self._base = link.entries, link.head
        self._compare(link.head)
        for path in paths:
            verdict.size += path.stat().st_size
            link = self._segment(path, link, last=path is paths[-1])
        verdict.last, verdict.head = self._entries, self._head()
        self._judge_anchors()
        verdict.findings.sort(key=lambda finding: finding.first)
        return verdict

    def _beginning(self, path: Path) -> Link:
        """What the first segment continues: nothing, or segments that are gone."""
        if number_of(path) == 1:
            return Link()
        try:
            return stored_link(path)
        except JournalCorruptError:
            return Link(number_of(path), head=UNKNOWN)  # told when the segment is read

    def _head(self) -> bytes:
        return self._base if self._chain is None else self._chain.head()

    # -- segments ------------------------------------------------------------------------------------------------

    def _segment(self, path: Path, link: Link, *, last: bool) -> Link:
        """Reads one; gives how the next one must begin."""
        before = self._entries
        try:
            return self._read(path, link, last=last)
        except JournalCorruptError as error:
            self._found(error, after=self._entries)
            begun = self._entries > before
        other = None if begun or self._continues(path, link) else self._stored(path)
        if other is not None:
            # It goes on from something else than what is there: what it holds is looked at all the same.
            self._entries, self._base = other.entries, other.head
            try:
                return self._read(path, other, last=last)
            except JournalCorruptError as error:
                self._found(error, after=self._entries)
        return self._resume(path)

    def _read(self, path: Path, link: Link, *, last: bool) -> Link:
        after, chain = link, None
        for found in read_segment(path, link, last=last):
            if isinstance(found, SegmentEnd):
                after = found.next if chain is not None else link
                if found.torn:
                    self._verdict.torn = f"{path}: {found.problem} ({found.torn_bytes} bytes)"
                continue
            if chain is None:
                chain = self._chain = chain_of(path, link)
            self._entries += 1
            chain.add(found)
            self._number(path, found)
            if self._next < len(self._anchors) and self._anchors[self._next].seq <= self._entries:
                self._compare(chain.head())
        return after

    def _resume(self, path: Path) -> Link:
        """How the segment after a damaged one begins, by its own word."""
        following = path.with_name(f"journal-{number_of(path) + 1:08d}.rsj")
        link = self._stored(following) if following.exists() else None
        if link is None:
            return Link(number_of(path) + 1, self._entries, head=UNKNOWN)
        self._entries, self._base, self._chain = link.entries, link.head, None
        return link

    @staticmethod
    def _continues(path: Path, link: Link) -> bool:
        try:
            chain_of(path, link)
        except JournalCorruptError:
            return False
        return True

    @staticmethod
    def _stored(path: Path) -> Link | None:
        try:
            return stored_link(path)
        except JournalCorruptError:
            return None

    def _found(self, error: JournalCorruptError, *, after: int) -> None:
        following = error.path.with_name(f"journal-{number_of(error.path) + 1:08d}.rsj")
        link = self._stored(following) if following.exists() else None
        last = link.entries if link is not None and link.entries > after else None
        finding = Finding(error.problem, after + 1, last, error.path, error.offset)
        self._verdict.findings.append(finding)

    def _number(self, path: Path, payload: bytes) -> None:
        says = entry_number(payload)
        if says != self._entries:
            what = "can't be read" if says is None else f"says that it is number {says}"
            problem = f"entry {self._entries} {what}: something was removed, added or reordered"
            self._verdict.findings.append(Finding(problem, self._entries, self._entries, path))

    # -- anchors -------------------------------------------------------------------------------------------------

    def _waiting(self) -> Iterator[Anchor]:
        while self._next < len(self._anchors) and self._anchors[self._next].seq <= self._entries:
            yield self._anchors[self._next]
            self._next += 1

    def _compare(self, head: bytes) -> None:
        for anchor in self._waiting():
            if anchor.seq == self._entries and anchor.head == head:
                self._fits(anchor)
            elif anchor.seq < self._entries or head != UNKNOWN:
                self._misfits += 1
                self._misfit = self._misfit or anchor

    def _fits(self, anchor: Anchor) -> None:
        verdict = self._verdict
        verdict.fitting += 1
        if self._misfit is not None:
            self._tell_misfit()
        verdict.vouched, verdict.vouched_at_ms = anchor.seq, anchor.at_ms

    def _tell_misfit(self) -> None:
        anchor, number = self._misfit, self._misfits
        assert anchor is not None  # noqa: S101 - the callers look
        more = f", and {number - 1} more" if number > 1 else ""
        problem = f"the entries do not give the hash that was told at the time (anchor at entry {anchor.seq}{more})"
        first = max(self._verdict.vouched + 1, self._verdict.first)
        self._verdict.findings.append(Finding(problem, first, anchor.seq))
        self._misfit, self._misfits = None, 0

    def _judge_anchors(self) -> None:
        if self._misfit is not None:
            self._tell_misfit()
        beyond = self._anchors[self._next :]
        if beyond:
            problem = (
                f"entries that were anchored are not here: the journal ends at entry {self._entries}, and "
                f"{len(beyond)} anchors stand for entries up to {beyond[-1].seq}. They were removed, or a power "
                "failure took them (journal.durability: process does not survive one)"
            )
            # Something before the end may be what is missing, all after it renumbered.
            first = max(self._verdict.vouched + 1, self._verdict.first)
            self._verdict.findings.append(Finding(problem, min(first, self._entries + 1), beyond[-1].seq))


def entry_number(payload: bytes) -> int | None:
    """The number that an entry gives itself, whatever else is in it; None where it can't be read."""
    try:
        parts = _PARTS.decode(payload)
        return _NUMBER.decode(parts[0]) if len(parts) >= ENTRY_PARTS else None
    except msgspec.MsgspecError:
        return None


ENTRY_PARTS = 5  # as `risksvc.gate.codec` writes them
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])
_NUMBER = msgspec.msgpack.Decoder(int)
