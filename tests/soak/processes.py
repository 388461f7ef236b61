"""The strategies' own processes: started for a block, killed by their handle at its end."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.soak.world import SoakWorld


@contextmanager
def strategy(world: SoakWorld, program: ModuleType, seconds: float, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A strategy's process, from its first order on."""
    path = Path(program.__file__ or "")
    line = (
        sys.executable,
        str(path),
        "--venue",
        world.venue_url,
        "--gate",
        world.gate,
        "--seconds",
        str(seconds),
        *words,
    )
    with (
        (world.folder / f"{path.stem}.log").open("a") as log,
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline() or "{}") == {"began": True}, world.last_words()
            yield process
        finally:
            process.kill()


def end_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a strategy says at its end."""
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
    assert told, "a strategy ended without a word"
    return told
