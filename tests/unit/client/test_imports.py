"""A strategy pays for grpc and protobuf, and for nothing of the server side."""

import subprocess
import sys

HEAVY = {
    *("aiohttp", "ccxt", "click", "hiredis", "msgspec", "prometheus_client", "psutil", "pydantic", "redis", "requests"),
    *("rich", "uvloop", "yaml"),  # grpc itself imports grpc_health and grpc_reflection wherever they are installed
    *("risksvc.gate", "risksvc.venue", "risksvc.cli"),
}


def test_importing_the_client_imports_nothing_of_the_server_side() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "import risksvc.client"]
    timed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    imported = {
        line.rsplit("|", 1)[-1].strip() for line in timed.stderr.splitlines() if line.startswith("import time:")
    }
    assert "risksvc.client" in imported
    assert "grpc" in imported
    assert not HEAVY & imported
