"""Where a gate keeps the id that it was given at its first start, and how everybody reads it; makes nothing."""

from pathlib import Path

from risksvc.core.types import RiskError
from risksvc.gate.config_values import name as checked_name


def gate_id_file(state_dir: Path) -> Path:
    """The file, there or not."""
    return state_dir / "gate-id"


def read_gate_id(state_dir: Path) -> str | None:
    """The id; None: this folder's gate has none yet. Raises RiskError when the file holds no id, and OSError."""
    path = gate_id_file(state_dir)
    try:
        return str(checked_name(path.read_text(encoding="ascii").strip()))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RiskError(f"{path} holds no gate id: {error}; restore it, or write gate.id into the settings") from error
