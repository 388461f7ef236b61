"""Who takes part in the demo, and what every act asks of them."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from risksvc.cli.demo.timeline import CheckFailedError, Timeline
from risksvc.cli.demo.world import TraderHandle, World
from risksvc.core.denials import DenialReason

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
XRP, ADA, DOGE = "XRP/USDT:USDT", "ADA/USDT:USDT", "DOGE/USDT:USDT"
RELEASED_S = 1.6  # an approval that is never sent counts until it has run out and the venue window has passed
_NO_LEASE = DenialReason.KILL_SWITCH_UNREACHABLE.name
_ASKED_AGAIN = 10

Answer = dict[str, Any]
_Done = TypeVar("_Done")


class Cast:
    """Two strategies that ask, and two operators."""

    def __init__(self, world: World, timeline: Timeline) -> None:
        self.world, self.timeline = world, timeline
        self.alpha, self.beta = world.trader("alpha"), world.trader("beta")

    # -- operators -------------------------------------------------------------------------------------------------

    def operate(self, who: str, *words: str, expect: int = 0) -> Answer:
        """Runs an operator's command and says so; one refused while Redis was silent is typed again, as one would."""
        shown = " ".join(f"'{word}'" if " " in word else word for word in words)
        self.timeline.say("operator", f"{who}$ risksvc {shown}")
        code, answer, said = self._with_its_lease(
            lambda: self.world.operate(who, *words), lambda typed: typed[0] != expect and _NO_LEASE in str(typed[1])
        )
        if code != expect:
            raise CheckFailedError(f"risksvc {shown}: exit code {code}, not {expect}: {said or answer}")
        return answer

    def status(self) -> Answer:
        """The gate's status."""
        return self.world.operate("alice", "status")[1]

    def halts(self) -> list[Answer]:
        """The halts in force, oldest first."""
        return list(self.status().get("halts", []))

    def exposure(self) -> Answer:
        """The account's exposure."""
        accounts = self.world.operate("alice", "exposure")[1].get("accounts", [{}])
        return dict(accounts[0])

    def line(self, instrument: str) -> Answer:
        """One instrument's exposure."""
        for row in self.exposure().get("instruments", []):
            if row["instrument"] == instrument:
                return dict(row)
        return {}

    def resume(self, why: str, *, halts: list[Answer] | None = None) -> None:
        """Clears halts: one proposes, and where it needs two, the other confirms."""
        ids = [halt["halt_id"] for halt in (self.halts() if halts is None else halts)]
        answer = self.operate("alice", "resume", *ids, "--reason", why)
        if answer.get("outcome") == "RESUME_OUTCOME_PROPOSED":
            self.operate("bob", "resume", "--confirm", answer["proposal_id"])
        self.world.wait(lambda: not self.halts(), "the resume", within_s=5)

    # -- strategies ------------------------------------------------------------------------------------------------

    def ask(self, trader: TraderHandle, what: str, **values: object) -> Answer:
        """What a strategy does. One that a gate without its lease denied does it again, and says so."""
        return self._with_its_lease(
            lambda: trader.do(what, **values), lambda answer: _NO_LEASE in answer.get("reasons", ())
        )

    def _with_its_lease(self, act: Callable[[], _Done], lacked: Callable[[_Done], bool]) -> _Done:
        """What came of it; done again where the gate lacked its lease on the kill switch."""
        done = act()
        for _ in range(_ASKED_AGAIN):
            if not lacked(done):
                break
            self.timeline.say("gate", f"{_NO_LEASE}: Redis was silent (a busy disk?); asked again once it answers")
            self.world.wait(self._has_its_lease, "the gate's lease", within_s=30)
            done = act()
        return done

    def _has_its_lease(self) -> bool:
        status = self.status()
        return bool(status["kill_switch"].get("connected")) and _NO_LEASE not in str(status.get("closed_because"))

    def wait_open(self) -> float:
        """Waits until the gate approves again."""

        def is_open() -> bool:
            status = self.status()
            accounts = status.get("accounts", [{}])
            return bool(status.get("ready")) and not accounts[0].get("closed_because")

        return self.world.wait(is_open, "an open gate", within_s=30)

    def released(self) -> None:
        """Waits until approvals that were never sent no longer count, and cancelled orders are proven final."""
        self.released_but(0)

    def released_but(self, resting: int) -> None:
        """The same, but for orders that rest at the venue."""
        time.sleep(RELEASED_S)

        def only_resting() -> bool:
            return len(self.world.operate("alice", "reservations")[1].get("reservations", [])) <= resting

        self.world.wait(only_resting, "free headroom", within_s=10)

    def agree(self) -> bool:
        """Belief, ledger and venue say the same everywhere."""
        return all(row.get("venue_position") == row.get("ledger_position") for row in self.held()) and all(
            part["believed_position"] == part["ledger_position"]
            for row in self.held()
            for part in row.get("strategies", [])
            if part.get("believed_position")
        )

    def held(self) -> list[Answer]:
        """The instruments in which something is held, by venue or ledger."""
        rows = self.exposure().get("instruments", [])
        return [row for row in rows if _number(row, "venue_position") or _number(row, "ledger_position")]

    def show_ledgers(self, title: str) -> None:
        """Belief, ledger and venue side by side, with exposure against its limit."""
        rows = []
        for row in self.held():
            parts = row.get("strategies", [])
            believed = sum((Decimal(part.get("believed_position") or 0) for part in parts), Decimal(0))
            exposure = f"${_number(row, 'exposure'):,.2f}"
            limit = f"${_number(row, 'limit'):,.0f}"
            ledger, venue = row.get("ledger_position", "?"), row.get("venue_position", "?")
            rows.append((row["instrument"], str(believed), ledger, venue, exposure, limit))
        self.timeline.table(title, ("instrument", "believed", "ledger", "venue", "worst case", "limit"), rows)


def _number(row: Answer, key: str) -> Decimal:
    return Decimal(row.get(key) or 0)
