"""A process beside the gate: nice from its first instruction, and it gets its words."""

import os
import subprocess
import sys
from pathlib import Path

from risksvc.gate import aside

MODULE = "import os, sys\nprint(os.nice(0), __name__, sys.argv[1:], bool(sys.flags.safe_path))\nsys.exit(3)\n"


def test_it_gives_way_and_gets_its_words(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(MODULE)
    words = aside.words("beside", "a b", "c", niceness=7)
    assert words[0] == sys.executable
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"{min(19, os.nice(0) + 7)} __main__ ['a b', 'c'] True\n"
