import pytest

from risksvc.core.types import MalformedInputError
from risksvc.tls.endpoint import Endpoint, Tls, host_and_port, is_host


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("127.0.0.1:7443", ("127.0.0.1", 7443)),
        ("[::1]:7443", ("::1", 7443)),
        ("gate-1.example.com:65535", ("gate-1.example.com", 65535)),
        ("gate:0", ("gate", 0)),
        ("::1:7443", None),
        ("[gate]:7443", None),
        ("gate", None),
        ("gate:", None),
        ("gate:65536", None),
        ("gate:-1", None),
        (":7443", None),
        ("a,b:7443", None),
        ("dns:///gate:7443", None),
        ("unix:/run/a:1", None),
        ("gate:٧٤", None),
    ],
)
def test_host_and_port(target: str, found: tuple[str, int] | None) -> None:
    assert host_and_port(target) == found


@pytest.mark.parametrize("text", ["10.0.0.1", "::1", "localhost", "gate_1.internal", "a" * 63, "1a.b2"])
def test_a_host(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.256", "1.2.3", "-a", "a-", "a..b", "a b", "gäte", "*.example.com", "a." * 130]
)
def test_no_host(text: str) -> None:
    assert not is_host(text)


def test_a_port_that_the_system_chose_is_not_known() -> None:
    assert Endpoint("127.0.0.1:0").has_no_port
    assert not Endpoint("127.0.0.1:9500").has_no_port
    assert not Endpoint("unix:/run/a:0").has_no_port


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"ca": ""}, "tls.ca: is missing"),
        ({"ca": "ca", "certificate": "c"}, "tls.certificate: needs tls.key beside it"),
        ({"ca": "ca", "key": "k"}, "tls.key: needs tls.certificate beside it"),
        ({"ca": "ca", "server_name": "a b"}, "tls.server_name: 'a b' is neither a host's name nor an address"),
    ],
)
def test_what_is_no_tls(wrong: dict[str, str], problem: str) -> None:
    with pytest.raises(MalformedInputError, match=problem):
        Tls(**wrong)
