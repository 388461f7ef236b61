"""Where the store is, said without making anything; and who gave the gate its id."""

import os
from pathlib import Path

import pytest

from risksvc.core.types import RiskError
from risksvc.gate.embedded_redis import EmbeddedRedis
from risksvc.gate.gate_id_file import gate_id_file, read_gate_id
from risksvc.gate.settings import Settings, load_settings
from risksvc.gate.starting import store_of
from risksvc.gate.store_place import UnsafePlaceError, is_private, private_place, private_store, store_address

SETTINGS = """
version: 1
gate: {{id: g1, state_dir: s}}
{extra}
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
"""


def settings(folder: Path, extra: str = "") -> Settings:
    path = folder / "risksvc.yaml"
    path.write_text(SETTINGS.format(extra=extra))
    return load_settings(path)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_the_address_said_goes_before_the_settings(tmp_path: Path) -> None:
    read = settings(tmp_path, 'redis: {url: "redis://127.0.0.1:1"}')
    assert store_address(read, "redis://127.0.0.1:2").shown == "redis://127.0.0.1:2"
    assert store_address(read, None).shown == "redis://127.0.0.1:1"
    assert not is_private(read, None)
    assert is_private(settings(tmp_path), None)
    assert not is_private(settings(tmp_path), "redis://127.0.0.1:2")


@pytest.mark.usefixtures("temporary")
def test_the_private_server_is_where_the_gate_starts_it_and_nothing_is_made(tmp_path: Path) -> None:
    read = settings(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    address, server = store_of(read, None)
    assert server is not None
    assert store_address(read, None) == address
    assert address.url == server.url
    assert sorted(tmp_path.rglob("*")) == before


def test_a_path_too_long_for_a_socket_has_it_elsewhere(tmp_path: Path, temporary: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    place = private_place(folder)
    assert place.folder == folder
    assert place.socket.parent.parent == temporary
    assert EmbeddedRedis(folder).socket_path == place.socket
    assert not list(temporary.iterdir())
    assert not folder.exists()


def test_a_place_that_others_can_reach_is_not_trusted(tmp_path: Path, temporary: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    apart = private_place(folder).socket.parent
    apart.mkdir()
    apart.chmod(0o755)
    with pytest.raises(UnsafePlaceError, match="is not this user's alone"):
        private_place(folder)
    apart.chmod(0o700)
    assert private_place(folder).socket.parent == apart
    apart.rename(temporary / "other")
    apart.symlink_to(temporary / "other")
    with pytest.raises(UnsafePlaceError, match="is not this user's alone"):
        private_place(folder)


def test_the_private_store_lies_in_the_state_folder(tmp_path: Path) -> None:
    assert os.fspath(private_store(settings(tmp_path))) == f"{tmp_path}/s/redis"


def test_the_gate_id_file(tmp_path: Path) -> None:
    assert read_gate_id(tmp_path) is None
    gate_id_file(tmp_path).write_text("gate-1\n")
    assert read_gate_id(tmp_path) == "gate-1"
    for content in (b"two words", b"", b"\xff"):
        gate_id_file(tmp_path).write_bytes(content)
        with pytest.raises(RiskError, match="holds no gate id"):
            read_gate_id(tmp_path)
