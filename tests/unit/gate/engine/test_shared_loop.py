"""The loop and one other thread: never both at once, never one for long, and what a turn leaves wakes the loop."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from risksvc.gate.engine.shared_loop import Baton, SharedLoop

PATIENCE = 20.0


def run(life: Callable[[SharedLoop], Awaitable[None]]) -> None:
    """A life on a shared loop; with asyncio's own checks, which say at once what is touched from a wrong thread."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SharedLoop)
        await asyncio.wait_for(life(loop), PATIENCE)

    with asyncio.Runner(loop_factory=SharedLoop, debug=True) as runner:
        runner.run(main())


def beside(loop: SharedLoop, turn: Callable[[], None]) -> threading.Thread:
    """Another thread that takes one turn."""

    def work() -> None:
        loop.join()
        loop.begin_turn()
        try:
            turn()
        finally:
            loop.end_turn()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_never_both_at_once() -> None:
    inside, worst, done = [0], [0], threading.Event()

    def enter() -> None:
        inside[0] += 1
        worst[0] = max(worst[0], inside[0])
        time.sleep(0)  # lets the other thread run, if anything lets it
        inside[0] -= 1

    async def life(loop: SharedLoop) -> None:
        def flood() -> None:
            loop.join()
            for _ in range(500):
                loop.begin_turn()
                enter()
                loop.end_turn()
            done.set()

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        rounds = 0
        while not done.is_set():
            enter()
            rounds += 1
            await asyncio.sleep(0)
        assert rounds > 1
        thread.join(PATIENCE)

    run(life)
    assert worst == [1]


def test_a_flood_of_turns_does_not_keep_the_loop_out() -> None:
    async def life(loop: SharedLoop) -> None:
        ended, turns = threading.Event(), [0]

        def flood() -> None:
            loop.join()
            while not ended.is_set():
                loop.begin_turn()
                turns[0] += 1
                loop.end_turn()

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        for _ in range(50):
            await asyncio.sleep(0.001)
        ended.set()
        thread.join(PATIENCE)
        assert turns[0] > 50, "it was a flood"

    run(life)


def test_a_busy_loop_does_not_keep_turns_out() -> None:
    async def life(loop: SharedLoop) -> None:
        taken = threading.Event()
        thread = beside(loop, taken.set)
        rounds = 0
        while not taken.is_set():
            rounds += 1
            await asyncio.sleep(0)
        thread.join(PATIENCE)
        assert rounds < 10_000

    run(life)


def test_who_waits_comes_before_who_held() -> None:
    baton, order, waits = Baton(), [], threading.Event()
    baton.take()

    def other() -> None:
        waits.set()
        baton.take()
        order.append("other")
        baton.give()

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    assert waits.wait(PATIENCE)
    while baton._next.acquire(blocking=False):  # until the other holds the second place
        baton._next.release()
    baton.give()
    baton.take()
    order.append("holder")
    thread.join(PATIENCE)
    assert order == ["other", "holder"]


def test_what_a_turn_leaves_wakes_a_loop_that_sleeps() -> None:
    async def life(loop: SharedLoop) -> None:
        event, queue = asyncio.Event(), asyncio.Queue[str]()
        future: asyncio.Future[str] = loop.create_future()
        later: asyncio.Future[str] = loop.create_future()

        async def task() -> str:
            return "task"

        tasks: list[asyncio.Task[str]] = []

        def turn() -> None:
            running = asyncio.get_running_loop()
            event.set()
            queue.put_nowait("queued")
            future.set_result("future")
            running.call_later(0.01, later.set_result, "later")
            tasks.append(running.create_task(task()))

        waiting = asyncio.gather(event.wait(), queue.get(), future, later)
        await asyncio.sleep(0)
        thread = beside(loop, turn)
        assert list(await waiting) == [True, "queued", "future", "later"]
        assert await tasks[0] == "task"
        thread.join(PATIENCE)

    run(life)


def test_a_turn_that_leaves_nothing_wakes_nobody() -> None:
    async def life(loop: SharedLoop) -> None:
        loop.call_later(0.05, lambda: None)
        await asyncio.sleep(0)
        woken: list[bool] = []
        real = loop.end_turn

        def noted() -> None:
            woken.append(loop._left_something)
            real()

        loop.end_turn = noted  # type: ignore[method-assign]
        threads = [beside(loop, lambda: None) for _ in range(5)]
        for thread in threads:
            await asyncio.to_thread(thread.join, PATIENCE)
        assert woken == [False] * 5

    run(life)
