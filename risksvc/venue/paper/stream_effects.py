"""What each fault of the sockets does to a push, or to whatever is sent: one small function per row, a table per stage.

The rows themselves are changed by `effects.ROWS`. A fault that holds pushes back keeps them by socket (`waiting`), so
that no socket ever gets another one's.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from risksvc.venue.paper.faults import Fault


def _lose(fault: Fault, _conn_id: str, payloads: list[bytes]) -> list[bytes]:
    return [] if fault.hits % fault.number("every") == 0 else payloads


def _duplicate(_fault: Fault, _conn_id: str, payloads: list[bytes]) -> list[bytes]:
    return [each for each in payloads for _ in range(2)]


def _reorder(fault: Fault, conn_id: str, payloads: list[bytes]) -> list[bytes]:
    """Hold pushes back until the group is full, or the fault used up."""
    waiting = fault.waiting.setdefault(conn_id, [])
    waiting.extend(payloads)
    if len(waiting) < fault.number("group") and fault.remaining != 0:
        return []
    return fault.waiting.pop(conn_id)[::-1]


# Each gives what is sent to a socket in place of a push (encoded).
PUSHES: Final[Mapping[str, Callable[[Fault, str, list[bytes]], list[bytes]]]] = MappingProxyType(
    {"ws_lose": _lose, "ws_duplicate": _duplicate, "ws_reorder": _reorder}
)


def _silence(_fault: Fault) -> int | None:
    return None


def _delay(fault: Fault) -> int | None:
    return fault.number("ms")


# Each gives by how many milliseconds a message is late, None when it is lost.
SENDS: Final[Mapping[str, Callable[[Fault], int | None]]] = MappingProxyType(
    {"ws_silent": _silence, "ws_delay": _delay}
)


def lateness(faults: list[Fault]) -> int | None:
    """Give by how much a message that meets these faults is late, None when it is lost."""
    late = [SENDS[fault.name](fault) for fault in faults if fault.name in SENDS]
    return None if None in late else sum(each or 0 for each in late)
