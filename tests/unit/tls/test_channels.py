"""Connections that come to nothing: each ends in one sentence that says what to do, and never in clear text."""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
import grpc.aio
import pytest

from risksvc.tls.channels import in_words, secured
from risksvc.tls.endpoint import Endpoint, Tls
from risksvc.tls.pem import TlsError
from tests.certificates import Authority, Certificate

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ca")


@contextmanager
def server(credentials: grpc.ServerCredentials | None) -> Iterator[str]:
    """Answers every call with its own request."""
    echo: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
    with futures.ThreadPoolExecutor(max_workers=1) as pool:
        serving = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        serving.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Echo": echo}),))
        address = "127.0.0.1:0"
        port = serving.add_secure_port(address, credentials) if credentials else serving.add_insecure_port(address)
        serving.start()
        yield f"127.0.0.1:{port}"
        serving.stop(grace=0).wait()


def shown(pair: Certificate, trusts: Authority | None = None) -> grpc.ServerCredentials:
    """What a gate shows, and whom it lets in."""
    own = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
    if trusts is None:
        return grpc.ssl_server_credentials(own)
    return grpc.ssl_server_credentials(own, trusts.file.read_bytes(), require_client_auth=True)


def outcome(endpoint: Endpoint) -> str:
    """What became of a call: "asked", or why not."""
    with secured(endpoint).channel(OPTIONS) as channel:
        try:
            return _echo(channel)(b"asked", timeout=10).decode()
        except grpc.RpcError as error:
            return in_words(str(error.details()))


def _echo(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
    return channel.unary_unary("/test.Echo/Echo", request_serializer=bytes, response_deserializer=bytes)


def test_a_gate_that_is_trusted_is_asked(authority: Authority) -> None:
    with server(shown(authority.sign("gate"))) as target:
        assert outcome(Endpoint(target, Tls(authority.file))) == "asked"


def test_a_gate_may_be_trusted_by_its_own_certificate_alone(authority: Authority) -> None:
    pair, other = authority.sign("gate"), authority.sign("other")
    with server(shown(pair)) as target:
        assert outcome(Endpoint(target, Tls(pair.certificate))) == "asked"
        assert "not signed by the authority that is trusted here" in outcome(Endpoint(target, Tls(other.certificate)))


def test_who_is_let_in_shows_a_certificate(authority: Authority, tmp_path: Path) -> None:
    pair, me, stranger = authority.sign("gate"), authority.sign("me"), Authority(tmp_path, "other").sign("stranger")
    with server(shown(pair, trusts=authority)) as target:
        assert outcome(Endpoint(target, Tls(authority.file, me.certificate, me.key))) == "asked"
        for tls in (Tls(authority.file), Tls(authority.file, stranger.certificate, stranger.key)):
            found = outcome(Endpoint(target, tls))
            assert "wants a certificate that its `client_ca` has signed, and got none, another's, or an" in found


def test_clear_text_is_refused_by_a_port_with_tls(authority: Authority) -> None:
    with server(shown(authority.sign("gate"))) as target:
        assert "what listens there speaks TLS and this side does not" in outcome(Endpoint(target))


def test_a_port_in_clear_text_is_never_asked_by_who_speaks_tls(authority: Authority) -> None:
    with server(None) as target:
        found = outcome(Endpoint(target, Tls(authority.file)))
        assert "what listens there does not speak TLS: is it the right port, has its listener `tls`?" in found
        assert outcome(Endpoint(target)) == "asked"


def test_a_gate_of_another_authority(authority: Authority, tmp_path: Path) -> None:
    with server(shown(Authority(tmp_path, "other").sign("gate"))) as target:
        found = outcome(Endpoint(target, Tls(authority.file)))
        assert found.startswith("the gate's certificate is not signed by the authority that is trusted here")


@pytest.mark.parametrize(
    ("since", "days", "words"),
    [(-10, -1, "the gate's certificate has expired: renew it"), (3, 9, "the gate's certificate is not valid yet")],
)
def test_a_gate_whose_certificate_is_out_of_its_days(authority: Authority, since: int, days: int, words: str) -> None:
    with server(shown(authority.sign("gate", since=since, days=days))) as target:
        assert outcome(Endpoint(target, Tls(authority.file))).startswith(words)


def test_a_gate_of_another_name(authority: Authority) -> None:
    with server(shown(authority.sign("gate", host="gate-1.example.com"))) as target:
        assert "is for another name than the address: give the name" in outcome(Endpoint(target, Tls(authority.file)))
        tls = Tls(authority.file, server_name="gate-1.example.com")
        assert outcome(Endpoint(target, tls)) == "asked"


async def test_the_same_on_an_event_loop(authority: Authority) -> None:
    with server(shown(authority.sign("gate", host="gate-1.example.com"))) as target:
        tls = Tls(authority.file, server_name="gate-1.example.com")
        async with secured(Endpoint(target, tls)).aio_channel(OPTIONS) as channel:
            echo = channel.unary_unary("/test.Echo/Echo", request_serializer=bytes, response_deserializer=bytes)
            assert await echo(b"asked", timeout=10) == b"asked"


def test_files_are_judged_before_anything_is_connected(authority: Authority, tmp_path: Path) -> None:
    old = authority.sign("old", days=-1)
    with pytest.raises(TlsError, match=r"old.crt has expired"):
        secured(Endpoint("127.0.0.1:1", Tls(authority.file, old.certificate, old.key)))
    with pytest.raises(TlsError, match=r"nothing can't be read"):
        secured(Endpoint("127.0.0.1:1", Tls(tmp_path / "nothing")))


def test_other_failures_are_told_in_grpcs_own_words() -> None:
    assert in_words("Socket closed") == "Socket closed"
    refused = (
        "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: connect: Connection refused (111)"
    )
    assert in_words(refused) == refused
