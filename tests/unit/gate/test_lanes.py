"""Lanes: a channel that is dead delays nobody else, what fails is tried again, and every letter is settled once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from risksvc.gate.telling.contacts_file import Channel, Recipient
from risksvc.gate.telling.notifier import lanes as lanes_module
from risksvc.gate.telling.notifier.lanes import TOO_MANY, Lanes, Letter, Said
from risksvc.gate.telling.notifier.wire import Attempt, Outcome

Behaviour = Callable[[Attempt], Awaitable[Outcome]]


async def takes(attempt: Attempt) -> Outcome:
    return Outcome(attempt.number, delivered=True)


async def refuses(attempt: Attempt) -> Outcome:
    return Outcome(attempt.number, delivered=False, error="status 500")


async def can_not(attempt: Attempt) -> Outcome:
    return Outcome(attempt.number, delivered=False, error="no such channel", unusable=True)


async def hangs(attempt: Attempt) -> Outcome:
    await asyncio.sleep(attempt.seconds)
    return Outcome(attempt.number, delivered=False, error="no answer")


@dataclass
class Scripted:
    """What the notifier does with each lane, attempt by attempt; the last behaviour stays."""

    script: dict[str, list[Behaviour]]
    attempts: list[Attempt] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        return next(self.numbers)

    async def attempt(self, attempt: Attempt) -> Outcome:
        self.attempts.append(attempt)
        waiting = self.script[attempt.lane]
        return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(attempt)


class Post:
    """Lanes, and what was told of each letter."""

    def __init__(self, **script: list[Behaviour]) -> None:
        self.notifier = Scripted({f"{name}/json": behaviours for name, behaviours in script.items()})
        self.lanes = Lanes(self.notifier)
        self.told: list[tuple[str, Said]] = []

    def post(self, name: str, body: str = "text") -> Letter:
        person = Recipient(name, ("risk",), "", (Channel("json", "json", url="json://secret"),))
        letter = Letter(person, person.channels[0], "title", body, self._report)
        self.lanes.post(letter)
        return letter

    def _report(self, letter: Letter, said: Said) -> None:
        self.told.append((letter.recipient.name, said))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - whatever a test waits for
                await asyncio.sleep(0.001)

    def of(self, name: str) -> list[Said]:
        return [said for who, said in self.told if who == name]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "PAUSES", (0.002, 0.004))
    monkeypatch.setattr(lanes_module, "ATTEMPT_SECONDS", 0.05)


async def test_a_letter_is_delivered_once_and_its_lane_ends() -> None:
    post = Post(tom=[takes])
    letter = post.post("tom")
    await post.until(lambda: letter.settled and not post.lanes._lanes)
    assert post.of("tom") == [Said(delivered=True, final=True)]
    assert letter.attempts == 1
    assert not post.lanes._tried
    [attempt] = post.notifier.attempts
    assert (attempt.url, attempt.title, attempt.body) == ("json://secret", "title", "text")
    assert "secret" not in repr(attempt)


async def test_what_fails_is_tried_again_and_each_attempt_is_told() -> None:
    post = Post(tom=[refuses, refuses, takes])
    letter = post.post("tom")
    await post.until(lambda: letter.settled)
    assert [(said.delivered, said.final, said.error) for said in post.of("tom")] == [
        (False, False, "status 500"),
        (False, False, "status 500"),
        (True, True, ""),
    ]


async def test_a_channel_that_hangs_or_is_dead_delays_nobody_else() -> None:
    people: dict[str, list[Behaviour]] = {f"p{number}": [takes] for number in range(20)}
    post = Post(dead=[refuses], hole=[hangs], **people)
    for name in ("dead", "hole", *(f"p{number}" for number in range(20))):
        post.post(name)
    await post.until(lambda: sum(said.delivered for _, said in post.told) == 20)
    assert not post.of("hole")
    post.lanes.close()


async def test_after_its_time_a_letter_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "GIVE_UP_SECONDS", 0.02)
    post = Post(tom=[refuses])
    letter = post.post("tom")
    await post.until(lambda: letter.settled and not post.lanes._lanes)
    assert [said.final for said in post.of("tom")] == [False] * (letter.attempts - 1) + [True]
    assert letter.attempts > 1


async def test_what_can_not_work_is_given_up_at_once() -> None:
    post = Post(tom=[can_not])
    letter = post.post("tom")
    await post.until(lambda: letter.settled)
    assert post.of("tom") == [Said(delivered=False, final=True, error="no such channel")]


async def test_what_is_new_does_not_wait_for_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "PAUSES", (60.0,))
    post = Post(tom=[refuses, takes])
    old = post.post("tom", "old")
    await post.until(lambda: old.attempts == 1 and len(post.told) == 1)
    new = post.post("tom", "new")
    await post.until(lambda: new.settled)
    await post.until(lambda: old.settled)  # the channel works again, so it need not wait for its minute
    assert [attempt.body for attempt in post.notifier.attempts] == ["old", "new", "old"]


async def test_what_was_taken_too_late_was_taken() -> None:
    post = Post(tom=[hangs])
    letter = post.post("tom")
    await post.until(lambda: len(post.told) == 1)
    post.lanes.late(Outcome(1, delivered=False, error="refused after all"))
    assert not letter.settled
    await post.until(lambda: len(post.notifier.attempts) == 2)
    post.lanes.late(Outcome(2, delivered=True))
    assert post.of("tom")[-1] == Said(delivered=True, final=True)
    count = len(post.told)
    await post.until(lambda: not post.lanes._lanes)
    assert len(post.told) == count  # settled once
    post.lanes.late(Outcome(3, delivered=True))  # of no letter that is known
    assert not post.lanes._tried


async def test_a_lane_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "LETTERS_KEPT", 3)
    post = Post(tom=[hangs])
    letters = [post.post("tom", str(number)) for number in range(5)]
    assert [letter.settled for letter in letters] == [True, True, False, False, False]
    assert [said.error for said in post.of("tom")] == [TOO_MANY, TOO_MANY]
    post.lanes.close()


async def test_an_error_of_the_gate_s_own_ends_no_lane() -> None:
    async def stumbles(attempt: Attempt) -> Outcome:
        raise RuntimeError("a bug that may hold json://secret")

    post = Post(tom=[stumbles, takes])
    letter = post.post("tom")
    await post.until(lambda: letter.settled)
    assert [said.error for said in post.of("tom")] == ["internal error: RuntimeError", ""]


async def test_closed_lanes_try_nothing_more() -> None:
    post = Post(tom=[refuses])
    letter = post.post("tom")
    await post.until(lambda: letter.attempts == 1)
    post.lanes.close()
    await post.until(lambda: not post.lanes._tasks)
    assert not letter.settled
