"""Keeps this gate's lease from round to round and tells the owner when it begins, goes on and ends.

Never does I/O. Tells each end once, with why; a store whose history was lost stays lost until a sound round. What it
tells is the reason for people: the owner itself stops at `valid_until`, whether it is told or not.
"""

from collections.abc import Callable

from risksvc.core.events import Input, LeaseLost, LeaseRenewed
from risksvc.core.types import MILLISECOND, Nanoseconds
from risksvc.gate.kill_switch.lease_rules import Lease, Timings, Verdict, after_sound_round, given_up


class LeaseKeeper:
    """The lease, and what the owner was last told of it. `problem`: why it is not whole; empty: it is."""

    def __init__(self, timings: Timings, *, submit: Callable[[Input], None]) -> None:
        self.timings = timings
        self.lease = Lease()
        self.connected = False
        self.problem = "starting"
        self._submit = submit
        self._store_lost = False
        self._told: bool | None = None  # the last LeaseLost's store_lost; None: nothing, or a lease since

    def sound(self, *, run_id: str, sent_at: Nanoseconds, now: Nanoseconds) -> None:
        """Every namespace was read and is sound."""
        before = self.lease
        self.lease = after_sound_round(before, run_id=run_id, sent_at=sent_at, now=now, timings=self.timings)
        self.connected = True
        self._store_lost = False
        if self.lease.valid_until > before.valid_until and self.lease.valid_until > now:
            self.problem = ""
            self._told = None
            self._submit(LeaseRenewed(self.lease.valid_until))
        else:
            self.problem = self._why_none(before, now=now)
            self.expire(now)

    def unsound(self, verdict: Verdict, *, now: Nanoseconds) -> None:
        """A namespace was read and does not count; a lost history ends the lease at once."""
        self.connected = False
        self.problem = verdict.problem
        if verdict.store_lost:
            self.lease = given_up(self.lease)
            self._store_lost = True
        self.expire(now)

    def unreachable(self, problem: str, *, now: Nanoseconds) -> None:
        """A round gave nothing; the lease runs on until its end."""
        self.connected = False
        self.problem = problem
        self.expire(now)

    def give_up(self, problem: str, *, now: Nanoseconds) -> None:
        """Ends the lease now."""
        self.lease = given_up(self.lease)
        self.problem = problem
        self.expire(now)

    def expire(self, now: Nanoseconds) -> None:
        """Tells the owner, once, when there is no lease."""
        if self.lease.left(now) or self._told is self._store_lost:
            return
        self._told = self._store_lost
        self._submit(LeaseLost(self._store_lost, self.problem or "no read of the store for a whole lease"))

    def _why_none(self, before: Lease, *, now: Nanoseconds) -> str:
        if self.lease is before:
            return "an answer was handled too late to count: this process lags"
        waiting = (self.lease.closed_until - now) / MILLISECOND
        return f"waiting {waiting:.0f} ms more after a gap or another server, so that every gate can publish its halts"
