import os
import threading
from pathlib import Path

import grpc
import pytest

from risksvc.gate.threads import give_way

TASKS = Path("/proc/self/task")


@pytest.mark.skipif(not TASKS.is_dir(), reason="threads have a niceness of their own on Linux only")
def test_only_threads_that_are_not_pythons_give_way() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with grpc.insecure_channel("unix:/nowhere", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        grpc.channel_ready_future(channel)  # makes gRPC's threads
        changed = give_way(by=1)
    ours = [thread.native_id for thread in threading.enumerate() if thread.native_id]
    assert changed > 0
    assert {os.getpriority(os.PRIO_PROCESS, one) for one in ours} == {before}
