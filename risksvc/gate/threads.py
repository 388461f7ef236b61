"""gRPC's own threads give way to the one that decides.

Under a flood gRPC's threads, which read, refuse and write beside Python, take the processor that the event loop needs
to look at a halt, to ask Redis for a lease, to answer at all. Measured on 2 cores under ten times what the gate can
take: with this three times as many checks are answered, and a halt is in force in two thirds of the time. Where the
processor is not short it changes nothing. Never touches a thread of Python's.
"""

import os
import threading
from contextlib import suppress
from pathlib import Path

GIVE_WAY_BY = 5
_TASKS = Path("/proc/self/task")


def give_way(*, by: int = GIVE_WAY_BY) -> int:
    """Raises the niceness of every thread that is not Python's, once they exist; later ones inherit it. How many.

    Linux only: elsewhere 0, and all threads are alike.
    """
    ours = {thread.native_id for thread in threading.enumerate()}
    foreign = [int(task.name) for task in _TASKS.iterdir()] if _TASKS.is_dir() else []
    return sum(_renice(thread, by) for thread in foreign if thread not in ours)


def _renice(thread: int, by: int) -> bool:
    with suppress(OSError):  # it has just ended
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, 0) + by)
        return True
    return False
