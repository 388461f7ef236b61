"""What gRPC must be told before it is loaded, so that the direct engine's thread does its own reading and writing.

Without it gRPC reads and writes on threads of its own and hands every call over, which costs about a third of the
throughput. gRPC reads these variables once, when it is imported: so the process's entry calls this first. What the user
set stands. Imports nothing that imports gRPC.
"""

from collections.abc import Mapping
from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.engine.settings import EngineKind
from risksvc.gate.settings import load_settings

# The listener's own thread polls its own sockets; with `poll` no other gRPC server of the process polls them for it.
VARIABLES = {"GRPC_EXPERIMENTS": "-event_engine_listener", "GRPC_POLL_STRATEGY": "poll"}


def wanted_variables(settings_path: Path) -> Mapping[str, str]:
    """What the environment should hold, where it says nothing else: only the direct engine wants anything."""
    try:
        kind = load_settings(settings_path).engine.kind
    except RiskError:
        return {}  # told by whoever starts the gate with these settings
    return VARIABLES if kind is EngineKind.DIRECT else {}
