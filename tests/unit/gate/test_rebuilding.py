import asyncio
import threading

import pytest

from risksvc.core.gate import RiskGate
from risksvc.gate.rebuilding import Rebuilder
from risksvc.gate.replay import Replayed


async def test_the_result_comes_back_to_the_loop() -> None:
    rebuilder, made = Rebuilder(), Replayed(RiskGate())
    threads: list[threading.Thread] = []

    def rebuild() -> Replayed:
        threads.append(threading.current_thread())
        return made

    assert await rebuilder.run(rebuild) is made
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon, "it does not hold up the end of the process"
    assert await rebuilder.finished(within_seconds=0)


async def test_an_error_is_raised_where_it_is_awaited() -> None:
    def fail() -> Replayed:
        raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        await Rebuilder().run(fail)


async def test_a_wait_that_is_cancelled_leaves_the_thread_and_says_so() -> None:
    rebuilder, may_end = Rebuilder(), threading.Event()

    def rebuild() -> Replayed:
        assert may_end.wait(10)
        return Replayed(RiskGate())

    waiting = asyncio.ensure_future(rebuilder.run(rebuild))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not await rebuilder.finished(within_seconds=0.01)
    may_end.set()
    assert await rebuilder.finished(within_seconds=10)


async def test_without_a_rebuild_nothing_is_waited_for() -> None:
    assert await Rebuilder().finished(within_seconds=0)
