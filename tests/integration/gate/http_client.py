"""The HTTP side of a gate process as curl would ask it."""

import http.client
import json
import re
from dataclasses import dataclass
from typing import Any

from tests.integration.gate.gate_process import TOKENS, GateProcess

_ADDRESS = re.compile(r"^  http +127\.0\.0\.1:(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        assert self.headers["content-type"].startswith("application/json"), self.headers
        return json.loads(self.body)


class HttpClient:
    """Asks one gate; each call is a connection of its own."""

    def __init__(self, gate: GateProcess) -> None:
        gate.wait_for(lambda: bool(_ADDRESS.search(gate.log_text())), "the gate says where it listens")
        self.port = int(_ADDRESS.findall(gate.log_text())[-1])

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, *, who: str = "") -> Answer:
        return self.ask("GET", path, headers=bearer(who))

    def post(self, path: str, content: object, *, who: str = "alice") -> Answer:
        headers = {"Content-Type": "application/json", **bearer(who)}
        return self.ask("POST", path, body=json.dumps(content).encode(), headers=headers)

    def metrics(self) -> dict[str, float]:
        """Every sample by its name and labels as they are written."""
        rows = (line for line in self.get("/metrics").text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (row.rpartition(" ") for row in rows)}


def bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[who]}"} if who else {}
