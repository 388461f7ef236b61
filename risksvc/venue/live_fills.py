"""Executions that a private stream tells: passed on at once where the venue has shown that they are the reads' own.

Invariants: a fill is passed on once, whoever told it first; nothing that a stream says moves the point up to which
fills have been read. Whether a stream's trade ids are those of the reads is not taken on trust, since a fill under two
ids would count twice: until a read has shown an execution exactly as the stream told it, executions only trigger reads.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from risksvc.venue.fills import FillCursor
from risksvc.venue.quirks import FillKind
from risksvc.venue.reader import AccountReader, PassOn
from risksvc.venue.rows import FillRow, Row

_REMEMBERED = 10_000
_MARGIN_MS = 1_000  # by which the clocks of one venue's servers may differ


class LiveFills:
    """A session's executions from the stream. `known_alike`: this venue's rows are the same in both."""

    def __init__(
        self, *, reader: AccountReader, cursor: FillCursor, pass_on: PassOn, known_alike: bool, wait_ms: int
    ) -> None:
        self._reader = reader
        self._cursor = cursor
        self._pass_on = pass_on
        self._alike = known_alike
        self._differ = False
        self._wait_s = wait_ms / 1_000
        self._since_ms: int | None = None
        self._heard = _Recent()
        self._read = _Recent()
        self._missing: dict[tuple[str, str], float] = {}

    def up(self, venue_time_ms: int) -> None:
        """Expect the stream to tell what happens from now on."""
        self._since_ms = venue_time_ms + _MARGIN_MS
        self._missing.clear()

    def down(self) -> None:
        """Expect nothing."""
        self._since_ms = None
        self._missing.clear()

    def hear(self, rows: Sequence[Row]) -> None:
        """Take in execution rows of one message; raises UnreadableRowError."""
        fills = self._reader.live_fills_of(rows)
        for fill in fills:
            self._heard.put(fill)
            self._missing.pop(fill.key, None)
        if self._alike:
            new = self._cursor.absorb_live(fills)
            self._reader.note_moves(new)
            self._send(new)

    def resolve_known(self) -> None:
        """Pass on again what has become known to belong to an order."""
        self._send(self._cursor.resolve_known())

    def read(self, fills: Sequence[FillRow]) -> None:
        """Take in what reads gave first, or gave again: it shows whether the stream tells the same, and all."""
        for fill in fills:
            heard = self._heard.get(fill.key)
            if heard is not None:
                self._differ = self._differ or not _same(heard, fill)
                self._alike = not self._differ
            elif self._read.get(fill.key) is None:
                self._expect(fill)
            self._read.put(fill)

    def overdue(self) -> FillRow | None:
        """Give a fill that the stream should have told by now."""
        now = asyncio.get_running_loop().time()
        late = next((key for key, by_s in self._missing.items() if by_s <= now), None)
        return None if late is None else self._read.get(late)

    def _expect(self, fill: FillRow) -> None:
        told = self._alike and self._since_ms is not None and fill.venue_time_ms >= self._since_ms
        if told and fill.kind is FillKind.TRADE:
            self._missing[fill.key] = asyncio.get_running_loop().time() + self._wait_s

    def _send(self, fills: Sequence[FillRow]) -> None:
        if fills:
            self._pass_on(fills)


class _Recent:
    """The newest fills by their keys."""

    def __init__(self) -> None:
        self._fills: OrderedDict[tuple[str, str], FillRow] = OrderedDict()

    def put(self, fill: FillRow) -> None:
        self._fills[fill.key] = fill
        self._fills.move_to_end(fill.key)
        if len(self._fills) > _REMEMBERED:
            self._fills.popitem(last=False)

    def get(self, key: tuple[str, str]) -> FillRow | None:
        return self._fills.get(key)


def _same(told: FillRow, read: FillRow) -> bool:
    return (told.side, told.quantity, told.price, told.venue_order_id) == (
        read.side,
        read.quantity,
        read.price,
        read.venue_order_id,
    )
