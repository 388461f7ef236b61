"""The journal's segments: the hash chain recomputed by hand, both schemas in a row, reading from a link on."""

import hashlib
import zlib
from pathlib import Path

import pytest

from risksvc.core.types import RiskError
from risksvc.gate.frames import HEADER_SIZE as FRAME_HEADER
from risksvc.gate.journal import Journal, read_journal
from risksvc.gate.segments import (
    HEADER_SIZE,
    JournalCorruptError,
    JournalGapError,
    Link,
    list_segments,
    path_of,
    read_closed,
    stored_link,
)
from tests.unit.gate.old_segments import write_schema_1

PAYLOADS = [b"entry %d" % number for number in range(25)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def fill(folder: Path, payloads: list[bytes], *, per_segment: int = 4) -> list[Link]:
    """Appends; gives what `on_rotate` was told."""
    told: list[Link] = []
    with Journal(folder, segment_entries=per_segment) as journal:
        journal.on_rotate = told.append
        list(journal.recover())
        for payload in payloads:
            journal.append(payload)
    return told


def heads_by_hand(folder: Path, segments: list[list[bytes]]) -> list[bytes]:
    """The rule of `risksvc.gate.chain`, without its code: the head after each segment."""
    head, heads = bytes(32), []
    for number, payloads in enumerate(segments, start=1):
        data = path_of(folder, number).read_bytes()
        header = data[: {1: 32, 2: 64}[data[8]]]
        running = hashlib.sha256(head + header)
        for payload in payloads:
            running.update(len(payload).to_bytes(4, "little") + payload)
        heads.append(head := running.digest())
    return heads


def in_segments(payloads: list[bytes], per_segment: int) -> list[list[bytes]]:
    return [payloads[at : at + per_segment] for at in range(0, len(payloads), per_segment)]


def test_segments_rotate_by_entries_and_tell_it(folder: Path) -> None:
    told = fill(folder, PAYLOADS)
    assert [(link.number, link.entries) for link in told] == [(number + 1, 4 * number) for number in range(1, 7)]
    assert told == [stored_link(path) for path in list_segments(folder)[1:]]


def test_a_listener_that_fails_stops_no_append(folder: Path) -> None:
    def fail(_link: Link) -> None:
        raise RuntimeError("no")

    with Journal(folder, segment_entries=1) as journal:
        journal.on_rotate = fail
        list(journal.recover())
        journal.append(b"a")
        journal.append(b"b")
    assert list(read_journal(folder)) == [b"a", b"b"]


def test_the_chain_is_as_documented(folder: Path) -> None:
    told = fill(folder, PAYLOADS)
    heads = heads_by_hand(folder, in_segments(PAYLOADS, 4))
    assert [link.head for link in told] == heads[:-1]
    with Journal(folder) as journal:
        list(journal.recover())
        head = journal.head
    assert head is not None
    assert (head.entries, head.segment, head.head) == (25, 7, heads[-1])


def test_the_head_moves_with_each_entry_and_survives_a_restart(folder: Path) -> None:
    heads = []
    for payload in PAYLOADS[:6]:
        fill(folder, [payload])
        with Journal(folder) as journal:
            list(journal.recover())
            assert journal.head is not None
            heads.append(journal.head.head)
    assert len(set(heads)) == 6
    assert heads[5] == heads_by_hand(folder, in_segments(PAYLOADS[:6], 4))[-1]


def test_schema_1_goes_on_as_schema_2(folder: Path) -> None:
    write_schema_1(folder, in_segments(PAYLOADS[:10], 4))
    told = fill(folder, PAYLOADS[10:])
    assert list(read_journal(folder)) == PAYLOADS
    versions = [path.read_bytes()[8] for path in list_segments(folder)]
    assert versions == [1, 1, 1, 2, 2, 2, 2]
    heads = heads_by_hand(folder, in_segments(PAYLOADS, 4))
    assert [link.head for link in told] == heads[2:-1], "the old segments are in the chain"


def test_an_old_entry_changed_with_every_checksum_made_to_fit_is_seen_by_the_next_headers_head(folder: Path) -> None:
    write_schema_1(folder, [[b"one"], [b"two"]])
    fill(folder, [b"three", b"four"], per_segment=1)
    number = path_of(folder, 1)
    data = number.read_bytes()
    write_schema_1(folder, [[b"0ne"], [b"two"]])  # also writes a segment 2 that fits
    assert number.read_bytes() != data
    third = bytearray(path_of(folder, 3).read_bytes())
    crc = int.from_bytes(path_of(folder, 2).read_bytes()[40:44], "little")
    third[28:32] = (zlib.crc32(b"two", crc)).to_bytes(4, "little")
    third[64:68] = b"\0\0\0\0"
    third[64:68] = zlib.crc32(third[:64]).to_bytes(4, "little")
    path_of(folder, 3).write_bytes(third)
    with pytest.raises(JournalCorruptError, match="has another hash of what is before it"):
        list(read_journal(folder))


# -- reading from a link on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(6))
def test_recover_since_a_link(folder: Path, at: int) -> None:
    since = fill(folder, PAYLOADS)[at]
    for number in range(1, since.number):
        path_of(folder, number).unlink()
    with Journal(folder) as journal:
        assert list(journal.recover(since=since)) == PAYLOADS[since.entries :]
        assert (journal.report.entries, journal.stats.entries) == (25, 25)
        assert journal.stats.segments == len(list_segments(folder))
        assert journal.stats.bytes == sum(path.stat().st_size for path in list_segments(folder))
        journal.append(b"next")
    with Journal(folder) as journal:
        assert list(journal.recover(since=since))[-1] == b"next"
    assert list(read_journal(folder)) == [*PAYLOADS[since.entries :], b"next"]


@pytest.mark.parametrize(
    "other",
    [{"entries": 11}, {"crc": 1}, {"head": b"x" * 32}],
    ids=["entries", "crc", "head"],
)
def test_recover_since_another_link_is_refused(folder: Path, other: dict[str, int]) -> None:
    since = fill(folder, PAYLOADS)[2]
    values = {"number": since.number, "entries": since.entries, "crc": since.crc, "head": since.head}
    with Journal(folder) as journal, pytest.raises(JournalCorruptError):
        list(journal.recover(since=Link(**(values | other))))  # type: ignore[arg-type]


def test_without_the_early_segments_a_snapshot_is_needed(folder: Path) -> None:
    since = fill(folder, PAYLOADS)[0]
    path_of(folder, 1).unlink()
    with Journal(folder) as journal:
        with pytest.raises(JournalGapError, match="the first segment here is number 2, and no snapshot says what was"):
            list(journal.recover())
        path_of(folder, 2).unlink()
        with pytest.raises(JournalGapError, match="segment 2, which goes on from the snapshot, is missing"):
            list(journal.recover(since=since))


@pytest.mark.parametrize("start", [None, 0, 2])
@pytest.mark.parametrize("end", [2, 5])
def test_read_closed(folder: Path, start: int | None, end: int) -> None:
    told = fill(folder, PAYLOADS)
    since = None if start is None else told[start]
    *payloads, link = read_closed(folder, since=since, before=told[end].number)
    assert link == told[end]
    assert payloads == PAYLOADS[0 if since is None else since.entries : told[end].entries]


def test_read_closed_while_the_gate_writes(folder: Path) -> None:
    with Journal(folder, segment_entries=4) as journal:
        list(journal.recover())
        for payload in PAYLOADS:
            journal.append(payload)
        assert list(read_closed(folder, since=None, before=7))[:-1] == PAYLOADS[:24]


def test_read_closed_refuses_a_torn_or_missing_segment(folder: Path) -> None:
    told = fill(folder, PAYLOADS)
    path = path_of(folder, 3)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(JournalCorruptError, match=f"corrupt at byte {HEADER_SIZE + 3 * (FRAME_HEADER + 7) + 1}"):
        list(read_closed(folder, since=None, before=6))
    path.unlink()
    with pytest.raises(JournalCorruptError, match="segment 4 does not continue"):
        list(read_closed(folder, since=told[0], before=6))
    with pytest.raises(JournalGapError, match="segment 8 is missing"):
        list(read_closed(folder, since=told[2], before=9))


def test_stored_link_of_a_damaged_header(folder: Path) -> None:
    fill(folder, PAYLOADS)
    path = path_of(folder, 2)
    data = path.read_bytes()
    for size in range(HEADER_SIZE):
        path.write_bytes(data[:size])
        with pytest.raises(JournalCorruptError, match="ends inside its header"):
            stored_link(path)
    for at in range(HEADER_SIZE):
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        with pytest.raises(RiskError, match=str(path)):
            stored_link(path)
