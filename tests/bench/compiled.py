"""The compiled rules (deploy/compiled), where they are built: what measured gates run on by default."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from deploy.compiled.build import STAMP, source_hash

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".compiled"


@cache
def built() -> bool:
    """Whether they are there, and of this source."""
    stamp = FOLDER / STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii") == source_hash()


def environment(*, compiled: bool = True) -> Mapping[str, str]:
    """Of a process that runs on them, or on the plain source."""
    path = [str(FOLDER), str(ROOT)] if compiled and built() else [str(ROOT)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONSAFEPATH": "1"}
