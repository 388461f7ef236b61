"""What a gate wrote down: the trades that its feed told it, read from its journal as an auditor would."""

import json
import subprocess
import sys

from tests.soak.world import SoakWorld

_FILLS = '"type":"FillsReceived"'


def trades_told(world: SoakWorld) -> set[str]:
    """The ids of all trades that the venue's feed told the gate, from `risksvc journal export`; stops the gate."""
    world.stop("gate")
    exported = world.folder / "journal.jsonl"
    words = ("journal", "export", "--settings", str(world.settings), "--output", str(exported))
    subprocess.run((sys.executable, "-m", "risksvc.cli.main", *words), check=True, capture_output=True, timeout=600)
    found: set[str] = set()
    with exported.open(encoding="utf-8") as lines:
        for line in lines:
            if _FILLS in line:
                found.update(fill["trade_id"] for fill in json.loads(line)["input"]["fills"])
    return found
