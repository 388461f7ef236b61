"""Certificates, keys and authorities: what can't be used is told in one sentence, before a handshake fails."""

import shutil
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from risksvc.tls import pem
from risksvc.tls.pem import TlsError, read_authorities, read_identity
from tests.certificates import FOR_CLIENTS, FOR_SERVERS, Authority, Certificate

DAY = 86_400


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


def problem_of(pair: Certificate, *, of_server: bool = True) -> str:
    with pytest.raises(TlsError) as refused:
        read_identity(pair.certificate, pair.key, of_server=of_server)
    return str(refused.value)


@pytest.mark.parametrize("of_server", [True, False])
def test_a_good_pair_is_given_as_it_is_with_the_day_it_ends(authority: Authority, *, of_server: bool) -> None:
    pair = authority.sign("gate", days=3)
    read = read_identity(pair.certificate, pair.key, of_server=of_server)
    assert (read.certificate, read.key) == (pair.certificate.read_bytes(), pair.key.read_bytes())
    assert abs(read.ends - time.time() - 3 * DAY) < 120
    assert "PRIVATE" not in repr(read)


def test_a_chain_may_stand_below_the_certificate(authority: Authority) -> None:
    pair = authority.sign("gate")
    pair.certificate.write_bytes(pair.certificate.read_bytes() + authority.file.read_bytes())
    assert read_identity(pair.certificate, pair.key, of_server=True).certificate.count(b"BEGIN CERTIFICATE") == 2


def test_a_key_of_another_certificate(authority: Authority) -> None:
    one, other = authority.sign("one"), authority.sign("other")
    found = problem_of(Certificate(one.certificate, other.key))
    assert found.startswith(f"{other.key} is not the key of {one.certificate}; renew both together")


def test_what_has_expired_and_what_is_not_valid_yet(authority: Authority) -> None:
    old, young = authority.sign("old", days=-1), authority.sign("young", days=9, since=2)
    assert f"{old.certificate} has expired (`openssl x509 -enddate -noout -in" in problem_of(old)
    assert f"{young.certificate} is not valid yet; is this machine's clock right?" in problem_of(young)
    assert "has expired" in problem_of(old, of_server=False)


def test_a_certificate_for_another_use(authority: Authority) -> None:
    server, client = authority.sign("server", use=FOR_SERVERS), authority.sign("client", use=FOR_CLIENTS)
    assert "its extendedKeyUsage must have serverAuth, or be left out" in problem_of(client)
    assert "its extendedKeyUsage must have clientAuth, or be left out" in problem_of(server, of_server=False)
    assert read_identity(server.certificate, server.key, of_server=True).ends
    assert read_identity(client.certificate, client.key, of_server=False).ends


def test_a_key_that_every_user_can_read(authority: Authority) -> None:
    pair = authority.sign("gate")
    pair.key.chmod(0o644)
    assert problem_of(pair).startswith(f"every user of this machine has access to {pair.key} (mode 0644); `chmod o= ")
    pair.key.chmod(0o640)
    assert read_identity(pair.certificate, pair.key, of_server=True).ends


def test_a_key_that_grpc_does_not_speak(authority: Authority) -> None:
    assert "is an Ed25519 or Ed448 key, which gRPC does not speak" in problem_of(authority.sign("gate", edwards=True))


def test_a_key_with_a_passphrase_asks_nobody(authority: Authority) -> None:
    pair = authority.sign("gate")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"hidden")
    for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
        pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
        assert f"{pair.key} is encrypted, and nobody is there to type its passphrase" in problem_of(pair)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"",
            "holds no private key as PEM (it has no -----BEGIN ...----- line, or no end to it); is it the right file?",
        ),
        (b"\x30\x82\x01", "holds no private key as PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nMIG", "or no end to it"),
        (b"-----BEGIN PRIVATE KEY-----\nM*G\n-----END PRIVATE KEY-----\n", "holds no private key that can be read"),
        (b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n", "can't be used"),
        (b"x" * (pem.MAX_BYTES + 1), "is larger than 256 KB"),
    ],
)
def test_what_is_no_key(authority: Authority, content: bytes, problem: str) -> None:
    pair = authority.sign("gate")
    pair.key.write_bytes(content)
    assert problem in problem_of(pair)


