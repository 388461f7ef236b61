"""The process that reads a limits file: `python -m risksvc.gate.limits_loading FILE PARENT`.

Reading, checking and comparing ten thousand instruments takes a second of Python, and a thread of the gate that does it
holds up every check for moments at a time. So it is done in a process of its own (`risksvc.gate.aside`), which ends
with the gate (PARENT). On standard input it is given the limits in force as people read them (a GetLimitsResponse); on
standard output it gives one `Answer`. It changes nothing.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from risksvc.core.types import use_exact_arithmetic
from risksvc.gate.config_problems import FileProblem, LimitsFileError
from risksvc.gate.limits_bytes import PackedLimits, pack_limits
from risksvc.gate.limits_file import LoadedLimits, load_limits
from risksvc.gate.limits_view import diff_entries, effective
from risksvc.gate.parent_death import die_with
from risksvc.v1 import operator_pb2

ENTRIES_AT_ONCE = 200

Entries = Sequence[tuple[str, str]]
_NOTHING = msgspec.Raw(b"\xc0")


class Problem(msgspec.Struct, frozen=True):
    """One mistake in the file."""

    file: str
    line: int
    key: str
    message: str


class Answer(msgspec.Struct, frozen=True):
    """What became of it: mistakes, or the limits in every form that the gate needs of them.

    What is large is MessagePack in itself, so that the gate reads one part after another: `packed` a PackedLimits,
    `text` the file's, `effective` and `changes` lists of pieces of GetLimitsResponse and ReloadLimitsResponse as bytes.
    """

    problems: list[Problem] = []
    warnings: tuple[str, ...] = ()
    packed: msgspec.Raw = _NOTHING
    text: msgspec.Raw = _NOTHING
    effective: msgspec.Raw = _NOTHING
    changes: msgspec.Raw = _NOTHING


encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Answer).decode
decode_packed = msgspec.msgpack.Decoder(PackedLimits).decode
decode_text = msgspec.msgpack.Decoder(str).decode
decode_pieces = msgspec.msgpack.Decoder(list[bytes]).decode


def show(entries: Entries) -> list[bytes]:
    """All limits as people read them, in pieces."""
    parts = (entries[start : start + ENTRIES_AT_ONCE] for start in range(0, len(entries), ENTRIES_AT_ONCE))
    return [
        operator_pb2.GetLimitsResponse(
            effective=[operator_pb2.LimitsChange(key=key, after=value) for key, value in part]
        ).SerializeToString()
        for part in parts
    ]


def answer(path: Path, shown: bytes) -> Answer:
    """What the file gives, beside the limits that were shown before (a GetLimitsResponse)."""
    try:
        loaded = load_limits(path)
    except LimitsFileError as error:
        return Answer([Problem(one.file, one.line, one.key, one.message) for one in error.errors])
    before = operator_pb2.GetLimitsResponse.FromString(shown).effective
    return _answered(loaded, [(one.key, one.after) for one in before])


def _answered(loaded: LoadedLimits, before: Entries) -> Answer:
    entries = effective(loaded.limits)
    rows = diff_entries(before, entries)
    parts = (rows[start : start + ENTRIES_AT_ONCE] for start in range(0, len(rows), ENTRIES_AT_ONCE))
    changes = [
        operator_pb2.ReloadLimitsResponse(
            changes=[operator_pb2.LimitsChange(key=key, before=old, after=new) for key, old, new in part]
        ).SerializeToString()
        for part in parts
    ]
    large = (pack_limits(loaded.limits), loaded.text, show(entries), changes)
    return Answer([], loaded.warnings, *(msgspec.Raw(encode(one)) for one in large))


def problems_of(found: Answer) -> tuple[FileProblem, ...]:
    """The mistakes, as the file's reader tells them."""
    return tuple(FileProblem(one.file, one.line, one.key, one.message) for one in found.problems)


def main(words: list[str]) -> int:
    """Answers once."""
    path, parent = Path(words[0]), int(words[1])
    use_exact_arithmetic()
    die_with(parent)
    sys.stdout.buffer.write(encode(answer(path, sys.stdin.buffer.read())))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
