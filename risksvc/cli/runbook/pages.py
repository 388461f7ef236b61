"""The runbook's two pages as data: `runbook.md`, the steps of an incident, and `alerts.md`, a section for each alert.

They are package data, so that the runbook is where the command is, also when nothing else is reachable. Nothing here
asks a gate.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files

_ALERT = re.compile(r"`(Risksvc\w+)`")
_HEADING = "## "


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a page: its heading, its text in markdown without the heading, the alerts that lead to it."""

    heading: str
    text: str
    alerts: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """How a link names it."""
        return re.sub(r"[^a-z0-9-]", "", self.heading.lower().replace(" ", "-"))

    @property
    def markdown(self) -> str:
        """With the heading."""
        return f"{_HEADING}{self.heading}\n\n{self.text}\n"


def steps() -> str:
    """The runbook of an incident, in markdown."""
    return _read("runbook.md")


def sections() -> tuple[Section, ...]:
    """What each alert asks for."""
    _, *parts = re.split(r"^## ", _read("alerts.md"), flags=re.MULTILINE)
    return tuple(_section(part) for part in parts)


def find(name: str, among: Sequence[Section]) -> tuple[Section, ...]:
    """The sections that a name means: an alert, a heading, a link's anchor; else every one that holds it as a word."""
    exact = [one for one in among if name in one.alerts or name.lower() in (one.heading.lower(), one.anchor)]
    if exact:
        return tuple(exact)
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return tuple(one for one in among if word.search(one.heading) or word.search(one.text))


def near(name: str, among: Sequence[Section]) -> tuple[str, ...]:
    """What was perhaps meant."""
    known = [word for one in among for word in (*one.alerts, one.heading)]
    return tuple(get_close_matches(name, known, n=3))


def _section(part: str) -> Section:
    heading, _, text = part.partition("\n")
    text = text.strip()
    first = text.partition("\n")[0]
    alerts = tuple(_ALERT.findall(first)) if first.startswith("Alerts: ") else ()
    return Section(heading.strip(), text, alerts)


def _read(name: str) -> str:
    return files("risksvc.cli.runbook").joinpath(name).read_text(encoding="utf-8")
