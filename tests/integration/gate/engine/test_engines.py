"""What every engine keeps, whatever callers do: the same suite for each."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import grpc
import pytest

from risksvc.gate.engine.settings import EngineKind
from tests.integration.gate.engine.rig import Rig, talk, unary, watch

Echo: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
# What calls end with that were not served in time: refused at once, or given up by either side.
NOT_IN_TIME = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}
ASK_AND_DIE = """
import os, sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
echo, talk = channel.unary_unary("/t/Echo"), channel.stream_stream("/t/Talk")
for _ in range(20):
    echo.future(b"x", timeout=5)
next(talk(iter([b"a", b"b"]), timeout=5))
next(channel.unary_stream("/t/Watch")(b"1000"))
os.kill(os.getpid(), 9)
"""


@pytest.fixture(params=list(EngineKind), ids=lambda kind: kind.value)
def kind(request: pytest.FixtureRequest) -> EngineKind:
    chosen: EngineKind = request.param
    return chosen


@pytest.fixture
def rig(kind: EngineKind) -> Iterator[Rig]:
    with Rig(kind) as rig:
        yield rig


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def code(call: object) -> grpc.StatusCode:
    found: grpc.StatusCode = call.code()  # type: ignore[attr-defined]  # a call or an error
    return found


def refused(echo: Echo, data: bytes) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        echo(data, timeout=5)
    return error.value.code(), str(error.value.details())


def test_replies_sessions_and_watches(rig: Rig) -> None:
    channel, echo = rig.channel(), rig.echo()
    assert echo(b"hello", timeout=5) == b"hello"
    assert echo(b"", timeout=5) == b""
    sent = [b"%d" % number for number in range(200)]
    assert list(talk(channel, "/t/Talk")(iter(sent), timeout=5)) == sent
    assert list(talk(channel, "/t/Talk")(iter([]), timeout=5)) == []
    assert list(watch(channel)(b"5", timeout=5)) == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"malformed", grpc.StatusCode.INVALID_ARGUMENT, "quantity: must be positive"),
        (b"closed", grpc.StatusCode.INTERNAL, "the gate met an internal error and is closed; see `risksvc status`"),
        (b"bug", grpc.StatusCode.INTERNAL, "an internal error; nothing was approved. See the gate's log"),
        (b"status", grpc.StatusCode.NOT_FOUND, "nobody"),
    ],
)
def test_errors_become_statuses(rig: Rig, data: bytes, status: grpc.StatusCode, text: str) -> None:
    assert refused(rig.echo(), data) == (status, text)
    talking = talk(rig.channel(), "/t/Talk")(iter([b"first", data, b"never"]), timeout=5)
    assert next(talking) == b"first"
    with pytest.raises(grpc.RpcError):
        next(talking)
    assert (talking.code(), talking.details()) == (status, text)
    assert b"never" not in rig.handled
    tallied = (rig.tallies.malformed, rig.tallies.internal_errors)
    assert tallied == {b"malformed": (2, 0), b"status": (0, 0)}.get(data, (0, 2))


def test_a_watch_that_fails_or_finds_no_room(rig: Rig) -> None:
    follow = watch(rig.channel())
    for data, status in ((b"bug", grpc.StatusCode.INTERNAL), (b"full", grpc.StatusCode.RESOURCE_EXHAUSTED)):
        call = follow(data, timeout=5)
        with pytest.raises(grpc.RpcError):
            next(call)
        assert call.code() is status
        assert "secret" not in str(call.details())


def test_unknown_methods(rig: Rig) -> None:
    channel = rig.channel()
    for name in ("/t/Approve", "/x/Echo", "/t/echo"):
        assert refused(unary(channel, name), b"")[0] is grpc.StatusCode.UNIMPLEMENTED
        assert code(talk(channel, name)(iter([b"x"]), timeout=5)) is grpc.StatusCode.UNIMPLEMENTED
    assert rig.handled == []


def test_what_is_too_large_costs_no_handler(rig: Rig) -> None:
    channel, echo = rig.channel(), rig.echo()
    assert refused(echo, b"x" * 70_000)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    talking = talk(channel, "/t/Talk")(iter([b"x" * 70_000]), timeout=5)
    assert code(talking) is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.RpcError) as error:
        unary(rig.channel(), "/t/Echo")(b"x", timeout=5, metadata=(("x-much", "y" * 40_000),))
    assert error.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
    assert rig.handled == []
    assert echo(b"still", timeout=5) == b"still"


def test_a_deadline_that_passed_while_others_were_handled(rig: Rig) -> None:
    first, second = rig.echo(), rig.echo()
    assert (first(b"1", timeout=5), second(b"2", timeout=5)) == (b"1", b"2")
    held = first.future(b"hold", timeout=10)
    rig.until(lambda: b"hold" in rig.handled, "the handler runs")
    late = second.future(b"late", timeout=0.2)
    assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    rig.hold.set()
    assert held.result(timeout=5) == b"held"
    assert second(b"next", timeout=5) == b"next"
    # The direct engine's thread reads the connection itself: a call that it could not read in time begins when it does,
    # and the cancellation that came behind it may be seen a moment after its message.
    assert rig.kind is EngineKind.DIRECT or b"late" not in rig.handled


def test_callers_that_cancel_and_callers_that_are_killed(rig: Rig) -> None:
    echo, channel = rig.echo(), rig.channel()
    for _ in range(200):
        echo.future(b"x", timeout=5).cancel()
    for _ in range(200):
        with contextlib.suppress(grpc.RpcError):
            echo(b"x", timeout=0.0003)
    for _ in range(20):
        watching = watch(channel)(b"1000", timeout=5)
        assert next(watching) == b"0"
        watching.cancel()
    dead = [subprocess.Popen([sys.executable, "-c", ASK_AND_DIE, rig.target]) for _ in range(2)]
    assert [one.wait(30) for one in dead] == [-signal.SIGKILL] * 2
    rig.until(lambda: rig.watching == 0, "nobody is followed for who has gone")
    assert rig.echo()(b"still", timeout=5) == b"still"
    assert rig.tallies.internal_errors == 0
    assert rig.failure is None


def test_connections_that_say_nothing_and_garbage(rig: Rig) -> None:
    path = rig.target.removeprefix("unix:")
    before = descriptors()
    with contextlib.ExitStack() as stack:
        for number in range(1_200):
            stranger = socket.socket(socket.AF_UNIX)
            stranger.connect(path)
            if number % 6:
                stranger.close()
                continue
            stack.enter_context(stranger)
            stranger.sendall((b"", b"PRI * HTT", b"\xff" * 500, b"GET / HTTP/1.1\r\n\r\n")[number // 6 % 4])
        assert rig.echo()(b"still", timeout=10) == b"still"
    rig.until(lambda: descriptors() < before + 50, "their descriptors are given back")


def test_so_many_calls_at_once(kind: EngineKind) -> None:
    with Rig(kind, rpcs=3) as rig:
        follow = watch(rig.channel())
        streams = [follow(b"1000", timeout=20) for _ in range(3)]
        assert [next(stream) for stream in streams] == [b"0"] * 3
        echo = rig.echo()
        assert refused(echo, b"x")[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert rig.handled == []
        streams[0].cancel()
        rig.until(lambda: rig.watching == 2, "one has gone")
        rig.until(lambda: not isinstance(_tried(echo), grpc.RpcError), "there is room again")


def _tried(echo: Echo) -> object:
    try:
        return echo(b"x", timeout=5)
    except grpc.RpcError as error:
        return error


def test_more_than_can_be_served_is_refused_early(rig: Rig) -> None:
    echoes = [rig.echo() for _ in range(16)]
    for echo in echoes:
        echo(b"x", timeout=5)
    for seconds in (0.3, 1, 3):  # where so many are not even sent in time, none is answered
        slow = b"slow %f" % (seconds / 60)
        calls = [echo.future(slow, timeout=seconds) for _ in range(30) for echo in echoes]
        codes = [call.code() for call in calls]
        assert set(codes) <= NOT_IN_TIME | {grpc.StatusCode.OK}
        assert rig.handled.count(slow) < len(calls), "what came too late was not handled"
        if grpc.StatusCode.OK in codes:
            break
    else:
        pytest.fail("none was answered")
    rig.until(lambda: _still_answers(rig), "an answer, once what was late has gone")


def _still_answers(rig: Rig) -> bool:
    try:
        return rig.echo()(b"still", timeout=5) == b"still"
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False  # what was given up holds its places for a moment


def test_a_reply_waits_for_the_disk(kind: EngineKind) -> None:
    with Rig(kind) as rig:
        echo = rig.echo()
        assert echo(b"take", timeout=5) == b"taken"
        rig.journal.open.clear()
        waiting = echo.future(b"take", timeout=10)
        rig.until(lambda: rig.journal.commits == 2, "the disk is asked")
        assert not waiting.done()
        more = [echo.future(b"take", timeout=10) for _ in range(20)]
        rig.journal.open.set()
        assert waiting.result(timeout=5) == b"taken"
        assert [one.result(timeout=5) for one in more] == [b"taken"] * 20
        if kind is EngineKind.DIRECT:
            assert rig.journal.commits < 12, "many share one"
        commits = rig.journal.commits
        assert echo(b"only asks", timeout=5) == b"only asks"
        assert rig.journal.commits == commits


def test_a_disk_that_fails_withholds_every_reply_that_rests_on_it(kind: EngineKind) -> None:
    with Rig(kind) as rig:
        rig.journal.error = OSError("input/output error")
        assert refused(rig.echo(), b"take")[0] is grpc.StatusCode.INTERNAL
        assert rig.journal.closed == [rig.journal.error]
        assert rig.echo()(b"only asks", timeout=5) == b"only asks"


def test_a_drain_lets_finish_what_runs_and_cancels_what_stays(rig: Rig) -> None:
    echo, channel = rig.echo(), rig.channel()
    assert echo(b"x", timeout=5) == b"x"
    watching = watch(channel)(b"100000", timeout=30)
    assert next(watching) == b"0"
    began = time.monotonic()
    rig.stop(0.3)
    assert 0.2 < time.monotonic() - began < 10
    with pytest.raises(grpc.RpcError):
        list(watching)
    assert rig.watching == 0
    assert refused(echo, b"x")[0] is grpc.StatusCode.UNAVAILABLE
    assert rig.failure is None


def test_a_drain_with_nobody_there_is_quick(rig: Rig) -> None:
    began = time.monotonic()
    rig.stop(10)
    assert time.monotonic() - began < 5


def test_what_a_handler_leaves_for_the_loop_is_done_at_once(rig: Rig) -> None:
    assert rig.echo()(b"wake", timeout=5) == b"waking"
    rig.until(lambda: b"woken" in rig.handled, "the loop was woken")


def test_behind_tls_with_the_clients_certificate(kind: EngineKind, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", "/CN=localhost", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run([*words, *names, *files], check=True, capture_output=True, timeout=30)
    pair = (key.read_bytes(), certificate.read_bytes())
    rig = Rig(kind)
    rig.credentials = grpc.ssl_server_credentials([pair], root_certificates=pair[1], require_client_auth=True)
    with rig:
        target = f"127.0.0.1:{rig.secure_port}"
        known = grpc.ssl_channel_credentials(pair[1], *pair)
        with grpc.secure_channel(target, known) as channel:
            assert unary(channel, "/t/Echo")(b"hello", timeout=10) == b"hello"
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(pair[1])) as stranger:
            assert refused(unary(stranger, "/t/Echo"), b"x")[0] is grpc.StatusCode.UNAVAILABLE


def test_it_may_spin(kind: EngineKind) -> None:
    with Rig(kind, spin_ns=200_000) as rig:
        echo = rig.echo()
        assert [echo(b"%d" % number, timeout=5) for number in range(20)] == [b"%d" % number for number in range(20)]


def test_what_fails_on_the_direct_engines_own_thread_is_told_and_ends_every_call() -> None:
    with Rig(EngineKind.DIRECT) as rig:
        echo, follow = rig.echo(), watch(rig.channel())
        watching = follow(b"100000", timeout=20)
        assert next(watching) == b"0"

        def broken(*_: object) -> None:
            raise ValueError("a mistake in the engine")

        rig.engine.asks = broken  # type: ignore[attr-defined]
        assert refused(echo, b"x")[0] in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
        with pytest.raises(grpc.RpcError):
            list(watching)
        rig.until(lambda: "a mistake in the engine" in str(rig.failure), "it is told")
