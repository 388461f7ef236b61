"""What a strategy writes down of each order, as it happens: one short write per order, which survives kill -9.

Times are CLOCK_BOOTTIME nanoseconds: one clock for every process of the machine, that nothing sets. `asked`: before the
check. `usable`: just before the library was asked, as the guard does, whether the order may be sent at this moment.
`sent`: just after it had said yes; 0 when it said no, and then `reason` says why.
"""

import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FORM = struct.Struct("<qqq40s")


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Asked:
    """One order: submitted, or refused and why."""

    asked: int
    usable: int
    sent: int
    reason: str

    @property
    def submitted(self) -> bool:
        return self.sent > 0


class Recorder:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, one: Asked) -> None:
        os.write(self._file, _FORM.pack(one.asked, one.usable, one.sent, one.reason.encode()[:40]))


class Records:
    """Reads what has been written so far, piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.all: list[Asked] = []
        self._offset = 0

    def refresh(self) -> list[Asked]:
        """What is new."""
        new = list(self._new())
        self.all += new
        return new

    def _new(self) -> Iterator[Asked]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = len(data) - len(data) % _FORM.size
        self._offset += whole
        for asked, usable, sent, reason in _FORM.iter_unpack(data[:whole]):
            yield Asked(asked, usable, sent, reason.rstrip(b"\0").decode())
