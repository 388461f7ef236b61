"""The gate's certificates: told at the start, renewed while it runs, never lost to a bad file."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from risksvc.gate.certificate_metrics import certificate_metrics
from risksvc.gate.listeners import ListenerTls
from risksvc.gate.sockets import ListenError
from risksvc.gate.tls import DAY_S, CertificateFiles, CertificateStanding, check_files, server_credentials
from tests.certificates import Authority, Certificate


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


def of(pair: Certificate, client_ca: Path | None = None) -> ListenerTls:
    return ListenerTls("listen.strategy.tls", pair.certificate, pair.key, client_ca)


def replace(old: Path, new: Path) -> None:
    """As a renewal does it: a new file over the old one."""
    shutil.copy(new, old.with_suffix(".new"))
    old.with_suffix(".new").replace(old)


def test_a_listener_without_tls_has_no_credentials() -> None:
    assert server_credentials(None) is None


def test_good_files_are_credentials(authority: Authority) -> None:
    pair = authority.sign("gate", days=30)
    assert isinstance(server_credentials(of(pair)), grpc.ServerCredentials)
    assert isinstance(server_credentials(of(pair, authority.file)), grpc.ServerCredentials)


@pytest.mark.parametrize("judge", [check_files, server_credentials])
def test_bad_files_are_told_with_their_place_in_the_settings(
    authority: Authority, judge: Callable[[ListenerTls | None], object]
) -> None:
    pair, other = authority.sign("gate"), authority.sign("other")
    with pytest.raises(ListenError, match=r"^listen.strategy.tls: .*other.key is not the key of .*gate.crt"):
        judge(of(Certificate(pair.certificate, other.key)))
    with pytest.raises(ListenError, match=r"^listen.strategy.tls: .*gate.key holds no certificate as PEM"):
        judge(of(pair, pair.key))
    judge(of(pair))
    judge(None)


def test_files_that_did_not_change_are_not_read_again(authority: Authority) -> None:
    files = CertificateFiles(of(authority.sign("gate", days=30), authority.file))
    files.read()
    assert files.renewed() is None


def test_a_renewed_pair_is_taken_up_once(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pair, new = authority.sign("gate", days=30), authority.sign("new", days=30)
    files = CertificateFiles(of(pair))
    files.read()
    # One file after the other: in between they do not belong together, and the last good pair stays.
    replace(pair.certificate, new.certificate)
    assert files.renewed() is None
    assert files.renewed() is None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "the new files are not used, the last good certificate is" in caplog.text
    replace(pair.key, new.key)
    assert isinstance(files.renewed(), grpc.ServerCertificateConfiguration)
    assert files.renewed() is None
    assert "listen.strategy.tls: the certificate was renewed from" in caplog.text


def test_how_a_certificate_stands_is_told_and_shown_to_prometheus(authority: Authority) -> None:
    told: list[CertificateStanding] = []
    pair = authority.sign("gate", days=30)
    files = CertificateFiles(of(pair), told.append)
    files.read()
    pair.key.write_text("spoilt")
    files.renewed()
    assert [one.refused for one in told] == [False, True]
    assert told[0].ends == told[1].ends

    shown = {"strategy": told[1], "venue": CertificateStanding(ends=1.0)}
    read = {(s.name, s.labels["listener"]): s.value for one in certificate_metrics(shown) for s in one.samples}
    assert 29 * DAY_S < read["risksvc_certificate_left_seconds", "strategy"] <= 30 * DAY_S
    assert read["risksvc_certificate_left_seconds", "venue"] == 0
    refused = "risksvc_certificate_refused"
    assert (read[refused, "strategy"], read[refused, "venue"]) == (1, 0)


def test_files_that_vanish_change_nothing(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    pair = authority.sign("gate", days=30)
    files = CertificateFiles(of(pair))
    files.read()
    pair.key.unlink()
    assert files.renewed() is None
    assert "gate.key can't be read: No such file or directory" in caplog.text


def test_who_is_trusted_is_renewed_too(authority: Authority, tmp_path: Path) -> None:
    files = CertificateFiles(of(authority.sign("gate", days=30), authority.file))
    files.read()
    replace(authority.file, Authority(tmp_path, "next").file)
    assert isinstance(files.renewed(), grpc.ServerCertificateConfiguration)


def test_a_certificate_that_ends_soon_is_told(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    CertificateFiles(of(authority.sign("far", days=15))).read()
    assert not caplog.records
    CertificateFiles(of(authority.sign("near", days=3))).read()
    assert "near.crt ends in 3.0 days; renew it, no restart is needed" in caplog.text
