"""Where the kill switch's store of some settings is; for whoever only asks it.

Rule 1: makes and changes nothing, neither the private server's folder nor one for its socket: who looks at a copy
leaves it as it is. Rule 2: a socket outside the state folder is trusted only in a folder that is this user's alone.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from risksvc.core.types import RiskError
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.redis_server import ServerPlace

if TYPE_CHECKING:
    from risksvc.gate.settings import Settings

_MAX_SOCKET_PATH = 100  # bytes; sun_path holds 108
_FOLDER, _SOCKET = "redis", "redis.sock"


class UnsafePlaceError(RiskError):
    """The folder of the private server's socket is not this user's alone."""


def store_address(settings: "Settings", redis_url: str | None, *, initialise: bool = False) -> StoreAddress:
    """The address said, the settings', or that of the private server, whether it runs or not. Raises RiskError.

    `initialise`: as the user that may begin the store, where the settings name one.
    """
    if redis_url is not None:
        return StoreAddress.of(redis_url)
    if settings.redis is not None:
        return settings.redis.address(initialise=initialise)
    return StoreAddress.of(url_of(private_place(private_store(settings))))


def is_private(settings: "Settings", redis_url: str | None) -> bool:
    """True where the store is a private server that runs with its gate."""
    return redis_url is None and settings.redis is None


def private_store(settings: "Settings") -> Path:
    """The private server's folder, there or not."""
    return settings.state_dir / _FOLDER


def private_place(folder: Path) -> ServerPlace:
    """The private server of this folder. Raises UnsafePlaceError when others could stand in its socket's place."""
    folder = folder.resolve()
    socket = _socket_path(folder)
    if socket.parent != folder:
        with suppress(FileNotFoundError):  # nobody listens there
            check_private(socket.parent)
    return ServerPlace(folder, socket)


def url_of(place: ServerPlace) -> str:
    """The server's address, as --redis-url would have it."""
    return f"unix://{place.socket}"


def check_private(folder: Path) -> None:
    """Raises UnsafePlaceError unless this is a folder of this user alone; FileNotFoundError when it is not there."""
    state = folder.lstat()
    if folder.is_symlink() or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise UnsafePlaceError(f"{folder} is not this user's alone; remove it, or use a shorter state folder")


def _socket_path(folder: Path) -> Path:
    """In the folder; where that path is too long for a socket, in a folder of its own under the temporary one."""
    near = folder / _SOCKET
    if len(os.fsencode(near)) < _MAX_SOCKET_PATH:
        return near
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"risksvc-{os.geteuid()}-{name}" / _SOCKET
