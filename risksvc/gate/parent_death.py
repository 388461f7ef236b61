"""A process that must not outlive the gate: the kernel ends it when the gate dies, even by kill -9."""

import ctypes
import os
import signal

from risksvc.core.types import RiskError

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """From now on this process ends with its parent; it may have died before this was asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise RiskError("prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise RiskError("the gate has died")
