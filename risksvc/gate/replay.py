"""The gate's state rebuilt from its journal: every entry applied again, and its Outputs compared with those recorded.

Rule 1: an entry that gives other Outputs than it gave then is never passed over: the state would not be the one that
decided. Of an entry written under older rules (`risksvc.core.config.RULES`) this holds for what was decided, halted and
answered; what was told to people and asked of the venue may differ. Rule 2: nothing is published, sent or written here;
what the Outputs asked for was done at the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from risksvc.core.config import RULES
from risksvc.core.events import LimitsLoaded
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision, HaltRaised, LookUp, Notice, Output, ReadAgain
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.core.venue_events import SnapshotReceived
from risksvc.gate.codec import Entry, decode


class ReplayError(RiskError):
    """The journal and this code disagree; the text names the entry and says what to do."""

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(
            f"journal entry {seq}: {problem}. The gate does not run on a state that it can't rebuild. Run the "
            "version of risksvc that wrote the journal; or move the state folder's journal away and start without one: "
            "the gate then denies until what the account holds is adopted"
        )
        self.seq = seq


@dataclass(slots=True)
class Replayed:
    """A rebuilt gate. `last`: time of the last entry. `limits_loaded`: the entry that the limits in force came by.

    `read_windows`: per account the venue time (ms) at which the last complete read's window began. `snapshot`: the
    number of the snapshot that stood in for the first `snapshot_entries` entries; 0: none, every entry was applied.
    """

    gate: RiskGate
    entries: int = 0
    last: Nanoseconds = 0
    limits_loaded: Entry | None = None
    read_windows: dict[str, int] = field(default_factory=dict)
    snapshot: int = 0
    snapshot_entries: int = 0

    @property
    def tail(self) -> int:
        """How many entries were applied again."""
        return self.entries - self.snapshot_entries


def replay(payloads: Iterable[bytes], *, onto: Replayed | None = None) -> Replayed:
    """Applies every entry, oldest first, to an empty gate or to `onto`. Raises ReplayError, and what reading raises.

    After an exception `onto` is half changed and must not be used.
    """
    found = onto or Replayed(RiskGate())
    for payload in payloads:
        entry = decode(payload)
        if entry.seq != found.entries + 1:
            raise ReplayError(entry.seq, f"entry {found.entries + 1} is expected here")
        _apply(found, entry)
    return found


def _binding(outputs: tuple[Output, ...]) -> list[object]:
    """What a later version must give as well: what was decided, halted and answered, in other words if need be."""
    bound: list[object] = []
    for output in outputs:
        if isinstance(output, Decision):
            reasons = tuple(denial.reason for denial in output.denials)
            bound.append((output.client_order_id, reasons, output.valid_until, output.trading_state))
        elif isinstance(output, HaltRaised):
            bound.append(replace(output, halt=replace(output.halt, reason="")))
        elif not isinstance(output, Notice | LookUp | ReadAgain):
            bound.append(output)
    return bound


def _apply(found: Replayed, entry: Entry) -> None:
    name = type(entry.input).__name__
    try:
        outputs = found.gate.apply(entry.input, entry.now)
    except Exception as error:
        raise ReplayError(entry.seq, f"{name} can't be applied again: {error!r}") from error
    rules = found.gate.state.config.rules if found.gate.state.config is not None else RULES
    if outputs != entry.outputs and (rules == RULES or _binding(outputs) != _binding(entry.outputs)):
        raise ReplayError(entry.seq, f"{name} gives other outputs than were recorded")
    found.entries, found.last = entry.seq, entry.now
    if isinstance(entry.input, LimitsLoaded):
        found.limits_loaded = entry
    elif isinstance(entry.input, SnapshotReceived):
        found.read_windows[entry.input.account] = entry.input.window_start_ms
