"""Receivers of messages on 127.0.0.1: an HTTP and an SMTP server that keep what came, and some that misbehave."""

import contextlib
import json
import socket
import socketserver
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """What came, and when (time.monotonic)."""

    at: float
    title: str
    body: str


@dataclass
class Mailbox:
    """What one receiver was given."""

    received: list[Received] = field(default_factory=list)
    tries: int = 0

    def take(self, title: str, body: str) -> None:
        self.received.append(Received(time.monotonic(), title, body))


class Webhook:
    """An HTTP server for apprise's json:// that answers with `status`, in `pieces` a quarter second apart."""

    def __init__(self, *, status: int = 200, pieces: int = 0, path: str = "hook") -> None:
        self.mailbox = mailbox = Mailbox()
        self.status, self.pieces = status, pieces
        self._path = path
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                mailbox.tries += 1
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.status == 200:  # kept before the sender can know
                    mailbox.take(content["title"], content["message"])
                with contextlib.suppress(OSError):
                    self.send_response(hook.status)
                    for number in range(hook.pieces):
                        self.send_header("X-Piece", str(number))
                        self.flush_headers()
                        time.sleep(0.25)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self._server.server_port}/{self._path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class MailServer:
    """The little of SMTP that a client needs to leave a message."""

    def __init__(self) -> None:
        self.mailbox = mailbox = Mailbox()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 ready")
                while line := self.rfile.readline():
                    word = line[:4].upper().strip()
                    if word == b"DATA":
                        self._data()
                    elif word == b"QUIT":
                        self._say("221 bye")
                        return
                    else:
                        self._say("250 ok")

            def _data(self) -> None:
                self._say("354 go on")
                lines: list[str] = []
                while (line := self.rfile.readline().rstrip(b"\r\n")) != b".":
                    lines.append(line.decode())
                mailbox.tries += 1
                mailbox.take("", "\n".join(lines))
                self._say("250 taken")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        port = self._server.server_address[1]
        return f"mailto://127.0.0.1:{port}/?from=gate@example.com&to=risk@example.com"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class BlackHole:
    """Takes connections and never says anything."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=50)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self._socket.getsockname()[1]}/hole"

    def close(self) -> None:
        self._socket.close()


def refusing_url() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"json://127.0.0.1:{taken.getsockname()[1]}/nobody"
