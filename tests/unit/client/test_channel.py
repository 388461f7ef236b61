import math

import pytest

from risksvc.client.channel import CHANNEL_OPTIONS, MAX_DEADLINE, checked_deadline, checked_endpoint, checked_target
from risksvc.core.types import MalformedInputError
from risksvc.tls.endpoint import Endpoint, Tls
from tests.unit.client.messages import Field


@pytest.mark.parametrize(
    "target",
    [
        "unix:/run/risksvc/strategy.sock",
        "unix:///run/risksvc/strategy.sock",
        "unix:strategy.sock",
        "127.0.0.1:7443",
        "127.0.1.1:1",
        "localhost:65535",
        "[::1]:7443",
    ],
)
def test_a_socket_or_a_loopback_address_is_a_target(target: str) -> None:
    assert checked_target(target) == target


@pytest.mark.parametrize(
    "target",
    [
        "",
        "unix:",
        "unix://",
        "unix:/" + "x" * 107,
        "10.0.0.1:7443",
        "gate.example.com:7443",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:7443,10.0.0.1:7443",
        "dns:///localhost:7443",
        "0.0.0.0:7443",
        "127.0.0.1:\u0667\u0664",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(target: str) -> None:
    with pytest.raises(MalformedInputError, match="target"):
        checked_target(target)


TLS = Tls(ca="ca.crt")


@pytest.mark.parametrize("target", ["gate.example.com:7443", "10.0.0.1:7443", "[fd00::1]:7443", "127.0.0.1:7443"])
def test_with_tls_the_gate_may_be_anywhere(target: str) -> None:
    assert checked_endpoint(target, TLS) == Endpoint(target, TLS)
    assert checked_endpoint("127.0.0.1:7443", None) == Endpoint("127.0.0.1:7443")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("unix:/run/risksvc/strategy.sock", "tls: belongs to a port"),
        ("gate.example.com", "target: 'gate.example.com' is not 'host:port'"),
        ("gate.example.com:0", "is not 'host:port', which TLS needs"),
        ("a:1,b:2", "is not 'host:port', which TLS needs"),
    ],
)
def test_tls_is_a_ports(target: str, problem: str) -> None:
    with pytest.raises(MalformedInputError, match=problem):
        checked_endpoint(target, TLS)


@pytest.mark.parametrize(("target", "tls"), [("gate:7443", "ca.crt"), (7443, TLS), (b"gate:7443", TLS)])
def test_an_endpoint_is_text_and_tls(target: Field, tls: Field) -> None:
    with pytest.raises(TypeError):
        checked_endpoint(target, tls)


@pytest.mark.parametrize("deadline", [0.001, 0.1, 1, MAX_DEADLINE])
def test_a_deadline_is_seconds(deadline: float) -> None:
    assert checked_deadline(deadline) == deadline


@pytest.mark.parametrize("deadline", [0, -1, MAX_DEADLINE + 0.001, math.inf, math.nan])
def test_a_deadline_out_of_range_is_refused(deadline: float) -> None:
    with pytest.raises(MalformedInputError, match="allowed: seconds above 0 and at most 5"):
        checked_deadline(deadline)


@pytest.mark.parametrize("deadline", [None, "0.1", True])
def test_there_is_no_going_without_a_deadline(deadline: Field) -> None:
    with pytest.raises(TypeError, match="a deadline is mandatory"):
        checked_deadline(deadline)


def test_the_options_that_guarantees_rest_on_are_written_out() -> None:
    """facts: gRPC's own defaults retry, share backoff between channels, and follow proxy variables."""
    options = dict(CHANNEL_OPTIONS)
    assert options["grpc.enable_retries"] == 0
    assert options["grpc.use_local_subchannel_pool"] == 1
    assert options["grpc.enable_http_proxy"] == 0
    assert options["grpc.service_config_disable_resolution"] == 1
    assert (options["grpc.initial_reconnect_backoff_ms"], options["grpc.max_reconnect_backoff_ms"]) == (50, 250)
    assert len(options) == len(CHANNEL_OPTIONS)
