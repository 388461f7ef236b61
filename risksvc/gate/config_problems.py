"""What is wrong with a file that a person wrote: file, line, key, what was found and what is allowed.

All problems of a file are told at once, in the order of its lines. Nothing here reads anything.
"""

import difflib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import RiskError

MAX_SHOWN = 40  # characters of a found value: an error is one line
_MAX_KEY = 80
MAX_PROBLEMS = 100  # a file that is another format altogether would fill the screen
_MAX_COMPARED = 1000  # names that a misspelled one is compared with


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One mistake. `line` counts from 1, 0 is the file as a whole; `key` is dotted, empty for the file as a whole."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigFileError(RiskError):
    """A file that can't be used; `errors` holds every problem, sorted by line, and the text is one line for each."""

    def __init__(self, errors: tuple[FileProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in errors))
        self.errors = errors


class LimitsFileError(ConfigFileError):
    """The limits file can't be used: the limits that are in force stand."""


class SettingsFileError(ConfigFileError):
    """The settings file can't be used: nothing starts."""


def ordered(problems: Iterable[FileProblem], *, file: Path) -> tuple[FileProblem, ...]:
    """By line, each once, cut to what a person reads."""
    every = sorted(set(problems), key=lambda problem: (problem.line, problem.key, problem.message))
    if len(every) <= MAX_PROBLEMS:
        return tuple(every)
    rest = FileProblem(str(file), 0, "", "more problems follow; correct these first")
    return (*every[:MAX_PROBLEMS], rest)


def shown(value: object) -> str:
    """What was found, short enough for one line. Collections are named, not printed."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return repr(text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "...")


def did_you_mean(found: str, allowed: Iterable[str]) -> str:
    """A question to append, or nothing. Case is what people get wrong first."""
    by_lower_case = {name.lower(): name for name in itertools.islice(allowed, _MAX_COMPARED)}
    near = difflib.get_close_matches(found[:MAX_SHOWN].lower(), by_lower_case, n=1, cutoff=0.7)
    return f" (did you mean {by_lower_case[near[0]]!r}?)" if near else ""


def dotted(path: Iterable[str | int]) -> str:
    """A path as one writes it: accounts.main.strategies, operators[0].name."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{_key(step)}" if text else _key(step)
    return text


def _key(key: str) -> str:
    """A key as it is printed: nothing in it can break a line or reach into a terminal."""
    if key.isprintable() and len(key) <= _MAX_KEY:
        return key
    return repr(key[:_MAX_KEY])
