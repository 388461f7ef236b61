"""The demo's world with what an incident needs: a venue process that may place orders, and people who are told."""

from pathlib import Path

from risksvc.cli.demo.world import World
from risksvc.cli.drill.receivers import Receivers

RECIPIENTS = ("traders", "engineering", "risk", "compliance", "leadership")
PARTICIPANT = "RS-1042"


class DrillWorld(World):
    """As the demo's, with contacts, and with the trade key in the venue process."""

    def __init__(self, folder: Path, receivers: Receivers) -> None:
        super().__init__(folder)
        self._receivers = receivers
        self.venue_key = "paper-trade"
        self.venue_options = ("--allow-orders",)

    def _write_files(self) -> None:
        super()._write_files()
        contacts = self.folder / "contacts.yaml"
        contacts.write_text(self._contacts())
        self.settings.write_text(self.settings.read_text() + "contacts: contacts.yaml\n")

    def _contacts(self) -> str:
        people = "\n".join(
            f"{role}:\n  - name: {role} desk\n    phone: '+41 44 000 00 0{index}'\n"
            f"    channels: [{{url: '{self._receivers.channel(role)}'}}]"
            for index, role in enumerate(RECIPIENTS)
        )
        support = (
            "exchange_support:\n  - {venue: bybit, name: Paper support, phone: '+41 44 000 00 09', "
            f"participant_id: {PARTICIPANT}}}"
        )
        return f"version: 1\n{people}\n{support}\n"