def test_files_that_were_mixed_up(authority: Authority) -> None:
    pair = authority.sign("gate")
    pair.certificate.chmod(0o600)
    assert "holds no certificate as PEM (it holds: PRIVATE KEY)" in problem_of(Certificate(pair.key, pair.key))
    mixed = problem_of(Certificate(pair.certificate, pair.certificate))
    assert "holds no private key as PEM (it holds: CERTIFICATE)" in mixed


def test_a_certificate_that_is_spoilt(authority: Authority) -> None:
    pair = authority.sign("gate")
    pair.certificate.write_bytes(pair.certificate.read_bytes().replace(b"MII", b"MIJ", 1))
    assert "can't be used" in problem_of(pair)


def test_files_that_are_none(authority: Authority, tmp_path: Path) -> None:
    pair = authority.sign("gate")
    assert "No such file or directory" in problem_of(Certificate(tmp_path / "nothing", pair.key))
    assert "is not a regular file" in problem_of(Certificate(pair.certificate, Path("/dev/null")))
    assert "can't be read" in problem_of(Certificate(Path("a\0b"), pair.key))


def test_a_pair_that_is_renewed_while_it_is_read_is_read_again(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificate and key are two files: between the two renames they do not belong together."""
    new, pair = authority.sign("new"), authority.sign("gate")
    shutil.copy(new.certificate, pair.certificate)
    tried = pem._tried

    def renewed_meanwhile(certificate: Path, key: Path, *, of_server: bool) -> float:
        try:
            return tried(certificate, key, of_server=of_server)
        finally:
            shutil.copy(new.key, pair.key)

    monkeypatch.setattr(pem, "_tried", renewed_meanwhile)
    assert read_identity(pair.certificate, pair.key, of_server=True).key == new.key.read_bytes()


def test_files_that_never_rest_are_given_up(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = authority.sign("gate")
    tried = pem._tried

    def touched(certificate: Path, key: Path, *, of_server: bool) -> float:
        certificate.write_bytes(certificate.read_bytes() + b"\n")
        return tried(certificate, key, of_server=of_server)

    monkeypatch.setattr(pem, "_tried", touched)
    assert "change while they are read; write new files and rename them over the old" in problem_of(pair)


# -- authorities --------------------------------------------------------------------------------------------------


def test_who_is_trusted_is_an_authority_or_one_certificate(authority: Authority) -> None:
    assert read_authorities(authority.file) == authority.file.read_bytes()
    alone = authority.sign("gate").certificate
    assert read_authorities(alone) == alone.read_bytes()


def test_an_authority_that_has_expired(tmp_path: Path) -> None:
    old = Authority(tmp_path, "old", days=-1)
    with pytest.raises(TlsError, match=rf"{old.file} has expired \(.*nobody whom it signed is trusted any more"):
        read_authorities(old.file)
    # While another one that is valid stands beside it, as after a change of authorities, they are fine.
    old.file.write_bytes(old.file.read_bytes() + Authority(tmp_path, "new").file.read_bytes())
    assert read_authorities(old.file)


def test_what_is_no_authority(authority: Authority, tmp_path: Path) -> None:
    pair = authority.sign("gate")
    both = tmp_path / "both"
    both.write_bytes(authority.file.read_bytes() + pair.key.read_bytes())
    spoilt = tmp_path / "spoilt"
    spoilt.write_bytes(b"-----BEGIN CERTIFICATE-----\nMIGH\n-----END CERTIFICATE-----\n")
    for path, problem in (
        (both, "holds a private key; who is trusted is told by certificates alone"),
        (spoilt, "is not PEM with certificates"),
        (pair.key, "holds no certificate as PEM"),
        (tmp_path / "nothing", "can't be read: No such file"),
    ):
        with pytest.raises(TlsError, match=problem):
            read_authorities(path)
