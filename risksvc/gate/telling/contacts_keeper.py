"""Who is told now: the contacts file, read again before each message, so that an edit needs no restart.

A file with a mistake changes nothing: who was told before is told still, and it is said. Reading happens beside the
event loop, and a disk that hangs is waited for a second at most.
"""

import asyncio
import logging
from pathlib import Path

from risksvc.gate.event_log import log_event
from risksvc.gate.telling.contacts_file import Contacts, ContactsFileError, load_contacts

READ_SECONDS = 1.0


class ContactsKeeper:
    """The contacts file and its history in this process.

    `contacts` None: none was ever read. `last_error` empty: the last attempt succeeded; `failures` counts the edits
    that were refused. `path` None: no file is named in the settings.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.contacts: Contacts | None = None
        self.last_error = ""
        self.failures = 0
        self._reading: asyncio.Task[Contacts] | None = None

    async def current(self) -> Contacts | None:
        """The contacts as the file says now; the last good ones where it can't be used. None: nobody is known."""
        if self.path is None:
            return None
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(load_contacts, self.path))
        reading = self._reading
        done, _ = await asyncio.wait({reading}, timeout=READ_SECONDS)
        if not done:
            self._refused(f"{self.path}: is not read within {READ_SECONDS:g} s: its disk hangs")
            return self.contacts
        self._reading = None
        try:
            self._took(reading.result())
        except ContactsFileError as error:
            self._refused(str(error))
        return self.contacts

    def _took(self, contacts: Contacts) -> None:
        if self.contacts is None or self.contacts.recipients != contacts.recipients or self.last_error:
            log_event("contacts_loaded", path=contacts.path, recipients=len(contacts.addressed))
        self.contacts, self.last_error = contacts, ""

    def _refused(self, why: str) -> None:
        if why != self.last_error:
            self.failures += 1
            self.last_error = why
            log_event("contacts_refused", logging.ERROR, why=why)
