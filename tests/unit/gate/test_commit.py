"""Durability "power": told only after an fdatasync that began after the entry; one serves many; a failure is final."""

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.gate.journal import Journal, NotDurableError, read_journal
from risksvc.gate.segments import path_of


class Disk:
    """An fdatasync that waits to be let through, and can fail. `synced`: file sizes, as each one began."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.began = threading.Event()
        self.sizes: list[int] = []
        self.error: Exception | None = None

    def sync(self, descriptor: int) -> None:
        self.sizes.append(os.fstat(descriptor).st_size)
        self.began.set()
        assert self.open.wait(30)
        if self.error is not None:
            raise self.error
        os.fdatasync(descriptor)

    def hold(self) -> None:
        self.began.clear()
        self.open.clear()

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.began.wait, 30)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def journal(tmp_path: Path, disk: Disk) -> Iterator[Journal]:
    with Journal(tmp_path / "journal", durability="power", segment_entries=100, sync=disk.sync) as journal:
        list(journal.recover())
        yield journal
        disk.open.set()


async def test_process_is_durable_at_once(tmp_path: Path) -> None:
    def never(_descriptor: int) -> None:
        raise AssertionError("durability process never syncs")

    with Journal(tmp_path / "journal", sync=never) as journal:
        list(journal.recover())
        journal.append(b"x")
        waiting = journal.durable()
        with pytest.raises(StopIteration):
            waiting.send(None)  # not even one turn of the loop


async def test_nobody_is_told_before_their_fdatasync(journal: Journal, disk: Disk) -> None:
    disk.hold()
    journal.append(b"first")
    first = asyncio.create_task(journal.durable())
    await disk.until_begun()
    journal.append(b"second")  # while the first one's fdatasync runs: that one does not count for it
    second = asyncio.create_task(journal.durable())
    await asyncio.sleep(0.02)
    assert not first.done()
    size = disk.sizes[-1]
    disk.open.set()
    await first
    await second
    assert disk.sizes[-1] > size, "another one, which began after the second entry was written"
    assert disk.sizes[-1] == path_of(journal.folder, 1).stat().st_size


async def test_what_is_durable_already_waits_for_nothing(journal: Journal, disk: Disk) -> None:
    journal.append(b"x")
    await journal.durable()
    disk.hold()
    rounds = len(disk.sizes)
    await asyncio.wait_for(journal.durable(), 30)
    assert len(disk.sizes) == rounds


async def test_64_at_once_share_few(journal: Journal, disk: Disk) -> None:
    async def decide(number: int) -> None:
        journal.append(b"%d" % number)
        await journal.durable()

    before = len(disk.sizes)
    disk.hold()
    tasks = [asyncio.create_task(decide(number)) for number in range(64)]
    await disk.until_begun()
    disk.open.set()
    await asyncio.gather(*tasks)
    assert len(disk.sizes) - before <= 3


async def test_a_new_segment_counts_with_the_old_one_and_its_folder(tmp_path: Path, disk: Disk) -> None:
    with Journal(tmp_path / "j", durability="power", segment_entries=3, sync=disk.sync) as journal:
        list(journal.recover())
        for number in range(8):
            journal.append(b"%d" % number)
        disk.sizes.clear()
        await journal.durable()
        assert len(disk.sizes) == 3, "both closed segments and the open one"
        journal.append(b"more")
        disk.sizes.clear()
        await journal.durable()
        assert len(disk.sizes) == 1


async def test_a_failed_fdatasync_is_final(journal: Journal, disk: Disk) -> None:
    disk.error = OSError(errno.EIO, "Input/output error")
    journal.append(b"never told")
    waiting = [asyncio.create_task(journal.durable()) for _ in range(3)]
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, NotDurableError)
        assert "asking again proves nothing" in str(result)
    disk.error = None
    with pytest.raises(NotDurableError, match="an fdatasync failed"):
        await journal.durable()
    with pytest.raises(Exception, match="an fdatasync failed"):
        journal.append(b"nor this")
    assert "an fdatasync failed" in journal.stats.failed
    with pytest.raises(NotDurableError, match="an fdatasync failed"):
        list(journal.recover())


async def test_whatever_goes_wrong_nobody_waits_for_ever(journal: Journal, disk: Disk) -> None:
    disk.error = RuntimeError("a bug")
    journal.append(b"x")
    with pytest.raises(NotDurableError, match="a bug"):
        await asyncio.wait_for(journal.durable(), 30)


async def test_who_gave_up_waiting_harms_nobody(journal: Journal, disk: Disk) -> None:
    disk.hold()
    journal.append(b"x")
    gave_up, waits = asyncio.create_task(journal.durable()), asyncio.create_task(journal.durable())
    await disk.until_begun()
    gave_up.cancel()
    await asyncio.sleep(0)
    disk.open.set()
    await waits
    assert gave_up.cancelled()


async def test_the_next_start_writes_what_it_read_once_more(tmp_path: Path, disk: Disk) -> None:
    folder = tmp_path / "journal"
    with Journal(folder, segment_entries=2) as journal:
        list(journal.recover())
        for number in range(5):
            journal.append(b"%d" % number)
    before = [path_of(folder, number).read_bytes() for number in (1, 2, 3)]
    with Journal(folder, durability="power", segment_entries=2, sync=disk.sync) as journal:
        assert len(list(journal.recover())) == 5
        assert disk.sizes == [len(before[1]), len(before[2])]
    assert [path_of(folder, number).read_bytes() for number in (1, 2, 3)] == before
    disk.error = OSError(errno.EIO, "Input/output error")
    with (
        Journal(folder, durability="power", sync=disk.sync) as journal,
        pytest.raises(NotDurableError, match="what is there can't be made durable"),
    ):
        list(journal.recover())


async def test_it_opens_again_after_a_write_that_failed(tmp_path: Path, disk: Disk) -> None:
    with Journal(tmp_path / "j", durability="power", sync=disk.sync) as journal:
        list(journal.recover())
        journal.append(b"stands")
        with pytest.raises(Exception, match="a frame holds"):
            journal.append(b"")
        assert list(journal.recover()) == [b"stands"]
        journal.append(b"more")
        await journal.durable()
    with pytest.raises(NotDurableError, match="closed"):
        await journal.durable()


async def test_closing_lets_who_waits_finish(tmp_path: Path, disk: Disk) -> None:
    journal = Journal(tmp_path / "j", durability="power", sync=disk.sync)
    list(journal.recover())
    journal.append(b"x")
    waiting = asyncio.create_task(journal.durable())
    await asyncio.sleep(0)
    journal.close()
    await waiting
    assert list(read_journal(tmp_path / "j")) == [b"x"]


WRITER = """
import asyncio, sys
from pathlib import Path
from risksvc.gate.journal import Journal

