"""Which limits file is in force, and what became of every attempt to load one.

Reading happens off the event loop (a large file takes a second); the swap itself is one Input to the owner, so it is
whole or not at all. A file with a mistake changes nothing but the counts.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from risksvc.core.types import Nanoseconds
from risksvc.gate.limits_file import LimitsFileError, LoadedLimits, load_limits


@dataclass(slots=True)
class LimitsKeeper:
    """The limits file and its history in this process.

    `text`: the file as loaded, empty while the limits are those of the journal. `last_error` empty: the last attempt
    succeeded. `warnings`: of the file in force.
    """

    path: Path
    text: str = ""
    loaded_at: Nanoseconds = 0
    loaded_by: str = ""
    reloads: int = 0
    failures: int = 0
    last_error: str = ""
    warnings: tuple[str, ...] = ()

    async def read(self) -> LoadedLimits:
        """The file as it is now. Raises LimitsFileError."""
        return await asyncio.get_running_loop().run_in_executor(None, load_limits, self.path)

    def took(self, loaded: LoadedLimits, *, by: str, at: Nanoseconds) -> None:
        """New limits are in force."""
        self.text, self.warnings = loaded.text, loaded.warnings
        self.loaded_by, self.loaded_at = by, at
        self.last_error = ""

    def refused(self, error: LimitsFileError) -> None:
        """A file was refused; what was in force stands."""
        self.failures += 1
        self.last_error = str(error)
