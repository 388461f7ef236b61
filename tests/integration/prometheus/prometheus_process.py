"""A real Prometheus for a test: its own folder, a port that the system chose, ended by its own handle."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

PATIENCE_SECONDS = 60.0
EXAMPLE = Path(__file__).parents[3] / "deploy" / "prometheus"


class PrometheusProcess:
    """Runs the example's configuration and the project's rules against one gate."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        configuration = yaml.safe_load((EXAMPLE / "prometheus.yml").read_text(encoding="utf-8"))
        configuration["rule_files"] = [str(EXAMPLE / name) for name in configuration["rule_files"]]
        configuration["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> None:
        options = {
            "config.file": self.folder / "prometheus.yml",
            "storage.tsdb.path": self.folder / "data",
            "web.listen-address": f"127.0.0.1:{self.port}",
            "log.level": "warn",
        }
        command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.wait_for("up", lambda rows: any(value == 1 for _, value in rows))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series; nothing while it does not answer yet."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(expression)}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                found: Any = json.load(answer)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return []
        return [(row["metric"], float(row["value"][1])) for row in found["data"]["result"]]

    def firing(self) -> dict[str, list[dict[str, Any]]]:
        """The alerts that fire now, with their labels and annotations, by name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=5) as answer:
            found: Any = json.load(answer)
        alerts: dict[str, list[dict[str, Any]]] = {}
        for one in found["data"]["alerts"]:
            if one["state"] == "firing":
                alerts.setdefault(one["labels"]["alertname"], []).append(one)
        return alerts

    def wait_for(self, expression: str, holds: Any) -> list[tuple[dict[str, str], float]]:  # noqa: ANN401 - a test's lambda
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds(rows := self.query(expression)):
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, f"{expression}: {rows}\n{(self.folder / 'log').read_text()}"
            time.sleep(0.2)
        return rows
