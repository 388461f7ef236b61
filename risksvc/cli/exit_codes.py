"""The exit codes of every command, in one table: scripts rely on them, so a number never changes its meaning."""

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """What a script learns from a command without reading its text."""

    OK = 0
    NO = 1
    USAGE = 2
    UNDECIDED = 3
    PERMISSION = 4
    LATCHED = 5
    FAULT = 70
    INTERRUPTED = 130


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "done; a proposal that now waits for a second person counts as done",
    ExitCode.NO: "the answer is no: file invalid, ledgers disagree, step refused, orders left to cancel by hand",
    ExitCode.USAGE: "the command, the settings or the request can't be understood",
    ExitCode.UNDECIDED: "the gate can't be reached or could not decide: what was asked is not known to be done",
    ExitCode.PERMISSION: "no usable token, or this operator or user may not",
    ExitCode.LATCHED: "only `halt`: in force where it was taken, and somebody is named who may not have it yet",
    ExitCode.FAULT: "only `serve`: an internal error ended the gate; started again, it comes back halted",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C)",
}


def table() -> list[str]:
    """The table as lines for a help text."""
    return [f"{code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()]
