"""The demo's world for scenario tests: the same real processes, with an operator's connection that is quick to ask.

Acting goes by the command line, as a person does it; looking goes by one gRPC connection, so that waiting for something
does not start a Python process twenty times a second.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import grpc

from risksvc.cli.demo.world import TraderHandle, World
from risksvc.v1 import operator_pb2 as op
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2_grpc import OperatorServiceStub
from tests.chosen_engine import with_engine

WAIT_S = 20.0  # for anything that must happen; a noisy machine only makes a test slower
BTC, ETH, SOL, XRP, DOGE = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT", "DOGE/USDT:USDT"

Found = TypeVar("Found")


class ScenarioWorld(World):
    """The demo's world. `settings`: lines added to the account's settings; `limits`: a limits file of one's own."""

    def __init__(self, folder: Path, *, settings: str = "", limits: str = "") -> None:
        super().__init__(folder)
        self._more_settings, self._own_limits = settings, limits
        self._channel = grpc.insecure_channel(f"unix:{folder}/state/operator.sock")
        self._operator = OperatorServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        super().__exit__()

    def _write_files(self) -> None:
        super()._write_files()
        if self._own_limits:
            self.limits.write_text(self._own_limits)
        text = self.settings.read_text()
        text = text.replace("    venue_window: 1s\n", f"    venue_window: 1s\n{self._more_settings}")
        self.settings.write_text(with_engine(text))

    # -- starting in parts -----------------------------------------------------------------------------------------

    def begin_venue(self) -> None:
        """Starts Redis and the paper venue only, and writes the files."""
        self.start_redis()
        self._start_paper()
        self._write_files()
        self._begin_store()

    def begin_open(self) -> None:
        """Starts everything and waits until orders are approved."""
        self.begin()
        self.until_open()

    # -- looking ---------------------------------------------------------------------------------------------------

    def look(self, method: str, request: object) -> Any:  # noqa: ANN401 - whichever answer belongs to the method
        """Asks the gate as alice; raises grpc.RpcError while it is down."""
        metadata = (("authorization", f"Bearer {self._tokens['alice'].read_text()}"),)
        return getattr(self._operator, method)(request, timeout=10, metadata=metadata, wait_for_ready=False)

    def status(self) -> op.GetStatusResponse:
        answer: op.GetStatusResponse = self.look("GetStatus", op.GetStatusRequest())
        return answer

    def account(self) -> op.AccountStatus:
        return self.status().accounts[0]

    def closed_because(self) -> list[str]:
        """Why nothing at all, or nothing in this account, would be approved."""
        status = self.status()
        return [
            types_pb2.DenialReason.Name(one)[14:] for one in (*status.closed_because, *self.account().closed_because)
        ]

    def halts(self) -> list[types_pb2.ActiveHalt]:
        return list(self.status().halts)

    def reservations(self) -> list[op.Reservation]:
        answer: op.ListReservationsResponse = self.look("ListReservations", op.ListReservationsRequest())
        return list(answer.reservations)

    def exposures(self) -> dict[str, op.InstrumentExposure]:
        answer: op.GetExposureResponse = self.look("GetExposure", op.GetExposureRequest())
        return {one.instrument: one for one in answer.accounts[0].instruments}

    def positions(self, instrument: str) -> tuple[Decimal, Decimal]:
        """What the venue says is held, and what the ledger says."""
        one = self.exposures()[instrument]
        return Decimal(one.venue_position or "NaN"), Decimal(one.ledger_position or "NaN")

    def owned(self, instrument: str, strategy: str) -> Decimal:
        """A strategy's part of the ledger."""
        parts = self.exposures()[instrument].strategies
        return sum((Decimal(one.ledger_position) for one in parts if one.strategy == strategy), Decimal(0))

    def agree(self) -> bool:
        """Venue and ledger say the same of every instrument, everything has an owner, no difference is open.

        An equity difference that is not confirmed is none yet: these worlds move a price by percents between the read
        of a mark and that of the balances, and the next balances come half a minute later.
        """
        rows = self.exposures().values()
        same = all(
            Decimal(one.venue_position or 0) == Decimal(one.ledger_position or 0) and not Decimal(one.unattributed or 0)
            for one in rows
        )
        return same and all(
            (one.divergence_class, one.status) == ("EQUITY_MISMATCH", "SUSPECT") for one in self.account().divergences
        )

    def at_venue(self) -> dict[str, Any]:
        """The paper venue's own truth of the account."""
        return dict(self.paper_state()["accounts"]["main"])

    # -- waiting ---------------------------------------------------------------------------------------------------

    def until(
        self,
        holds: Callable[[], Found | None],
        what: str,
        *,
        enough: Callable[[Found], bool] = bool,
        within_s: float = WAIT_S,
    ) -> Found:
        """Waits until something gives a value that is enough, which is returned; a gate that is down gives none."""
        ends = time.monotonic() + within_s
        while True:
            try:
                found = holds()
            except grpc.RpcError as error:
                found, seen = None, repr(error.code())
            else:
                seen = repr(found)
            if found is not None and enough(found):
                return found
            if time.monotonic() > ends:
                raise AssertionError(f"{what} did not come about within {within_s:.0f} s; last seen: {seen}")
            time.sleep(0.05)

    def until_open(self) -> None:
        self.until(lambda: self.status().ready and not self.closed_because() and not self.halts(), "an open gate")

    def until_closed(self, reason: str) -> None:
        self.until(lambda: reason in self.closed_because(), f"a gate closed with {reason}")

    def answered(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """An answer about an order; a gate without its lease, for a moment on a busy machine, is asked anew."""
        return self.until(ask, "an answer of a gate that has its lease", enough=_with_its_lease)

    # -- acting ----------------------------------------------------------------------------------------------------

    def trade(self, trader: TraderHandle, **order: object) -> dict[str, Any]:
        """An order, asked for until it is approved and placed: a busy machine is stale for a moment now and then."""
        return self.until(lambda: trader.do("trade", **order), f"an approval of {order}", enough=_approved)

    def run(self, who: str, *words: str, expect: int = 0) -> dict[str, Any]:
        """An operator's command; gives its JSON answer."""
        code, answer, said = self.operate(who, *words)
        assert code == expect, f"{who}$ risksvc {' '.join(words)}: exit code {code}: {said or answer}"
        return answer

    def adopt_all(self, *, owner: str = "", cause: str = "first-start") -> dict[str, Any]:
        """Alice adopts everything that is unexplained; bob confirms where two are needed."""
        whose = ("--owner", owner) if owner else ()
        words = ("adopt", "--all", *whose, "--cause", cause, "--reason", "seen at the venue and understood")
        answer = self.run("alice", *words)
        if answer["outcome"] == "ADOPT_OUTCOME_PROPOSED":
            self.run("bob", "adopt", "--confirm", answer["proposal_id"])
        return answer

    def resume_all(self) -> None:
        """Alice proposes to clear every halt, bob confirms; waits until that has taken effect."""
        answer = self.run(
            "alice", "resume", *(one.halt_id for one in self.halts()), "--reason", "understood and mended"
        )
        if answer["outcome"] == "RESUME_OUTCOME_PROPOSED":
            self.run("bob", "resume", "--confirm", answer["proposal_id"])
        self.until(lambda: not self.halts(), "the resume")


def _approved(answer: dict[str, Any]) -> bool:
    return bool(answer["approved"])


def _with_its_lease(answer: dict[str, Any]) -> bool:
    return "KILL_SWITCH_UNREACHABLE" not in answer["reasons"]
