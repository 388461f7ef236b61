"""Journal segments as risksvc wrote them before the hash chain: schema 1, whose header has no head."""

import struct
import zlib
from pathlib import Path

from risksvc.gate.frames import build
from risksvc.gate.segments import path_of

SCHEMA_1_HEADER_SIZE = 36


def write_schema_1(folder: Path, segments: list[list[bytes]]) -> None:
    """One segment file for each list of payloads."""
    folder.mkdir(mode=0o700, exist_ok=True)
    entries = crc = 0
    for number, payloads in enumerate(segments, start=1):
        body = struct.pack("<8sIQQI", b"RISKSVCJ", 1, number, entries, crc)
        crc = zlib.crc32(body)
        data = [body, crc.to_bytes(4, "little")]
        for payload in payloads:
            frame, crc = build(payload, crc=crc)
            data.append(frame)
        entries += len(payloads)
        path_of(folder, number).write_bytes(b"".join(data))
