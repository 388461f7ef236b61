"""What the gate and its notifier say to each other over two pipes: one JSON object on each line.

An address goes one way, to the notifier, through the pipe and nowhere else: no command line, no log, no answer has one.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to tell one recipient by one channel.

    `lane`: the recipient and the channel. The address is `url`, or in `file`, or in the environment's `variable`;
    `place`: where the contacts file says so. `seconds`: after them nobody waits for the answer.
    """

    number: int
    lane: str
    title: str
    body: str
    seconds: float
    place: str = ""
    url: str = field(default="", repr=False)
    file: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one. `error`: words without any address. `unusable`: trying again can't help."""

    number: int
    delivered: bool
    error: str = ""
    unusable: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """The notifier can send."""

    software: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It can't send, and ends."""

    why: str


@dataclass(frozen=True, slots=True)
class Pong:
    """It lives."""

    number: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks whether it lives."""

    number: int


_KINDS: dict[str, type] = {
    "attempt": Attempt,
    "outcome": Outcome,
    "ready": Ready,
    "failed": Failed,
    "pong": Pong,
    "ping": Ping,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}

Said = Attempt | Outcome | Ready | Failed | Pong | Ping


def line_of(said: Said) -> bytes:
    """One line, its end included."""
    return json.dumps({_NAMES[type(said)]: asdict(said)}).encode() + b"\n"


def read_line(line: bytes) -> Said | None:
    """What a line says; None: it is not one of these."""
    try:
        document: Any = json.loads(line)
        [(name, fields)] = document.items()
        said: Said = _KINDS[name](**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return said
