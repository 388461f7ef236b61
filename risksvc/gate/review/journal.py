"""A review's material from a gate's journal, also while that gate runs: nothing is locked, nothing is changed.

Every entry is looked at, few are decoded: an entry's type stands in its first bytes. Where retention has deleted the
first segments, a snapshot that ends exactly where the journal begins stands in for them; else the venue's first read
says what was held, and what can't be known is told. Damage in the middle raises JournalCorruptError, as for the gate.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from risksvc.core.events import GateStarted, LimitsLoaded
from risksvc.core.types import SECOND, Nanoseconds, RiskError
from risksvc.core.venue_events import MarksReceived
from risksvc.gate.codec import Entry, decode
from risksvc.gate.journal import read_journal
from risksvc.gate.replay import Replayed
from risksvc.gate.review.case import Before, ReviewWanted, build_material
from risksvc.gate.review.material import Progress, ReviewMaterial
from risksvc.gate.review.prior import believed_in, held_in, remember
from risksvc.gate.review.reading import HANDLERS, AccountReading, account_of
from risksvc.gate.snapshots import SnapshotError, list_snapshots, read_snapshot

_HEAD = msgspec.msgpack.Decoder(tuple[int, int, str, msgspec.Raw, msgspec.Raw]).decode
_NAMES = frozenset([*(kind.__name__ for kind in HANDLERS), GateStarted.__name__])
# Outputs that say something whatever the Input was; a word that stands for it by chance only costs a decoding.
_TELLING = (b"HaltRaised", b"IncidentChanged", b"SUSPECT", b"DIVERGED", b"client_order_id")
_MARKS = MarksReceived.__name__
_AROUND: Nanoseconds = 600 * SECOND  # fills are told late, and a price holds until the next one
_TELL_EVERY = 50_000


class NothingToReviewError(RiskError):
    """The journal does not have what was asked for; the text says what it has."""


def read_material(folder: Path, wanted: ReviewWanted, tell: Progress) -> ReviewMaterial:
    """Reads a journal's folder. Raises NothingToReviewError, and what reading a journal raises."""
    journal = _Journal(folder, wanted)
    for payload in read_journal(folder):
        if journal.read(payload):
            break
        if journal.entries % _TELL_EVERY == 0:
            tell(f"{journal.entries:,} entries read")
    tell(f"{journal.entries:,} entries read")
    return journal.material()


class _Journal:
    """One reading of one folder."""

    def __init__(self, folder: Path, wanted: ReviewWanted) -> None:
        self.folder, self.wanted = folder, wanted
        self.entries = 0
        self.first_seq = 0
        self.first = self.last = 0
        self.accounts: dict[str, AccountReading] = {}
        self.limits: Entry | None = None
        self.prior: Replayed | None = None
        self.exact = False

    def read(self, payload: bytes) -> bool:
        """Take one entry in; True when nothing after it matters."""
        try:
            seq, now, name, _, _ = _HEAD(payload)
        except msgspec.MsgspecError as error:
            raise RiskError(f"{self.folder}: not a journal entry: {error}") from error
        if not self.entries:
            self._begin(seq, now)
        self.entries += 1
        if self.wanted.end and now > self.wanted.end + _AROUND:
            return True
        self.last = now
        if self._matters(payload, name, now):
            self._take(decode(payload))
        return False

    def _matters(self, payload: bytes, name: str, now: Nanoseconds) -> bool:
        if name == _MARKS and self.wanted.start and now < self.wanted.start - _AROUND:
            return False
        return name in _NAMES or any(word in payload for word in _TELLING)

    def _take(self, entry: Entry) -> None:
        what = entry.input
        if isinstance(what, GateStarted):
            for name in what.config.accounts:
                self._account(name)
        if isinstance(what, LimitsLoaded):
            self.limits = entry
        account = account_of(what)
        if account:
            self._account(account)
        for reading in self.accounts.values():
            reading.take(entry, of=account)

    def _account(self, name: str) -> None:
        if name in self.accounts or self.wanted.account not in ("", name):
            return
        reading = self.accounts[name] = AccountReading(name)
        if self.prior is not None:
            remember(reading, self.prior, exact=self.exact)
        if self.limits is not None:
            reading.take(self.limits, of="")

    # -- the beginning -------------------------------------------------------------------------------------------

    def _begin(self, seq: int, now: Nanoseconds) -> None:
        self.first_seq, self.first = seq, now
        if seq == 1:
            return
        for found in self._snapshots():
            self.prior, self.exact = found, found.entries == seq - 1
            if self.exact:
                return

    def _snapshots(self) -> Iterator[Replayed]:
        """Newest first, so that the last one that was read is the one nearest to the journal's beginning."""
        for path in list_snapshots(self.folder):
            try:
                yield read_snapshot(path).state
            except SnapshotError:
                continue  # a damaged copy costs knowledge of the time before, which is told

    # -- the end -------------------------------------------------------------------------------------------------

    def material(self) -> ReviewMaterial:
        """What was read, of the account that is meant."""
        reading = self._chosen()
        prior = self.prior.gate.state.accounts.get(reading.account) if self.prior is not None and self.exact else None
        before = Before(
            first=self.first,
            last=min(self.last, self.wanted.end) if self.wanted.end else self.last,
            held=dict(held_in(prior)),
            believed=dict(believed_in(prior)),
            gap=self.first_seq > 1 and not self.exact,
        )
        if self.wanted.incident and reading.log.newest(reading.account, wanted=self.wanted.incident) is None:
            known = ", ".join(reading.log.incidents) or "none"
            raise NothingToReviewError(
                f"{self.folder}: incident {self.wanted.incident} is not in this journal; there are: {known}"
            )
        if self.first_seq > 1:
            stands_in = "; a snapshot says what was held then" if self.exact else ""
            reading.missing.add(f"entries 1 to {self.first_seq - 1:,} were deleted by retention{stands_in}")
        return build_material(reading, before, self.wanted, source=f"the journal {self.folder}")

    def _chosen(self) -> AccountReading:
        if not self.entries:
            raise NothingToReviewError(f"{self.folder}: the journal is empty")
        busy = [one for one in self.accounts.values() if one.decisions or one.fills]
        if len(busy) > 1:
            names = ", ".join(sorted(one.account for one in busy))
            raise NothingToReviewError(f"{self.folder}: several accounts traded: name one of {names} with --account")
        found = busy or list(self.accounts.values())
        if not found:
            what = f"account {self.wanted.account} is" if self.wanted.account else "no account is"
            raise NothingToReviewError(f"{self.folder}: {what} in this journal")
        return found[0]
