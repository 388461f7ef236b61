"""A child process that is stopped, for certain: SIGSTOP alone is only sent, and its threads may run on for a moment."""

import os
import signal


def stop(pid: int) -> None:
    """Stops this process's child, and returns when it stands still. SIGCONT lets it go on.

    WNOWAIT leaves what was found where it is: one that is stopped already can be stopped again.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
