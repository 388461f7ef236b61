"""The journal's hash chain: one SHA-256 over every entry since the first, so that no old entry can change unseen.

A checksum (crc32) finds accidents; whoever changes a journal on purpose writes new ones. The chain's head names
everything before it, so a head that was told elsewhere (`risksvc.gate.anchors`) can't be made to fit another past.

How anybody can recompute it, with `||` for bytes put together:

    head before the first segment  = 32 zero bytes
    at the start of a segment      running = SHA-256 over (head before the segment || the segment's header without its
                                   own checksum: the first 32 bytes of a schema 1 segment, 64 of schema 2)
    for each entry                 running goes on over (length of the payload, u32 little-endian || payload)
    head after that entry          = digest of running
    head before the next segment   = head after the last entry
"""

import hashlib
import struct

GENESIS = bytes(32)
UNKNOWN = b""  # the head before a schema 1 segment whose predecessors are gone
_LENGTH = struct.Struct("<I")


class Chain:
    """The running hash of one segment. `previous`: the head before it; UNKNOWN: no head can be given either."""

    __slots__ = ("_known", "_running")

    def __init__(self, previous: bytes = UNKNOWN, header: bytes = b"") -> None:
        self._known = previous != UNKNOWN
        self._running = hashlib.sha256(previous + header)

    def add(self, payload: bytes) -> None:
        """The next entry. On the path of each decision: about half a µs."""
        self._running.update(_LENGTH.pack(len(payload)) + payload)

    def head(self) -> bytes:
        """32 bytes that stand for every entry so far; UNKNOWN where the chain's beginning is."""
        return self._running.digest() if self._known else UNKNOWN
