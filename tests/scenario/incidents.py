"""A world for whole incidents: as for flattens, with two operators, contacts with mailboxes, and exchange support."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from risksvc.cli.drill.receivers import Receivers
from risksvc.cli.drill.world import RECIPIENTS
from tests.scenario.flattening import FAST, FlattenWorld

SUPPORT, PHONE, PARTICIPANT = "Sam Support", "+41 44 000 00 09", "RS-1042"
# A venue that says nothing is given up early: nobody waits long for what is to be seen.
SOON_LOST = """\
    snapshot_max_age: 3s
    mark_max_age: 3s
    stale_denied_after: 6s
"""
EXECUTIONS, POSITIONS = "/v5/execution/list", "/v5/position/list"


class IncidentWorld(FlattenWorld):
    """As for flattens; everybody has a mailbox at `receivers`."""

    def __init__(self, folder: Path, receivers: Receivers) -> None:
        super().__init__(folder, settings=FAST + SOON_LOST)
        self.receivers = receivers

    def _write_files(self) -> None:
        super()._write_files()
        self.contacts(support=True)
        self.settings.write_text(self.settings.read_text() + "contacts: contacts.yaml\n")

    def contacts(self, *, support: bool, name: str = "contacts.yaml") -> Path:
        """Writes a contacts file, with or without the venue's support."""
        people = "\n".join(
            f"{role}:\n  - {{name: {role} desk, phone: '+41 44 000 00 01', "
            f"channels: [{{url: '{self.receivers.channel(role)}'}}]}}"
            for role in RECIPIENTS
        )
        line = (
            f"exchange_support:\n  - {{venue: bybit, name: {SUPPORT}, phone: '{PHONE}', participant_id: {PARTICIPANT}}}"
        )
        path = self.folder / name
        path.write_text(f"version: 1\n{people}\n{line if support else ''}\n")
        return path

    def incident(self) -> dict[str, Any]:
        """The newest, as the command line shows it to programs."""
        return dict(self.run("alice", "incident", "show")["incident"])


@contextmanager
def an_incident_world() -> Iterator[IncidentWorld]:
    """A world in a folder of its own."""
    with TemporaryDirectory(prefix="rs") as folder, Receivers() as people, IncidentWorld(Path(folder), people) as world:
        yield world
