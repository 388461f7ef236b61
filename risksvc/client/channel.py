"""How the gate is reached: the target, the deadline, and every channel option that matters, written out.

Never opens anything. A default of grpc that is not named here would one day change or break a guarantee: retries would
re-send, a proxy variable would reroute, a shared subchannel would inherit another channel's long backoff.
"""

import math
import re

import grpc
import grpc.aio

from risksvc.core.types import MalformedInputError
from risksvc.tls.channels import in_words
from risksvc.tls.endpoint import Endpoint, Tls, host_and_port

DEFAULT_DEADLINE = 0.1
# Approvals live about 100 ms: a caller that waits longer than this for one has stopped trading anyway.
MAX_DEADLINE = 5.0
# How long one report may take before it counts as failed and is repeated.
REPORT_DEADLINE = 0.5
RECONNECT_FIRST = 0.05
RECONNECT_MOST = 0.25

MAX_REQUEST_BYTES = 64 * 1024
# Room for a trading state that lists hundreds of halts: too small a limit would end the stream just when they pile up.
MAX_RESPONSE_BYTES = 1024 * 1024
_MAX_SOCKET_PATH = 107
_MAX_PORT = 65_535

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.enable_retries", 0),  # the one retry is ours: same id, same deadline
    ("grpc.service_config_disable_resolution", 1),  # nobody else configures retries or timeouts
    ("grpc.use_local_subchannel_pool", 1),  # a new gate object never inherits an old one's backoff
    ("grpc.enable_http_proxy", 0),  # an https_proxy variable must not reroute loopback
    ("grpc.lb_policy_name", "pick_first"),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),  # this one is how long a single connection attempt may take
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
    ("grpc.max_metadata_size", 8192),
    ("grpc.keepalive_time_ms", 10_000),  # ends connections to a vanished peer; never relied on for a decision
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
)

_LOOPBACK = re.compile(r"(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\]):(\d{1,5})", re.ASCII)


def status_of(error: grpc.RpcError) -> tuple[grpc.StatusCode | None, str]:
    """Return a failed call's status and what the other side, or grpc, says about it."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return None, str(error)
    return error.code(), in_words(str(error.details() or ""))


def problem_text(error: Exception) -> str:
    """Say what went wrong on the way to the gate, in one line."""
    if isinstance(error, grpc.RpcError):
        code, details = status_of(error)
        return f"{'no status' if code is None else code.name}: {details}"
    if isinstance(error, TimeoutError):
        return "the gate is connected but says nothing"
    return f"{type(error).__name__}: {error}"


def checked_endpoint(target: str, tls: Tls | None) -> Endpoint:
    """Return where the gate is and how it is spoken to: beyond this machine never without TLS."""
    if tls is None:
        return Endpoint(checked_target(target))
    if not isinstance(tls, Tls):
        raise TypeError(f"tls: {tls!r} is no Tls; allowed: Tls(ca=..., certificate=..., key=...)")
    if not isinstance(target, str):
        raise TypeError(f"target: {target!r} is not text; with tls it is 'host:port'")
    if target.startswith("unix:"):
        raise MalformedInputError("tls", "belongs to a port; a unix socket never leaves the host")
    found = host_and_port(target)
    if found is None or not found[1]:
        raise MalformedInputError("target", f"{target!r} is not 'host:port', which TLS needs")
    return Endpoint(target, tls)


def checked_target(target: str) -> str:
    """Return the target as grpc takes it: "unix:/path/strategy.sock" or "127.0.0.1:port"."""
    if not isinstance(target, str):
        raise TypeError(f"target: {target!r} is not text; allowed: 'unix:/path/strategy.sock' or '127.0.0.1:port'")
    if target.startswith("unix:"):
        return _checked_socket(target)
    match = _LOOPBACK.fullmatch(target)
    if match is None or not 0 < int(match[1]) <= _MAX_PORT:
        problem = f"{target!r} is neither 'unix:/path/strategy.sock' nor a loopback address like '127.0.0.1:7443'"
        raise MalformedInputError("target", f"{problem}; what is not encrypted must not leave the host: give tls")
    return target


def _checked_socket(target: str) -> str:
    path = target.removeprefix("unix:")
    if path.startswith("//"):
        path = path.removeprefix("//")
    if not path:
        raise MalformedInputError("target", "'unix:' needs the path of the gate's strategy socket after it")
    if len(path.encode()) > _MAX_SOCKET_PATH:
        raise MalformedInputError("target", f"{path!r} is longer than {_MAX_SOCKET_PATH} bytes, which no socket can be")
    return target


def checked_deadline(deadline: float) -> float:
    """Return a deadline in seconds. No call goes without: nothing else protects a caller from a hung gate."""
    allowed = f"allowed: seconds above 0 and at most {MAX_DEADLINE:g}, like {DEFAULT_DEADLINE}"
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        raise TypeError(f"deadline: {deadline!r} is not a number of seconds; a deadline is mandatory; {allowed}")
    if not (math.isfinite(deadline) and 0 < deadline <= MAX_DEADLINE):
        raise MalformedInputError("deadline", f"{deadline!r}; {allowed}")
    return float(deadline)
