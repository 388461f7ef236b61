"""The notifier: `python -m risksvc.gate.telling.notifier.child PARENT`. Attempts come in by a pipe, outcomes go out.

Each attempt has a thread of its own, so that a channel that hangs holds up nothing but itself; of one lane only a few
may hang at once. It decides nothing: when to try again, and for how long, is the gate's. It ends with the gate (PARENT)
and when its input ends. It logs nothing: what apprise would say may hold an address.
"""

import logging
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from risksvc.core.types import RiskError
from risksvc.gate.parent_death import die_with
from risksvc.gate.secret_files import SecretError, SecretSource, read_secret
from risksvc.gate.telling.notifier.wire import Attempt, Failed, Outcome, Ping, Pong, Ready, Said, line_of, read_line

HANGING_AT_MOST = 3  # of one lane
THREADS_AT_MOST = 250
STILL_HANGS = "earlier attempts by this channel have not come back"
_EXIT_FAILED = 1


class Notifier:
    """Takes lines until there are no more."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._speaking = threading.Lock()
        self._counting = threading.Lock()
        self._running: Counter[str] = Counter()

    def serve(self, lines: BinaryIO) -> None:
        """Returns when the input ends; threads may still hang then."""
        try:
            from risksvc.gate.telling.notifier import apprise_channel  # noqa: PLC0415 - takes long; only this process needs it
        except ModuleNotFoundError as error:
            self.say(Failed(f"{error.name} is not installed: pip install 'risksvc[server]'"))
            return
        self.say(Ready(apprise_channel.VERSION))
        for line in lines:
            said = read_line(line)
            if isinstance(said, Ping):
                self.say(Pong(said.number))
            elif isinstance(said, Attempt):
                self._begin(said)

    def say(self, said: Said) -> None:
        """One line, whole."""
        with self._speaking:
            self._out.write(line_of(said))
            self._out.flush()

    def _begin(self, attempt: Attempt) -> None:
        with self._counting:
            full = self._running[attempt.lane] >= HANGING_AT_MOST or self._running.total() >= THREADS_AT_MOST
            if not full:
                self._running[attempt.lane] += 1
        if full:
            self.say(Outcome(attempt.number, delivered=False, error=STILL_HANGS))
            return
        threading.Thread(target=self._run, args=(attempt,), daemon=True).start()

    def _run(self, attempt: Attempt) -> None:
        outcome = _tried(attempt)
        with self._counting:
            self._running[attempt.lane] -= 1
            if not self._running[attempt.lane]:
                del self._running[attempt.lane]
        self.say(outcome)


def _tried(attempt: Attempt) -> Outcome:
    from risksvc.gate.telling.notifier import apprise_channel  # noqa: PLC0415 - loaded long ago

    try:
        address = attempt.url or read_secret(_source(attempt))
    except SecretError as error:
        return Outcome(attempt.number, delivered=False, error=str(error))
    sent = apprise_channel.send(address, title=attempt.title, body=attempt.body, seconds=attempt.seconds)
    return Outcome(attempt.number, sent.delivered, sent.error, sent.unusable)


def _source(attempt: Attempt) -> SecretSource:
    return SecretSource(attempt.place, file=Path(attempt.file) if attempt.file else None, variable=attempt.variable)


def main(words: list[str]) -> int:
    """Serves until the gate has nothing more to say."""
    try:
        die_with(int(words[0]))
    except RiskError:
        return _EXIT_FAILED
    logging.getLogger().addHandler(logging.NullHandler())
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # a plugin that prints must not break a line
    Notifier(out).serve(sys.stdin.buffer)
    os._exit(0)  # what hangs in a thread is left behind


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
