"""A clock that a test moves by hand; never used outside tests."""

from risksvc.core.types import MILLISECOND, Nanoseconds

START = 1_700_000_000_000_000_000


class ManualClock:
    def __init__(self, start: Nanoseconds = START) -> None:
        self.time = start
        self.wall_offset = 0

    def now(self) -> Nanoseconds:
        return self.time

    def wall(self) -> Nanoseconds:
        return self.time + self.wall_offset

    def pass_ms(self, milliseconds: float) -> None:
        self.time += round(milliseconds * MILLISECOND)
