"""Secrets: read where they are, refused where every user could read them, never shown."""

from pathlib import Path

import pytest

from risksvc.gate.secret_files import SecretError, SecretSource, read_secret


def secret_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> SecretSource:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return SecretSource("accounts.main.venue.key.secret_file", file=path)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640, 0o660])
def test_a_secret_is_read_from_a_file_without_its_line_end(tmp_path: Path, mode: int) -> None:
    assert read_secret(secret_file(tmp_path, b"s3cret\r\n", mode)) == "s3cret"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666, 0o602, 0o601])
def test_a_secret_that_every_user_has_access_to_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretError, match=r"secret_file: every user of this machine has access to .*`chmod o= "):
        read_secret(secret_file(tmp_path, b"s3cret", mode))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * 70_000, "is larger than 64 KB"),
    ],
)
def test_a_secret_file_without_a_secret_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(SecretError, match=problem):
        read_secret(secret_file(tmp_path, content))


def test_a_missing_secret_file_names_the_key_and_the_path(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"^k: .*/nowhere can't be read: No such file or directory$"):
        read_secret(SecretSource("k", file=tmp_path / "nowhere"))


def test_a_secret_is_read_from_the_environment_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SecretSource("k", variable="RISKSVC_TEST_SECRET")
    monkeypatch.delenv("RISKSVC_TEST_SECRET", raising=False)
    with pytest.raises(SecretError, match="k: the environment variable RISKSVC_TEST_SECRET is not set"):
        read_secret(source)
    monkeypatch.setenv("RISKSVC_TEST_SECRET", "from the environment")
    assert read_secret(source) == "from the environment"
    assert read_secret(source, {"RISKSVC_TEST_SECRET": "given"}) == "given"
