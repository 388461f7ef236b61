"""An operator who knows nothing: types only what the last answers told to type, and fills in what only a person can.

So a drill also proves that the printed next commands lead from the alert to the closed incident.
"""

import re
import shlex
from collections.abc import Sequence

from risksvc.cli.demo.timeline import CheckFailedError, Timeline
from risksvc.cli.demo.world import World

_HINT = re.compile(r"^ {2}(risksvc .+)$", re.MULTILINE)
_BLANK = re.compile(r"<[^>]*>")


class Led:
    """One operator at a terminal. Starts from what the alert says to type."""

    def __init__(self, world: World, timeline: Timeline, name: str) -> None:
        self._world, self._timeline, self.name = world, timeline, name
        self._told: list[tuple[str, ...]] = []
        self.said = ""

    def hear(self, text: str) -> None:
        """Reads what is printed, or told by somebody: from now on its commands can be typed."""
        self._told = [*_commands(text), *self._told]

    def begin(self, *words: str) -> str:
        """The first command of all, as an alert's text has it."""
        return self._type(words, expect=(0, 1))

    def follow(self, *start: str, filling: Sequence[str] = (), without: str = "", expect: Sequence[int] = (0,)) -> str:
        """Types the newest told command that begins with these words; `filling` goes where it has `<…>`, in order.

        `without`: an option, with its value, that the remark beside the command says may be left out.
        """
        found = next((words for words in self._told if words[: len(start)] == start), None)
        if found is None:
            raise CheckFailedError(f"nothing that was printed says to type `risksvc {' '.join(start)}`")
        return self._type(_filled(_left_out(found, (without,)), filling), expect=expect)

    def _type(self, words: tuple[str, ...], *, expect: Sequence[int]) -> str:
        given = _left_out(words, ("--settings", "--token-file"))  # said every time anew
        self._timeline.say("operator", f"{self.name}$ risksvc {shlex.join(given)}"[:160])
        done = self._world.type(*given, "--settings", str(self._world.settings), *self._world.token_of(self.name))
        with (self._world.folder / f"{self.name}.log").open("a") as log:
            log.write(f"$ risksvc {shlex.join(given)}\n{done.stdout}{done.stderr}\n")
        if done.returncode not in expect:
            raise CheckFailedError(
                f"risksvc {shlex.join(given)}: exit code {done.returncode}, not {' or '.join(map(str, expect))}: "
                f"{done.stderr.strip() or done.stdout.strip()[-600:]}"
            )
        self.said = done.stdout
        self.hear(done.stdout + done.stderr)
        return done.stdout


def _commands(text: str) -> list[tuple[str, ...]]:
    return [tuple(shlex.split(line, comments=True)[1:]) for line in _HINT.findall(text)]


def _filled(words: tuple[str, ...], filling: Sequence[str]) -> tuple[str, ...]:
    """Puts in what only a person knows, in order."""
    left = list(filling)
    filled = []
    for word in words:
        whole = word
        while _BLANK.search(whole) and left:
            whole = _BLANK.sub(lambda _: left.pop(0), whole, count=1)
        filled.append(whole)
    return tuple(filled)


def _left_out(words: tuple[str, ...], options: Sequence[str]) -> tuple[str, ...]:
    """Takes options out, each with its value."""
    dropped = {place for place, word in enumerate(words) if word in options}
    return tuple(word for place, word in enumerate(words) if place not in dropped and place - 1 not in dropped)
