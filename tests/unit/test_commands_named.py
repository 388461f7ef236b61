"""Every `risksvc …` that the README and the alerts tell somebody to type is one that the command line has.

What can be read off a text is checked: the subcommand, each option, and, in a complete command, that nothing required
is missing. A mere name (`risksvc adopt`: no option, no argument) stands for the command, and is complete only in a
block of code or where `TYPED_BARE` has it.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from risksvc.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "README.md",
    "deploy/prometheus/alerts.yml",
    "deploy/review/README.md",
    "risksvc/cli/runbook/alerts.md",
    "risksvc/cli/runbook/runbook.md",
    "risksvc/venue/paper/README.md",
)
_BLOCK = re.compile(r"^ *```(?:console|bash|sh)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_TICKED = re.compile(r"`([^`]+)`")
_AFTER = {";", "&&", "||", "|", "&"}


@dataclass(frozen=True)
class Named:
    """Words behind `risksvc`, and where they stand."""

    place: str
    words: tuple[str, ...]
    to_run: bool

    def __str__(self) -> str:
        return f"{self.place} risksvc {' '.join(self.words)}"


def commands_in(name: str, text: str) -> Iterator[Named]:
    for start, written, block in [*_in_blocks(text), *_in_ticks(text)]:
        for words in _commands_of(written):
            place = f"{name}:{text.count(chr(10), 0, start) + 1}"
            yield Named(place, words, block or len(words) > _bare(words))


def _in_blocks(text: str) -> Iterator[tuple[int, str, bool]]:
    for block in _BLOCK.finditer(text):
        start = block.start(1)
        for line in block[1].splitlines(keepends=True):
            if line.lstrip().startswith("$ "):
                yield start, line.lstrip()[2:], True
            start += len(line)


def _in_ticks(text: str) -> Iterator[tuple[int, str, bool]]:
    # Blanks of the same length, so that places stay right: three ticks would pair with the text's own.
    plain = re.sub(r"^ *```.*?^ *```", _blanked, text, flags=re.MULTILINE | re.DOTALL)
    for found in _TICKED.finditer(plain):
        yield found.start(1), found[1], False


def _blanked(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _commands_of(written: str) -> Iterator[tuple[str, ...]]:
    """Each `risksvc` in a shell line, at the beginning or behind `&&`; a comment is no word."""
    if not re.search(r"\brisksvc ", written) and not re.search(r"\brisksvc$", written, re.MULTILINE):
        return
    found: list[str] | None = None
    for word in [*shlex.split(written, comments=True), ";"]:
        if word in _AFTER:
            if found:
                yield tuple(found)
            found = None
        elif found is not None:
            found.append(word)
        elif word == "risksvc":
            found = []


def _resolve(words: tuple[str, ...]) -> tuple[click.Command, tuple[str, ...]]:
    """The command that the words name, as far as there is one, and what is left of them."""
    command: click.Command = app
    context = click.Context(app, info_name="risksvc")
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    return command, words


def _bare(words: tuple[str, ...]) -> int:
    return len(words) - len(_resolve(words)[1])


NAMED = [one for name in FILES for one in commands_in(name, (ROOT / name).read_text(encoding="utf-8"))]
# Where a text names it, somebody is to type it.
TYPED_BARE = {"limits reload"}


def problem_of(named: Named) -> str:
    """What is wrong with it; empty: nothing."""
    command, rest = _resolve(named.words)
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        return f"there is no {rest[0]!r} in {command.name}"
    options = {name: one for one in command.params for name in (*one.opts, *one.secondary_opts)}
    given = [word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    if set(given) & {"--help", "-h", "--version"}:
        return ""
    if unknown := [word for word in given if word not in options]:
        return f"{command.name} has no {', '.join(unknown)}"
    if not named.to_run and " ".join(named.words) not in TYPED_BARE:
        return ""
    named_too = {options[word].name for word in given}
    required = [one for one in command.params if isinstance(one, click.Option) and one.required]
    missing = [one.opts[-1] for one in required if one.name not in named_too]
    return f"{command.name} needs {', '.join(missing)}" if missing else ""


@pytest.mark.parametrize("named", NAMED, ids=str)
def test_what_is_named_can_be_typed(named: Named) -> None:
    assert problem_of(named) == "", f"{named.place}: {problem_of(named)}"


def test_no_alert_says_to_write_new_settings() -> None:
    begun = [one for one in NAMED if one.place.startswith("deploy/") and one.words[0] == "init"]
    assert begun
    assert all("--store" in one.words for one in begun)


def test_enough_is_found() -> None:
    places = {one.place.partition(":")[0] for one in NAMED}
    assert places == set(FILES)
    assert {one.words for one in NAMED} >= {("init", "--store"), ("status",), ("journal", "verify")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("`risksvc nothing`", "there is no 'nothing' in app"),
        ("`risksvc limits nothing`", "there is no 'nothing' in limits"),
        ("`risksvc status --no`", "status has no --no"),
        ("`risksvc limits reload` at each", "reload needs --reason"),
        ("`risksvc halt --account A`", "halt needs --reason"),
        ("`risksvc check-reducing --account A`", "check-reducing needs --instrument, --side, --quantity, --reason"),
        ("```console\n$ risksvc status && risksvc halt  # now\n```", "halt needs --reason"),
        ("`risksvc adopt`, with a cause", ""),
        ("`risksvc\n  status`", ""),
        ("`risksvc halt --reason 'a --b'`", ""),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    (*_, named) = commands_in("README.md", text)
    assert problem_of(named) == told
