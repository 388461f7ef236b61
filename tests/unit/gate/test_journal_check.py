"""A journal that was changed: each entry changed, removed, swapped, as a clumsy hand would and with all made to fit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from risksvc.core.types import RiskError
from risksvc.gate.anchors import Anchor, AnchorError, read_anchor
from risksvc.gate.frames import HEADER_SIZE as FRAME_HEADER
from risksvc.gate.journal import Journal
from risksvc.gate.journal_check import Finding, Verdict, check_journal
from risksvc.gate.segments import HEADER_SIZE, list_segments, path_of
from tests.unit.gate.old_segments import write_schema_1

PER_SEGMENT = 4
NUMBER = 11


def entry(number: int, text: str = "") -> bytes:
    return msgspec.msgpack.encode([number, 1_000 + number, "Ticked", {"text": text or f"entry {number}"}, []])


ENTRIES = [entry(number) for number in range(1, NUMBER + 1)]
Change = Callable[[list[bytes], int], list[bytes]]


def write(folder: Path, payloads: list[bytes], *, anchored: tuple[int, ...] = ()) -> list[Anchor]:
    """A journal of these, and anchors after the entries named."""
    anchors = []
    with Journal(folder, segment_entries=PER_SEGMENT) as journal:
        list(journal.recover())
        for payload in payloads:
            journal.append(payload)
            head = journal.head
            assert head is not None
            if head.entries in anchored:
                anchors.append(Anchor("g", head.entries, head.head, head.segment, 1_000 * head.entries))
    return anchors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def anchors(folder: Path) -> list[Anchor]:
    return write(folder, ENTRIES, anchored=(3, 4, 8, 11))


def covers(found: Verdict, number: int) -> bool:
    return any(one.first <= number <= (one.last or 10**9) for one in found.findings)


def test_a_whole_journal(folder: Path, anchors: list[Anchor]) -> None:
    found = check_journal(folder, anchors)
    assert (found.good, found.torn, found.segments, found.first, found.last) == (True, "", 3, 1, 11)
    assert (found.fitting, found.vouched, found.vouched_at_ms, found.too_early) == (4, 11, 11_000, 0)
    assert found.head == anchors[-1].head
    assert check_journal(folder, anchors[:2]).vouched == 4
    assert check_journal(folder).vouched == 0


def test_no_journal_here(tmp_path: Path) -> None:
    with pytest.raises(RiskError, match="no journal here"):
        check_journal(tmp_path)


# -- every entry ----------------------------------------------------------------------------------------------------


def changed(payloads: list[bytes], at: int) -> list[bytes]:
    return [*payloads[:at], entry(at + 1, f"Entry {at + 1}"), *payloads[at + 1 :]]


def removed(payloads: list[bytes], at: int) -> list[bytes]:
    return payloads[:at] + payloads[at + 1 :]


def removed_and_renumbered(payloads: list[bytes], at: int) -> list[bytes]:
    kept = [msgspec.msgpack.decode(payload)[3]["text"] for payload in removed(payloads, at)]
    return [entry(number, text) for number, text in enumerate(kept, start=1)]


def swapped(payloads: list[bytes], at: int) -> list[bytes]:
    other = at + 1 if at + 1 < len(payloads) else at - 1
    result = list(payloads)
    result[at], result[other] = result[other], result[at]
    return result


def swapped_and_renumbered(payloads: list[bytes], at: int) -> list[bytes]:
    texts = [msgspec.msgpack.decode(payload)[3]["text"] for payload in swapped(payloads, at)]
    return [entry(number, text) for number, text in enumerate(texts, start=1)]


def frames_of(path: Path) -> tuple[bytes, list[bytes]]:
    data, frames, at = path.read_bytes(), [], HEADER_SIZE
    while at < len(data):
        size = FRAME_HEADER + int.from_bytes(data[at : at + 4], "little")
        frames.append(data[at : at + size])
        at += size
    return data[:HEADER_SIZE], frames


CHANGES = [changed, removed, removed_and_renumbered, swapped, swapped_and_renumbered]


@pytest.mark.parametrize("at", range(NUMBER))
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_with_every_checksum_and_header_made_to_fit_the_anchors_find_it(
    folder: Path, anchors: list[Anchor], change: Change, at: int
) -> None:
    shutil.rmtree(folder)
    write(folder, change(ENTRIES, at))
    found = check_journal(folder, anchors)
    assert not found.good
    assert covers(found, at + 1) or (change in (swapped, swapped_and_renumbered) and covers(found, at))
    before = max((anchor.seq for anchor in anchors if anchor.seq <= min(at, NUMBER - 2)), default=0)
    assert found.findings[0].first > before, "what an anchor stands for is not under suspicion"


@pytest.mark.parametrize("at", range(NUMBER))
@pytest.mark.parametrize("change", [changed, removed, swapped], ids=lambda change: change.__name__)
def test_as_a_clumsy_hand_would(folder: Path, change: Change, at: int) -> None:
    """Frames moved and bytes changed, nothing made to fit: found without any anchor, but for a last one cut off."""
    path = path_of(folder, at // PER_SEGMENT + 1)
    write(folder, ENTRIES)
    header, frames = frames_of(path)
    inside = at % PER_SEGMENT
    if change is changed:
        frames[inside] = frames[inside].replace(b"entry", b"Entry")
    else:
        frames = change(frames, inside)
    path.write_bytes(header + b"".join(frames))
    found = check_journal(folder)
    if at == NUMBER - 1 and change is not swapped:
        assert found.good, "a journal that ends earlier is whole; or its tail is torn"
        assert bool(found.torn) == (change is changed)
        assert found.last == NUMBER - 1
        return
    assert not found.good
    low = at if change is not swapped or inside + 1 < len(frames) else at - 1
    assert covers(found, low + 1)
    assert found.findings[0].path == path or change is removed


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_segment_removed(folder: Path, anchors: list[Anchor], number: int) -> None:
    path_of(folder, number).unlink()
    found = check_journal(folder, anchors)
    if number == 1:
        assert found.good
        assert (found.first, found.too_early, found.fitting) == (5, 1, 3), "as after retention: told, not found"
        return
    assert not found.good
    assert covers(found, min(4 * number, NUMBER))


def test_an_entry_moved_to_another_segment_with_all_made_to_fit(folder: Path, anchors: list[Anchor]) -> None:
    shutil.rmtree(folder)
    with Journal(folder, segment_entries=PER_SEGMENT + 1) as journal:
        list(journal.recover())
        for payload in ENTRIES:
            journal.append(payload)
    assert not check_journal(folder, anchors).good


# -- every byte -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_i13_every_byte_cut(folder: Path, anchors: list[Anchor], number: int) -> None:
    path = path_of(folder, number)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = check_journal(folder, anchors)
        assert not found.good, size
        if number == 3:
            alone = check_journal(folder)
            assert alone.good, "without an anchor, a cut at the very end is a torn tail, or nothing"
            at_boundary = size >= HEADER_SIZE and sum(map(len, frames_of(path)[1])) + HEADER_SIZE == size
            assert bool(alone.torn) or at_boundary
        else:
            assert not check_journal(folder).good, size


@pytest.mark.parametrize("number", [1, 2, 3])
def test_i13_every_byte_flipped(folder: Path, anchors: list[Anchor], number: int) -> None:
    path = path_of(folder, number)
    whole = path.read_bytes()
    last = len(whole) - len(frames_of(path)[1][-1]) + 8
    for at in range(len(whole)):
        for bit in (1, 128):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            try:
                found = check_journal(folder, anchors)
                alone = check_journal(folder)
            except RiskError as error:
                assert "journal schema" in str(error)  # noqa: PT017 - a schema that nobody knows
                assert 8 <= at < 12
                continue
            assert not found.good, at
            assert alone.torn if number == 3 and at >= last else not alone.good


# -- what it says -------------------------------------------------------------------------------------------------


def test_the_range_lies_between_two_anchors(folder: Path, anchors: list[Anchor]) -> None:
    shutil.rmtree(folder)
    write(folder, changed(ENTRIES, 5))
    found = check_journal(folder, anchors)
    assert [(one.first, one.last) for one in found.findings] == [(5, 8)]
    assert "(anchor at entry 8, and 1 more)" in found.findings[0].problem
    assert (found.fitting, found.vouched) == (2, 4)


def test_what_nothing_vouches_for_is_not_found(folder: Path, anchors: list[Anchor]) -> None:
    shutil.rmtree(folder)
    write(folder, changed(ENTRIES, 9))
    found = check_journal(folder, anchors[:3])
    assert found.good
    assert (found.vouched, found.last) == (8, 11), "and the verdict says so"


def test_entries_that_were_anchored_and_are_gone(folder: Path, anchors: list[Anchor]) -> None:
    shutil.rmtree(folder)
    write(folder, ENTRIES[:9])
    [finding] = check_journal(folder, anchors).findings
    assert (finding.first, finding.last) == (9, 11), "nothing vouches for entry 9 either"
    assert "entries that were anchored are not here: the journal ends at entry 9" in finding.problem


def test_it_goes_on_after_a_damaged_segment(folder: Path, anchors: list[Anchor]) -> None:
    path = path_of(folder, 2)
    data = bytearray(path.read_bytes())
    data[HEADER_SIZE + FRAME_HEADER + 3] ^= 1
    path.write_bytes(data)
    found = check_journal(folder, [anchors[-1]])
    assert [(one.first, one.last, one.path, one.offset) for one in found.findings] == [(5, 8, path, HEADER_SIZE)]
    assert (found.last, found.fitting) == (11, 1), "the last segment goes on from the head that its header says"


def test_after_retention(folder: Path, anchors: list[Anchor]) -> None:
    for number in (1, 2):
        path_of(folder, number).unlink()
    found = check_journal(folder, anchors)
    assert (found.good, found.first, found.last) == (True, 9, 11)
    assert (found.too_early, found.fitting, found.vouched) == (2, 2, 11), "one fits the first header itself"


def test_old_segments_alone_give_no_head_after_retention(folder: Path) -> None:
    write_schema_1(folder, [ENTRIES[:4], ENTRIES[4:8]])
    with Journal(folder, segment_entries=4) as journal:
        list(journal.recover())
        for payload in ENTRIES[8:]:
            journal.append(payload)
        head = journal.head
    assert head is not None
    anchors = [Anchor("g", 6, b"?" * 32, 2, 0), Anchor("g", 11, head.head, 3, 0)]
    assert not check_journal(folder, anchors).good
    path_of(folder, 1).unlink()
    found = check_journal(folder, anchors)
    assert (found.good, found.first, found.fitting) == (True, 5, 1), "nobody can say the head after entry 6 any more"


def test_a_segment_that_was_just_begun(folder: Path, anchors: list[Anchor]) -> None:
    path = path_of(folder, 3)
    path.write_bytes(path.read_bytes()[:HEADER_SIZE])
    found = check_journal(folder, anchors[:3])
    assert (found.good, found.last, found.head) == (True, 8, anchors[2].head)
    with Journal(folder) as journal:
        list(journal.recover())
        head = journal.head
    assert head is not None
    assert (head.entries, head.head) == (8, anchors[2].head), "the head stands for entries, not for files"


def test_beside_a_gate_that_writes(folder: Path) -> None:
    with Journal(folder, segment_entries=PER_SEGMENT) as journal:
        list(journal.recover())
        for payload in ENTRIES:
            journal.append(payload)
            assert check_journal(folder).good
    assert len(list_segments(folder)) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"gate": "g", "seq": "x", "head": "00" * 32, "segment": "1", "at_ms": "1"},
        {"gate": "g", "seq": "1", "head": "00" * 31, "segment": "1", "at_ms": "1"},
        {"gate": "g", "seq": "0", "head": "00" * 32, "segment": "1", "at_ms": "1"},
        {"gate": "g", "seq": "1", "head": "zz", "segment": "1", "at_ms": "1"},
    ],
)
def test_what_is_no_anchor(fields: dict[str, str]) -> None:
    with pytest.raises(AnchorError, match="not an anchor"):
        read_anchor(fields)


def test_an_anchor_comes_back(anchors: list[Anchor]) -> None:
    assert [read_anchor(anchor.fields()) for anchor in anchors] == anchors


def test_findings_are_plain() -> None:
    assert Finding("x", 1, None) == Finding("x", 1, None, None, 0)
