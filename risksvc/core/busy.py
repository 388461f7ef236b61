"""The lines on which something is held or works, and how old the marks are that they depend on.

Follows from the lines, so no snapshot holds it. Kept so that a mark, a read or a reload that concerns a few instruments
does not walk ten thousand. Nothing here depends on the order in which lines became busy.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from risksvc.core.line import Line
from risksvc.core.marks import MarkState
from risksvc.core.types import Nanoseconds


@dataclass(slots=True)
class BusyLines:
    """Those of one account that are not idle. `ages`: how many of their marks were read at which time."""

    lines: dict[str, Line] = field(default_factory=dict)
    ages: dict[Nanoseconds, int] = field(default_factory=dict)

    @classmethod
    def among(cls, lines: Iterable[Line]) -> "BusyLines":
        """Those that are not idle now."""
        found = cls()
        for line in lines:
            if not line.idle:
                found.add(line)
        return found

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines.values())

    def add(self, line: Line) -> None:
        """Takes a line in; one that is there already changes nothing."""
        if line.key in self.lines:
            return
        self.lines[line.key] = line
        for mark in line.marks.values():
            self._count(mark.as_of, 1)

    def drop(self, line: Line) -> None:
        """Lets a line go; one that is not there changes nothing."""
        if self.lines.pop(line.key, None) is None:
            return
        for mark in line.marks.values():
            self._count(mark.as_of, -1)

    def see_mark(self, line: Line, before: MarkState | None, after: MarkState) -> None:
        """A mark of a line was read again."""
        if line.key not in self.lines:
            return
        if before is not None:
            self._count(before.as_of, -1)
        self._count(after.as_of, 1)

    @property
    def oldest_mark(self) -> Nanoseconds | None:
        """When the oldest mark was read that anything held or working depends on; None: nothing depends on any."""
        return min(self.ages, default=None)

    def _count(self, as_of: Nanoseconds, number: int) -> None:
        left = self.ages.get(as_of, 0) + number
        if left:
            self.ages[as_of] = left
        else:
            del self.ages[as_of]
