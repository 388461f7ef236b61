"""Starts a process of the gate's own beside it that never takes the processor from a check.

`python -m risksvc.gate.aside NICENESS MODULE ...`: its priority is low from the first instruction on, since what such a
process imports is a good part of what it costs.
"""

import os
import runpy
import sys


def words(module: str, *arguments: str, niceness: int) -> tuple[str, ...]:
    """What starts a module so."""
    return (sys.executable, "-P", "-m", "risksvc.gate.aside", str(niceness), module, *arguments)


if __name__ == "__main__":
    os.nice(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
