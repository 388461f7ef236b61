"""The compiled gate (deploy/compiled), where it is built: what measured gates run on by default."""

import os
from functools import cache
from pathlib import Path

from deploy.compiled.build import STAMP, source_hash

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".compiled"


@cache
def built() -> bool:
    """Whether it is there, and of this source."""
    stamp = FOLDER / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == source_hash()


def environment(*, compiled: bool = True) -> dict[str, str]:
    """Of a process that runs on it, or on the plain source."""
    return looking_in(FOLDER, ROOT) if compiled and built() else looking_in(ROOT)


def looking_in(*folders: Path) -> dict[str, str]:
    """Of a process that looks for its modules in these folders first."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONSAFEPATH": "1"}
