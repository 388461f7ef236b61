"""The notifier's own process with the real apprise: what each kind of channel gives, its death, its hang."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from risksvc.gate.telling.notifier import process as process_module
from risksvc.gate.telling.notifier.apprise_channel import NOT_READ, NOT_TAKEN
from risksvc.gate.telling.notifier.child import STILL_HANGS
from risksvc.gate.telling.notifier.process import DIED, NOT_UP, NotifierProcess
from risksvc.gate.telling.notifier.wire import Attempt, Outcome
from tests.integration.telling.receivers import BlackHole, MailServer, Webhook, refusing_url


@asynccontextmanager
async def running(notifier: NotifierProcess) -> AsyncIterator[NotifierProcess]:
    task = asyncio.get_running_loop().create_task(notifier.run())
    notifier.want()
    try:
        yield notifier
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
async def notifier() -> AsyncIterator[NotifierProcess]:
    async with running(NotifierProcess()) as made:
        await until(lambda: made.up)
        yield made


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)


def attempt(notifier: NotifierProcess, *, lane: str = "tom/json", seconds: float = 20.0, **place: str) -> Attempt:
    return Attempt(notifier.number(), lane, "a title", "first line\nsecond <line> *with* _marks_", seconds, **place)


async def tried(notifier: NotifierProcess, *, seconds: float = 20.0, **place: str) -> Outcome:
    return await notifier.attempt(attempt(notifier, seconds=seconds, **place))


async def test_a_webhook_gets_the_text_as_it_is(notifier: NotifierProcess, webhook: Webhook) -> None:
    outcome = await tried(notifier, url=webhook.url)
    assert (outcome.delivered, outcome.error) == (True, "")
    [received] = webhook.mailbox.received
    assert (received.title, received.body) == ("a title", "first line\nsecond <line> *with* _marks_")


async def test_a_mail_server_gets_it_too(notifier: NotifierProcess, mail: MailServer) -> None:
    assert (await tried(notifier, url=mail.url)).delivered
    [received] = mail.mailbox.received
    assert "Subject: a title" in received.body
    assert "second <line> *with* _marks_" in received.body


async def test_an_address_in_a_file_is_read_by_who_sends(
    notifier: NotifierProcess, webhook: Webhook, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(webhook.url)
    (tmp_path / "secret").chmod(0o600)
    assert (await tried(notifier, file=str(tmp_path / "secret"), place="risk[0].channels[0]")).delivered
    (tmp_path / "secret").unlink()
    outcome = await tried(notifier, file=str(tmp_path / "secret"), place="risk[0].channels[0]")
    assert not outcome.delivered
    assert outcome.error == f"risk[0].channels[0]: {tmp_path}/secret can't be read: No such file or directory"


async def test_what_a_channel_refuses_is_told_without_its_address(notifier: NotifierProcess) -> None:
    broken = Webhook(status=500, path="very-secret-token")
    try:
        refused = await tried(notifier, url=broken.url)
    finally:
        broken.close()
    nobody = await tried(notifier, url=refusing_url())
    unknown = await tried(notifier, url="nonsense://very-secret-token")
    assert [(one.delivered, one.error, one.unusable) for one in (refused, nobody, unknown)] == [
        (False, "the channel answered with status 500", False),
        (False, NOT_TAKEN, False),
        (False, NOT_READ, True),
    ]


async def test_a_channel_that_hangs_delays_nobody_and_does_not_pile_up(
    notifier: NotifierProcess, webhook: Webhook, hole: BlackHole
) -> None:
    hanging = [asyncio.create_task(tried(notifier, url=hole.url)) for _ in range(4)]
    outcome = await tried(notifier, url=webhook.url, lane="rita/json")
    assert outcome.delivered
    await until(lambda: any(one.done() for one in hanging))
    done = [one.result() for one in hanging if one.done()]
    assert STILL_HANGS in [one.error for one in done]
    for one in hanging:
        one.cancel()


async def test_a_slow_answer_counts_although_nobody_waited_for_it(notifier: NotifierProcess) -> None:
    late: list[Outcome] = []
    notifier.late = late.append
    slow = Webhook(pieces=6)
    try:
        outcome = await tried(notifier, url=slow.url, seconds=1.0)
        assert (outcome.delivered, outcome.error) == (False, "no answer within 1 s")
        await until(lambda: bool(late))
    finally:
        slow.close()
    assert late[0].number == outcome.number


async def test_killed_while_it_sends_it_comes_back(
    notifier: NotifierProcess, webhook: Webhook, hole: BlackHole
) -> None:
    hanging = asyncio.create_task(tried(notifier, url=hole.url))
    await until(lambda: bool(notifier._waiting))
    assert notifier.pid is not None
    os.kill(notifier.pid, signal.SIGKILL)
    assert (await hanging).error == DIED
    await until(lambda: notifier.up)
    assert (await tried(notifier, url=webhook.url)).delivered
    assert notifier.restarts == 1


async def test_one_that_hangs_is_killed_and_started_again(
    notifier: NotifierProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(process_module, "SILENT_SECONDS", 0.5)
    first = notifier.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)  # the next one is watched at this pace
    await until(lambda: notifier.up and notifier.pid != first)
    second = notifier.pid
    assert second is not None
    os.kill(second, signal.SIGSTOP)
    await until(lambda: notifier.up and notifier.pid not in (None, second))
    assert notifier.restarts == 2


async def test_one_that_can_not_live_is_started_again_with_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PAUSES", (0.0, 0.01))
    async with running(NotifierProcess((sys.executable, "-c", "raise SystemExit(3)"))) as notifier:
        outcome = await tried(notifier, url="json://127.0.0.1", seconds=0.2)
        await until(lambda: notifier.restarts >= 2)
        assert (outcome.delivered, outcome.error) == (False, NOT_UP)
        await until(lambda: notifier.problem == "it ended with code 3")
        assert not notifier.fine


async def test_one_that_lacks_a_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PAUSES", (0.0, 0.01))
    child = "risksvc.gate.telling.notifier.child"
    lacking = f"import sys; sys.modules['apprise'] = None; from {child} import main; main(sys.argv[1:])"
    async with running(NotifierProcess((sys.executable, "-c", lacking))) as notifier:
        await until(lambda: notifier.restarts >= 1)
        assert "apprise is not installed: pip install 'risksvc[server]'" in notifier.problem


async def test_an_error_of_the_gate_s_own_is_not_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PAUSES", (0.0, 0.01))

    def stumbles(_line: bytes) -> None:
        raise RuntimeError("a bug")

    made = NotifierProcess((sys.executable, "-c", "print('x')"))
    monkeypatch.setattr(made, "_take", stumbles)
    async with running(made):
        await until(lambda: made.restarts >= 2)
        assert made.problem == "internal error: RuntimeError"


async def test_one_that_can_not_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PAUSES", (0.0, 0.01))
    async with running(NotifierProcess(("/nowhere/python",))) as notifier:
        await until(lambda: notifier.restarts >= 2)
        assert "can't be started" in notifier.problem


async def test_one_that_talks_nonsense_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PAUSES", (0.0, 0.01))
    lines = ["nonsense", "[]", '{"ready": {}}', '{"outcome": {"number": 9, "delivered": true}}']
    says = f"print({chr(10).join(lines)!r})"
    async with running(NotifierProcess((sys.executable, "-c", says))) as notifier:
        await until(lambda: notifier.restarts >= 2)
        assert not notifier.up


async def test_until_somebody_is_to_be_told_there_is_none() -> None:
    notifier = NotifierProcess()
    task = asyncio.create_task(notifier.run())
    await asyncio.sleep(0)
    assert notifier.pid is None
    assert notifier.fine
    task.cancel()
    await asyncio.wait({task})
