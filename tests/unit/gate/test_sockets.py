import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.gate.listeners import Listener
from risksvc.gate.sockets import ListenError, clear_stale, permissions


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rs") as folder:
        yield Path(folder) / "a.sock"


def test_nothing_there_is_fine(path: Path) -> None:
    clear_stale(path)


def test_a_socket_that_nobody_listens_on_is_removed(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    clear_stale(path)
    assert not path.exists()


def test_a_living_socket_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(ListenError, match="another process listens there"):
            clear_stale(path)
        assert path.exists()


def test_what_is_no_socket_stays(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ListenError, match="not a socket"):
        clear_stale(path)
    assert path.read_text() == "precious"


def test_a_socket_never_has_more_permissions_than_it_should(path: Path) -> None:
    before = os.umask(0)
    try:
        with permissions(Listener(path=path, mode=0o640)), socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
            assert path.stat().st_mode & 0o777 & ~0o640 == 0
        assert path.stat().st_mode & 0o777 == 0o640
        assert os.umask(0) == 0, "the umask is as it was"
    finally:
        os.umask(before)


def test_an_unknown_group_is_told(path: Path) -> None:
    with (
        pytest.raises(ListenError, match="no-such-group"),
        permissions(Listener(path=path, group="no-such-group")),
    ):
        path.touch()
