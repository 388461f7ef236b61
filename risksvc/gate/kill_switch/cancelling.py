"""Ending a loop that awaits redis-py, reliably.

redis-py sends through `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that arrives in the moment in
which the awaited call finishes. A loop that is cancelled then would go on for ever; so each asks here once a turn.
"""

import asyncio


def heed_cancel() -> None:
    """Raises CancelledError when this task was cancelled and somebody below it swallowed that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
