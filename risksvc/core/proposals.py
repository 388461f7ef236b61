"""Steps that one person proposes and another confirms."""

from dataclasses import dataclass, field

from risksvc.core.events import AdoptRequested, ResumeProposed
from risksvc.core.flatten.events import FlattenRequested
from risksvc.core.outputs import Refusal, RefusalReason
from risksvc.core.types import Nanoseconds

Step = ResumeProposed | AdoptRequested | FlattenRequested
_KINDS: dict[type, str] = {ResumeProposed: "resume", AdoptRequested: "adopt", FlattenRequested: "flatten"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One step that waits."""

    proposal_id: str
    step: ResumeProposed | AdoptRequested | FlattenRequested
    expires_at: Nanoseconds

    @property
    def kind(self) -> str:
        """What is proposed."""
        return _KINDS[type(self.step)]


@dataclass(slots=True)
class Proposals:
    """The steps that wait, by id."""

    waiting: dict[str, Proposal] = field(default_factory=dict)
    made: int = 0

    def add(self, step: Step, *, expires_at: Nanoseconds) -> Proposal:
        """Keeps a step until another person confirms it, or it runs out."""
        self.made += 1
        proposal = Proposal(f"p{self.made}", step, expires_at)
        self.waiting[proposal.proposal_id] = proposal
        return proposal

    def judge(self, proposal_id: str, *, by: str, now: Nanoseconds) -> Refusal | None:
        """Why this person may not confirm it now; None: may."""
        proposal = self.waiting.get(proposal_id)
        if proposal is None or proposal.expires_at <= now:
            text = f"{proposal_id} is not known, was used, or has run out; see `risksvc status`, or propose again"
            return Refusal(RefusalReason.PROPOSAL_UNKNOWN, text)
        if proposal.step.by == by:
            return Refusal(RefusalReason.SAME_PERSON, f"{by} proposed it: another operator must confirm")
        return None

    def expired(self, now: Nanoseconds) -> list[Proposal]:
        """Takes out what has run out."""
        gone = [one for one in self.waiting.values() if one.expires_at <= now]
        for one in gone:
            del self.waiting[one.proposal_id]
        return gone
