"""The paper venue's README names everything that there is, as it is."""

from pathlib import Path

import pytest

from risksvc.cli.paper_events import EVENT_COMMANDS
from risksvc.venue import paper
from risksvc.venue.paper.endpoints import ENDPOINTS
from risksvc.venue.paper.events import EVENTS
from risksvc.venue.paper.faults import FAULTS, Stage
from risksvc.venue.paper.pushes import TOPICS

README = (Path(paper.__file__).parent / "README.md").read_text(encoding="utf-8")


def row_of(name: str, *, second: str = "") -> list[str]:
    """The cells of the one table row that begins with a name, and with `second` behind it."""
    (line,) = [line for line in README.splitlines() if line.startswith(f"| `{name}` | {second}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", list(FAULTS))
def test_every_fault_is_described_as_it_is(name: str) -> None:
    kind = FAULTS[name]
    parameters = " ".join(f"`{key}={value}`" for key, value in kind.parameters.items())
    assert row_of(name)[1:] == [kind.stage.name, parameters, kind.says]


@pytest.mark.parametrize("name", list(EVENTS))
def test_every_event_is_described_with_its_command(name: str) -> None:
    (command,) = [row for row in EVENT_COMMANDS if row.event == name]
    words = " ".join(["risksvc paper", command.command, *(each.upper() for each in command.arguments)])
    assert row_of(name, second="`risksvc")[1:] == [f"`{words}`", EVENTS[name].says]


@pytest.mark.parametrize("path", list(ENDPOINTS))
def test_every_endpoint_is_described(path: str) -> None:
    _, method, access, says = row_of(path)
    assert (method, access) == (ENDPOINTS[path].method, ENDPOINTS[path].access)
    assert says


@pytest.mark.parametrize("topic", sorted({topic for topic, _ in TOPICS.values()}))
def test_every_topic_is_described(topic: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| `{topic}` | ") and "/v5/" in line]
    assert len(rows) == 1


@pytest.mark.parametrize("stage", list(Stage), ids=lambda stage: stage.name)
def test_every_stage_is_described(stage: Stage) -> None:
    assert f"\n| {stage.name} | " in README
