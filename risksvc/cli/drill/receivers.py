"""Where everybody's messages arrive in a drill: one local HTTP server with a mailbox for each recipient."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came; `at_ns` on this machine's clock."""

    recipient: str
    at_ns: int
    text: str


class Receivers:
    """Listens on loopback; use it as a context manager. The mailbox is the path that is posted to."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), _LARGEST)
                receivers._take(self.path.strip("/"), self.rfile.read(length))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="receivers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def channel(self, recipient: str) -> str:
        """The apprise URL of a mailbox."""
        return f"json://127.0.0.1:{self._server.server_port}/{recipient}"

    def of(self, recipient: str) -> list[Received]:
        """What one recipient got, in order."""
        return [one for one in list(self.received) if one.recipient == recipient]

    def _take(self, recipient: str, body: bytes) -> None:
        try:
            content = json.loads(body)
        except ValueError:
            content = {}
        text = str(content.get("message", "")) if isinstance(content, dict) else ""
        self.received.append(Received(recipient, time.time_ns(), text))