async def main():
    with Journal(Path(sys.argv[1]), durability="power", segment_entries=50) as journal:
        list(journal.recover())
        for number in range(10**9):
            journal.append(b"%d" % number)
            await journal.durable()
            print(number, flush=True)

asyncio.run(main())
"""


def test_kill_9_keeps_everything_that_was_told(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "j")], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(200)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines()]
    with Journal(tmp_path / "j", durability="power") as journal:
        kept = list(journal.recover())
    assert kept[: len(told)] == [b"%d" % number for number in told]
    assert len(kept) - len(told) <= 1


# -- by a thread that may wait ------------------------------------------------------------------------------------


async def test_who_commits_serves_everybody_who_waits(journal: Journal, disk: Disk) -> None:
    journal.append(b"x")
    disk.hold()
    first = asyncio.create_task(journal.durable())
    await disk.until_begun()
    journal.append(b"y")
    second = asyncio.create_task(journal.durable())
    committed = asyncio.create_task(asyncio.to_thread(journal.commit))
    await asyncio.sleep(0.02)
    assert not committed.done(), "one fdatasync at a time"
    before = len(disk.sizes)
    disk.open.set()
    await asyncio.gather(first, second, committed)
    assert len(disk.sizes) == before + 1
    journal.commit()
    assert len(disk.sizes) == before + 1, "what is durable already waits for nothing"


def test_a_commit_that_fails_is_final_for_whoever_asks(journal: Journal, disk: Disk) -> None:
    disk.error = OSError(errno.EIO, "Input/output error")
    journal.append(b"never told")
    with pytest.raises(NotDurableError, match="asking again proves nothing"):
        journal.commit()
    disk.error = None
    with pytest.raises(NotDurableError, match="an fdatasync failed"):
        journal.commit()


def test_a_closed_journal_commits_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path / "j", durability="power") as journal:
        list(journal.recover())
    with pytest.raises(NotDurableError, match="the journal is closed"):
        journal.commit()


def test_process_commits_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        list(journal.recover())
        journal.append(b"x")
        journal.commit()
    assert list(read_journal(tmp_path / "j")) == [b"x"]
