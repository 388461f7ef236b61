"""A load generator for CheckOrder that costs little: HTTP/2 frames made beforehand, sent by a clock, answers counted.

Open loop: what is due is sent whether or not earlier answers came, as long as a connection has a stream left of those
that the gate allows, as gRPC's own clients see to; a call that nobody waits for any more is cancelled after its
deadline, as they do too. Run as `python -m tests.bench.flood_load SOCKET RATE SECONDS CONNECTIONS TAG`; rate 0: closed
loop, as fast as answers come. Ends by itself; prints one line of JSON.
"""

import json
import resource
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from risksvc.v1 import strategy_pb2, types_pb2

STREAMS_AT_FIRST = 8  # until the gate has said how many it takes
DEADLINE_S = 0.1  # the client library's default
CLOSED_LOOP_STREAMS = 2
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_MAX_STREAMS = 3
_ID = "o%s-%09d"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def _header(name: str, value: str) -> bytes:
    """A literal that neither side remembers: lengths below 127 only."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


_HEADER_BLOCK = b"".join(
    _header(*one)
    for one in (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/risksvc.v1.StrategyService/CheckOrder"),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{DEADLINE_S * 1000:.0f}m"),
    )
)


def request_parts(tag: str) -> tuple[bytes, bytes]:
    """A check as bytes, before and after its id of fixed length."""
    placeholder = _ID % (tag, 0)
    message = strategy_pb2.CheckOrderRequest(
        account="main",
        strategy="mm",
        client_order_id=placeholder,
        instrument="BTC/USDT:USDT",
        side=types_pb2.SIDE_BUY,
        type=types_pb2.ORDER_TYPE_LIMIT,
        quantity="0.001",
        limit_price="50000",
        intended_position="100000",
        believed_position="0",
    ).SerializeToString()
    body = b"\x00" + len(message).to_bytes(4, "big") + message
    before, _, after = body.partition(placeholder.encode())
    return before, after


@dataclass(slots=True)
class Tally:
    """What became of what was sent. `refused`: a status without an answer; `held`: due, and no stream was left."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    reset: int = 0
    given_up: int = 0
    held: int = 0
    lost_connections: int = 0


@dataclass(slots=True)
class Connection:
    """One HTTP/2 connection of a strategy."""

    path: str
    tally: Tally
    sock: socket.socket = field(init=False)
    _open: dict[int, bool] = field(default_factory=dict)
    _due: deque[tuple[float, int]] = field(default_factory=deque)
    _next: int = 1
    streams: int = STREAMS_AT_FIRST
    _in: bytearray = field(default_factory=bytearray)
    out: bytearray = field(default_factory=bytearray)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)
        self.sock.setblocking(False)
        self._open.clear()
        self._due.clear()
        self._in.clear()
        self._next = 1
        window = (2**31 - 1 - 65535).to_bytes(4, "big")
        self.out[:] = _PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_WINDOW, 0, 0, window)

    @property
    def in_flight(self) -> int:
        return len(self._open)

    def ask(self, body: bytes, now: float) -> None:
        stream, self._next = self._next, self._next + 2
        self._open[stream] = False
        self._due.append((now + DEADLINE_S, stream))
        self.out += _frame(_HEADERS, _END_HEADERS, stream, _HEADER_BLOCK) + _frame(_DATA, _END_STREAM, stream, body)
        self.tally.sent += 1

    def give_up(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            stream = self._due.popleft()[1]
            if stream in self._open:
                del self._open[stream]
                self.out += _frame(_RST, 0, stream, (8).to_bytes(4, "big"))  # CANCEL
                self.tally.given_up += 1

    def flush(self) -> None:
        try:
            while self.out:
                del self.out[: self.sock.send(self.out)]
        except BlockingIOError:
            pass

    def receive(self) -> bool:
        """False: the other side closed it."""
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._in += data
        for kind, flags, stream, payload in self._frames():
            if kind == _GOAWAY:
                return False
            self._take(kind, flags, stream, payload)
        return bool(data)

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        at, buffer = 0, self._in
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at - 9 < length:
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
            yield buffer[at + 3], buffer[at + 4], stream, bytes(buffer[at + 9 : at + 9 + length])
            at += 9 + length
        del buffer[:at]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA and stream in self._open:
            self._open[stream] = True
        elif kind == _HEADERS and flags & _END_STREAM and stream in self._open:
            if self._open.pop(stream):
                self.tally.answered += 1
            else:
                self.tally.refused += 1
        elif kind == _RST and self._open.pop(stream, None) is not None:
            self.tally.reset += 1
        elif kind == _SETTINGS and not flags & _ACK:
            self._heed(payload)
            self.out += _frame(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self.out += _frame(_PING, _ACK, 0, payload)

    def _heed(self, settings: bytes) -> None:
        for at in range(0, len(settings), 6):
            if int.from_bytes(settings[at : at + 2], "big") == _MAX_STREAMS:
                self.streams = int.from_bytes(settings[at + 2 : at + 6], "big")


class Load:
    """All connections, paced by one clock."""

    def __init__(self, path: str, *, rate: float, connections: int, tag: str) -> None:
        self.tally = Tally()
        self._rate = rate
        self._before, self._after = request_parts(tag)
        self._tag, self._made, self._turn = tag, 0, 0
        self._selector = selectors.DefaultSelector()
        self._connections = [Connection(path, self.tally) for _ in range(connections)]
        for one in self._connections:
            one.connect()
            self._selector.register(one.sock, selectors.EVENT_READ, one)

    def run(self, seconds: float) -> None:
        began = time.monotonic()
        while (now := time.monotonic()) < began + seconds:
            for one in self._connections:
                one.give_up(now)
            self._send(now, now - began)
            for one in self._connections:
                one.flush()
            for key, _ in self._selector.select(0.002):
                if not key.data.receive():
                    self._again(key.data)

    def _again(self, connection: Connection) -> None:
        self.tally.lost_connections += 1
        self._selector.unregister(connection.sock)
        connection.sock.close()
        connection.connect()
        self._selector.register(connection.sock, selectors.EVENT_READ, connection)

    def _send(self, now: float, elapsed: float) -> None:
        if not self._rate:
            for one in self._connections:
                for _ in range(CLOSED_LOOP_STREAMS - one.in_flight):
                    one.ask(self._body(), now)
            return
        due = int(elapsed * self._rate) - self.tally.sent - self.tally.held
        for _ in range(due):
            self._turn = (self._turn + 1) % len(self._connections)
            one = self._connections[self._turn]
            if one.in_flight < one.streams:
                one.ask(self._body(), now)
            else:
                self.tally.held += 1

    def _body(self) -> bytes:
        self._made += 1
        return self._before + (_ID % (self._tag, self._made)).encode() + self._after


def main() -> None:
    path, rate, seconds, connections, tag = sys.argv[1:]
    load = Load(path, rate=float(rate), connections=int(connections), tag=tag)
    load.run(float(seconds))
    used = resource.getrusage(resource.RUSAGE_SELF)
    tally = {name: getattr(load.tally, name) for name in Tally.__slots__}
    print(json.dumps({**tally, "cpu": round((used.ru_utime + used.ru_stime) / float(seconds), 2)}))


if __name__ == "__main__":
    main()
