"""Unix sockets that gRPC listens on: who may connect is said by their permissions, from their first moment.

Rule 1: a socket is made under a umask, so it is never wider than it should be, not even for a moment. Rule 2: one that
was left behind is removed only when nobody listens on it: gRPC itself would remove a living one.
"""

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.listeners import Listener


class ListenError(RiskError):
    """An address that can't be listened on."""


def clear_stale(path: Path) -> None:
    """Removes a socket that nobody listens on. Raises ListenError for a living one, and for anything else there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path} exists and is not a socket; remove it, or choose another address")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ListenError(f"{path} can't be tried: {error.strerror or error}") from error
    else:
        raise ListenError(f"{path}: another process listens there; stop it, or choose another address")
    finally:
        probe.close()


@contextmanager
def permissions(listener: Listener) -> Iterator[None]:
    """For the time of binding: the umask that gives the socket its mode; afterwards its group."""
    old = os.umask(0o777 & ~listener.mode)
    try:
        yield
    finally:
        os.umask(old)
    if listener.path is None:
        return
    try:
        listener.path.chmod(listener.mode)
        if listener.group is not None:
            shutil.chown(listener.path, group=listener.group)
    except (OSError, LookupError) as error:
        raise ListenError(f"{listener.path}: its group can't be set to {listener.group}: {error}") from error
