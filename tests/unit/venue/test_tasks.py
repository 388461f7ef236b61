"""Tasks end together; a cancellation is heeded, also when one of them fails at that moment."""

import asyncio

import pytest

from risksvc.venue.tasks import TaskGroup


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail(error: Exception) -> None:
    raise error


async def fails_as_it_is_cancelled(begun: asyncio.Event) -> None:
    try:
        begun.set()
        await for_ever()
    except asyncio.CancelledError:
        raise ConnectionError("closed by the other side") from None


async def test_a_cancellation_goes_before_what_a_task_raised() -> None:
    begun = asyncio.Event()
    went_on: list[bool] = []

    async def follow() -> None:
        while True:
            try:
                async with TaskGroup() as group:
                    group.create_task(fails_as_it_is_cancelled(begun))
            except* ConnectionError:
                went_on.append(True)

    following = asyncio.create_task(follow())
    await begun.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(following, 5)
    assert not went_on


async def test_the_first_failure_ends_the_others_and_is_raised() -> None:
    group = TaskGroup()
    other = group.create_task(for_ever())
    group.create_task(fail(ValueError("first")))
    with pytest.raises(ExceptionGroup) as raised:
        await group.__aexit__(None, None, None)
    assert [str(one) for one in raised.value.exceptions] == ["first"]
    assert other.cancelled()


async def test_a_task_that_is_added_later_counts_as_well() -> None:
    async def add(group: TaskGroup) -> None:
        await asyncio.sleep(0)
        group.create_task(fail(ValueError("later")))
        await for_ever()

    group = TaskGroup()
    group.create_task(add(group))
    with pytest.raises(ExceptionGroup, match="tasks failed"):
        await group.__aexit__(None, None, None)


async def test_what_succeeds_is_waited_for() -> None:
    async def give() -> int:
        await asyncio.sleep(0)
        return 7

    async with TaskGroup() as group:
        tasks = [group.create_task(give()) for _ in range(3)]
    assert [task.result() for task in tasks] == [7, 7, 7]


async def test_an_error_of_the_body_ends_the_tasks_and_is_raised_alone() -> None:
    async def body() -> None:
        async with TaskGroup() as group:
            tasks.append(group.create_task(for_ever()))
            await asyncio.sleep(0)
            raise KeyError("body")

    tasks: list[asyncio.Task[None]] = []
    with pytest.raises(KeyError):
        await body()
    assert tasks[0].cancelled()
