"""Journal anchors in the kill switch's store: a stream that only grows, read back by `risksvc journal verify`.

Rule 1: the heads of several gates share one stream; each entry names its gate. Rule 2: bounded: beyond about 100,000
the oldest go (after eleven days of one gate at the default interval). Whoever may write to the store may also write
here, so an anchor proves nothing against them: for that there are the lines on standard output, kept out of reach.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from risksvc.gate.kill_switch.records import GLOBAL
from risksvc.gate.kill_switch.scripts import key_of

ANCHORS_KEY = key_of(GLOBAL, "anchors")
MAX_ANCHORS = 100_000
_PIECE = 1_000


class Commands(Protocol):
    """What is needed of the store."""

    async def command(self, *words: str) -> Any:  # noqa: ANN401 - a command's reply
        """One command, in 100 ms, never retried. Raises StoreError."""
        ...


async def add_anchor(store: Commands, fields: Mapping[str, str]) -> None:
    """Appends one. Raises StoreError."""
    words = [word for pair in fields.items() for word in pair]
    await store.command("XADD", ANCHORS_KEY, "MAXLEN", "~", str(MAX_ANCHORS), "*", *words)


async def read_anchors(store: Commands) -> list[dict[str, str]]:
    """All of them, oldest first, of every gate. Raises StoreError."""
    found: list[dict[str, str]] = []
    start = "-"
    while True:
        rows = await store.command("XRANGE", ANCHORS_KEY, start, "+", "COUNT", str(_PIECE))
        for _, flat in rows:
            found.append(dict(zip(flat[::2], flat[1::2], strict=True)) if isinstance(flat, list) else dict(flat))
        if len(rows) < _PIECE:
            return found
        start = f"({rows[-1][0]}"
