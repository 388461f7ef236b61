"""The drill, as `make drill` plays it: from divergence to review, led by what is printed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_the_drill_passes_and_ends_in_a_summary(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "risksvc.cli.main", "drill", "--report", str(report)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("drill passed: ")
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["passed"]
    assert len(told["checks"]) > 25
    assert all(check["holds"] for check in told["checks"])
