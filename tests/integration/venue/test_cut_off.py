"""The real `risksvc venue` with the network cut off: what it says, and how it ends."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

WAIT_S = 60.0  # for anything that must happen; a noisy machine only makes the test slower

# The child's own sockets refuse: no name is resolved, nothing is contacted.
CUT_OFF = """
import socket, sys
def refuse(*_, **__):
    raise socket.gaierror("the network is cut off")
socket.socket.connect = socket.getaddrinfo = refuse
from risksvc.cli.main import main
sys.argv = ["risksvc", *sys.argv[1:]]
main()
"""

SETTINGS = """\
version: 1
accounts:
  main:
    venue:
      exchange: {exchange}
      key: {{api_key_file: key, secret_file: secret, password_file: secret}}
"""


def settings_of(folder: Path, exchange: str) -> Path:
    path = folder / "risksvc.yaml"
    path.write_text(SETTINGS.format(exchange=exchange))
    for name, text in (("key", "the-key-text"), ("secret", "the-secret-text")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return path


async def started(folder: Path, exchange: str) -> asyncio.subprocess.Process:
    words = ("venue", "--settings", str(settings_of(folder, exchange)))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", CUT_OFF, *words, stderr=asyncio.subprocess.PIPE, cwd=folder
    )


async def until(process: asyncio.subprocess.Process, words: str) -> list[str]:
    """What it says up to a line with these words; all of it when it ends before."""
    assert process.stderr is not None
    lines: list[str] = []
    while line := (await process.stderr.readline()).decode():
        lines.append(line)
        if words in line:
            break
    return lines


@pytest.mark.timeout(2 * WAIT_S)
async def test_a_venue_that_can_t_be_reached_is_tried_again_until_told_to_stop(tmp_path: Path) -> None:
    process = await started(tmp_path, "okx")
    try:
        said = await asyncio.wait_for(until(process, "okx can't be reached yet"), WAIT_S)
        process.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(process.communicate(), WAIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = "".join(said) + rest.decode()
    assert process.returncode == 0, text
    assert "okx can't be reached yet: time: " in said[-1]
    # What the venue can't do was said before anything was asked of it.
    assert any("okx: sequence numbers: no: none on both positions and fills" in line for line in said[:-1]), text
    assert any("okx: kinds of execution: no: LIQUIDATION, ADL, DELIVERY" in line for line in said[:-1]), text
    assert "Traceback" not in text
    assert "the-secret-text" not in text
    assert "the-key-text" not in text


@pytest.mark.timeout(2 * WAIT_S)
async def test_a_venue_that_can_t_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    process = await started(tmp_path, "derive")
    try:
        _, errors = await asyncio.wait_for(process.communicate(), WAIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = errors.decode()
    assert process.returncode == 2, text
    assert text.count("\n") == 1, text
    assert "the venue process can't start: derive: ccxt offers no fetchTickers" in text
