"""Anchors: when they are told, that nothing is anchored before it is durable, and that a failure holds nothing up."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from risksvc.core.types import SECOND
from risksvc.gate.anchors import AnchorKeeper, read_anchor
from risksvc.gate.app import Counters
from risksvc.gate.journal import Head, NotDurableError
from risksvc.gate.kill_switch.anchors import ANCHORS_KEY, MAX_ANCHORS, read_anchors
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreUnreachableError
from risksvc.gate.redis_server import find_server
from tests.integration.kill_switch.real_server import RealServer


class FakeJournal:
    def __init__(self) -> None:
        self.head: Head | None = Head(1, 1, b"a" * 32)
        self.calls: list[str] = []
        self.fails = False

    async def durable(self) -> None:
        self.calls.append("durable")
        if self.fails:
            raise NotDurableError("no")


class FakeStore:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.commands: list[tuple[str, ...]] = []
        self.fails = False

    async def command(self, *words: str) -> Any:  # noqa: ANN401 - a command's reply
        self.calls.append("store")
        if self.fails:
            raise StoreUnreachableError("nobody there")
        self.commands.append(words)

    async def close(self) -> None:
        self.calls.append("closed")


class Rig:
    def __init__(self, *, every: int = 10) -> None:
        self.at = 1_000 * SECOND
        self.journal = FakeJournal()
        self.store = FakeStore(self.journal.calls)
        self.counters = Counters()
        self.keeper = AnchorKeeper(
            self.journal, self.store, gate_id="g", clock=self, every_ns=every * SECOND, counters=self.counters
        )

    def now(self) -> int:
        return self.at

    async def look(self) -> None:
        """One turn of the keeper's loop."""
        task = asyncio.create_task(self.keeper.run())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    @property
    def stored(self) -> list[int]:
        return [int(words[words.index("seq") + 1]) for words in self.store.commands]


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_it_is_told_to_the_store_and_on_standard_output(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    await rig.look()
    [words] = rig.store.commands
    assert words[:6] == ("XADD", ANCHORS_KEY, "MAXLEN", "~", str(MAX_ANCHORS), "*")
    fields = dict(zip(words[6::2], words[7::2], strict=True))
    line = json.loads(capsys.readouterr().out)
    assert line == {"event": "journal_anchor", **fields}
    anchor = read_anchor(line)
    assert (anchor.gate_id, anchor.seq, anchor.head, anchor.segment, anchor.at_ms) == ("g", 1, b"a" * 32, 1, 1_000_000)
    assert rig.journal.calls == ["durable", "store"], "durable first"


async def test_at_the_interval_and_only_what_is_new(rig: Rig) -> None:
    await rig.look()
    rig.at += 60 * SECOND
    await rig.look()
    assert rig.stored == [1], "nothing new"
    rig.journal.head = Head(2, 1, b"b" * 32)
    rig.at += 1
    await rig.look()
    assert rig.stored == [1, 2]
    rig.journal.head = Head(3, 1, b"c" * 32)
    rig.at += 9 * SECOND
    await rig.look()
    assert rig.stored == [1, 2], "not yet"
    rig.at += SECOND
    await rig.look()
    assert rig.stored == [1, 2, 3]


async def test_after_a_rotation_at_once(rig: Rig) -> None:
    await rig.look()
    rig.journal.head = Head(2, 2, b"b" * 32)
    await rig.look()
    assert rig.stored == [1, 2]


async def test_at_the_end(rig: Rig) -> None:
    await rig.look()
    rig.journal.head = Head(2, 1, b"b" * 32)
    await rig.keeper.close()
    assert rig.stored == [1, 2]
    assert rig.journal.calls[-1] == "closed"


@pytest.mark.parametrize("head", [None, Head(0, 1, b"\0" * 32), Head(5, 2, b"")], ids=["opening", "empty", "unknown"])
async def test_nothing_to_anchor(rig: Rig, head: Head | None) -> None:
    rig.journal.head = head
    await rig.look()
    await rig.keeper.close()
    assert rig.stored == []


async def test_what_is_not_durable_is_not_vouched_for(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.journal.fails = True
    await rig.look()
    assert rig.journal.calls == ["durable"]
    assert capsys.readouterr().out == ""


async def test_a_failure_is_counted_told_once_and_made_good_by_the_next(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.store.fails = True
    with caplog.at_level(logging.WARNING):
        for number in range(2, 5):
            rig.journal.head = Head(number, number, b"x" * 32)
            await rig.look()
    assert rig.counters.anchor_failures == 3
    assert [record.getMessage() for record in caplog.records] == ['journal_anchor_failed message="nobody there"']
    rig.store.fails = False
    rig.journal.head = Head(9, 9, b"y" * 32)
    await rig.look()
    assert rig.stored == [9]


async def test_an_output_that_nobody_reads_any_more(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("sys.stdout", Closed())
    await rig.look()
    assert rig.counters.anchor_failures == 1
    assert rig.stored == [1], "the store has it all the same"


async def test_read_back_from_a_real_store(tmp_path_factory: pytest.TempPathFactory, rig: Rig) -> None:
    folder = Path(str(tmp_path_factory.mktemp("r")))
    server = RealServer(find_server(), folder / "a")
    server.start()
    store = KillSwitchStore(f"redis://127.0.0.1:{server.port}")
    try:
        keeper = AnchorKeeper(rig.journal, store, gate_id="g", clock=rig, every_ns=SECOND, counters=rig.counters)
        for number in range(1, 6):
            rig.journal.head = Head(number, 1, bytes([number]) * 32)
            await keeper.anchor()
        found = [read_anchor(fields) for fields in await read_anchors(store)]
        assert [anchor.seq for anchor in found] == [1, 2, 3, 4, 5]
        with server.client() as client:
            pipe = client.pipeline()
            for number in range(6, 2506):
                pipe.xadd(ANCHORS_KEY, found[0].fields() | {"seq": str(number)})
            pipe.execute()
        assert [int(fields["seq"]) for fields in await read_anchors(store)] == list(range(1, 2506))
    finally:
        await store.close()
        server.stop()
    assert rig.counters.anchor_failures == 0
