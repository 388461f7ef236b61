"""The venue process as a process: exit codes, a clean stop, and no key in any log."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator

import pytest

from tests.integration.venue.rig import WAIT_S, Rig

PROGRAM = """
import sys
from risksvc.venue.config import VenueConfig
from risksvc.venue.feed import run_venue
account, target, exchange, url, key, secret = sys.argv[1:]
sys.exit(run_venue(VenueConfig(
    account=account, gate_target=target, exchange=exchange, base_url=url, api_key=key, api_secret=secret,
    positions_every_ms=200,
)))
"""


SECRET = "paper-read-secret"  # noqa: S105 - of the paper venue


class Process:
    """The venue process, started as a user starts it."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._running: asyncio.subprocess.Process | None = None

    async def start(self, *, exchange: str = "bybit", key: str = "paper-read", secret: str = SECRET) -> None:
        arguments = ("main", self._rig.target, exchange, self._rig.paper.base_url, key, secret)
        self._running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, *arguments, stderr=asyncio.subprocess.PIPE
        )

    def signal(self, number: signal.Signals) -> None:
        assert self._running is not None
        self._running.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        assert self._running is not None
        _, errors = await asyncio.wait_for(self._running.communicate(), WAIT_S)
        assert self._running.returncode is not None
        return self._running.returncode, errors.decode()

    async def stop(self) -> None:
        if self._running is not None and self._running.returncode is None:
            self._running.kill()
            await self._running.wait()


@pytest.fixture
async def process(rig: Rig) -> AsyncIterator[Process]:
    started = Process(rig)
    yield started
    await started.stop()


async def test_it_feeds_until_it_is_told_to_stop(rig: Rig, process: Process) -> None:
    await process.start()
    await rig.gate.until("snapshot")
    process.signal(signal.SIGTERM)
    code, errors = await process.ended()
    assert code == 0, errors
    assert "feeding gate test with account main at bybit: " in errors
    assert " instruments, reads only, private stream" in errors
    assert "Traceback" not in errors
    assert "paper-read" not in errors


@pytest.mark.parametrize(
    ("exchange", "says"),
    [
        ("nosuchexchange", "not one of ccxt's"),
        ("nosuchmodule:Thing", "can't be loaded"),
        ("pathlib:Path", "not a subclass of ccxt.async_support.Exchange"),
    ],
)
async def test_a_class_that_does_not_exist_ends_it_with_one_line(process: Process, exchange: str, says: str) -> None:
    await process.start(exchange=exchange)
    code, errors = await process.ended()
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert says in errors


@pytest.mark.parametrize(("key", "secret"), [("paper-read", "wrong"), ("nobody", "knows")])
async def test_a_refused_key_ends_it_and_is_not_shown(process: Process, key: str, secret: str) -> None:
    await process.start(key=key, secret=secret)
    code, errors = await process.ended()
    assert code == 4, errors
    assert "refuses this key" in errors
    assert secret not in errors
    assert "Traceback" not in errors


async def test_a_venue_that_is_away_at_the_start_is_waited_for(rig: Rig, process: Process) -> None:
    rig.fault("http_error", status=503)
    await process.start()
    await asyncio.sleep(2)
    assert rig.gate.hellos == []
    rig.heal()
    await rig.gate.until("snapshot")


async def test_a_gate_that_is_away_at_the_start_is_waited_for(rig: Rig, process: Process) -> None:
    await rig.stop_gate()
    await process.start()
    await asyncio.sleep(3)
    await rig.serve_gate()
    began = time.monotonic()
    await rig.gate.until("snapshot")
    assert time.monotonic() - began < WAIT_S


async def test_a_paused_process_comes_back_with_stamps_from_before_its_pause_or_fresh_ones(
    rig: Rig, process: Process
) -> None:
    """A read that was begun before a pause must not look young after it."""
    await process.start()
    await rig.gate.until("snapshot")
    process.signal(signal.SIGSTOP)
    await asyncio.sleep(0.7)
    before_order, after = time.time_ns(), rig.gate.mark()
    await rig.order("meanwhile", "buy", "0.1")
    process.signal(signal.SIGCONT)
    await rig.gate.until("snapshot", lambda each: bool(each.positions), after=after)
    for snapshot in rig.gate.all("snapshot", after=after):
        assert snapshot.positions or snapshot.as_of_gate_time_ns < before_order
