"""How many calls gRPC may hand over: a new one is asked for when one was answered, or when all was looked at.

Each call that is asked for is a place. A unary call holds its place until it is answered, so a flood finds no more of
them, and is refused by gRPC itself, early. One that came and says nothing holds none once everything that came was
looked at: who only opens calls can't keep others out. A stream holds none; the budget of calls bounds streams.
"""

MOST = 128
_SOME = MOST // 4  # so many at once are asked for: asking one by one costs each call more


class Places:
    """`looks`: how often everything that came was looked at."""

    __slots__ = ("_free", "_held", "looks")

    def __init__(self) -> None:
        self._free = MOST
        self._held = 0
        self.looks = 0

    def came(self) -> int:
        """A unary call came. What it gives back when it is answered."""
        self._held += 1
        return self.looks

    def passed(self) -> None:
        """A call came that holds no place: a stream, or one that is refused."""
        self._free += 1

    def answered(self, looks: int) -> None:
        """A unary call was answered. `looks`: what `came` gave."""
        if looks == self.looks:
            self._held -= 1
            self._free += 1

    def looked_at_all(self) -> None:
        """Nothing waits: those that hold a place have not said what they want yet."""
        self._free, self._held, self.looks = self._free + self._held, 0, self.looks + 1

    @property
    def some_free(self) -> bool:
        """It is worth asking."""
        return self._free >= _SOME

    @property
    def some_not_asked_for(self) -> bool:
        """It is worth looking whether anything waits."""
        return self._free + self._held >= _SOME

    def take(self) -> int:
        """So many calls are asked for now."""
        free, self._free = self._free, 0
        return free
