"""Where the gate's commands wait: look-ups are collected and answered in batches, cancels and looks go out at once.

A command's result follows the last of its answers. Memory is bounded by what the gate asks; it asks for each order that
it waits for, so an order that is asked for twice in one batch is read once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.assessing import Assessor
from risksvc.venue.commands import Canceller, CommandOutcome
from risksvc.venue.gate_link import GateClock
from risksvc.venue.listing import OrderReference
from risksvc.venue.lookup import OrderLookUp
from risksvc.venue.placing import Placer
from risksvc.venue.polls import Send
from risksvc.venue.reports import FailureReports
from risksvc.venue.sweeping import Sweeper

_LOG = logging.getLogger("risksvc.venue")
_LOOKS_AT_ONCE = 4
_BATCH = 100  # orders; what does not fit goes into the next batch


class _Command:
    """A look-up command that is being answered."""

    def __init__(self, command_id: str, count: int) -> None:
        self.command_id = command_id
        self.open = count
        self.errors: dict[str, None] = {}


class LookUpDesk:
    """Answers look-up commands."""

    def __init__(
        self, look_up: OrderLookUp, *, window_ms: int, clock: GateClock, send: Send, reports: FailureReports
    ) -> None:
        self._look_up = look_up
        self._window_s = window_ms / 1_000
        self._clock = clock
        self._send = send
        self._reports = reports
        self._waiting: deque[tuple[OrderReference, _Command]] = deque()
        self._wake = asyncio.Event()

    def ask(self, command_id: str, references: Sequence[OrderReference]) -> None:
        """Take in one command."""
        if not references:
            self._send(wire.command_result(command_id, CommandOutcome(ok=True)))
            return
        command = _Command(command_id, len(references))
        self._waiting.extend((reference, command) for reference in references)
        self._wake.set()

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._window_s)
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            if not self._waiting:
                self._wake.clear()
            await self._answer(batch)

    async def _answer(self, batch: list[tuple[OrderReference, _Command]]) -> None:
        as_of_ns = await self._clock.as_of_ns()
        found = await self._look_up.look_up([reference for reference, _ in batch])
        if found.orders:
            self._send(wire.order_states(found.orders, as_of_ns=as_of_ns))
        told = {str(failure): failure for failure in found.failed.values()}
        for failure in told.values():
            self._reports.tell(failure)
        if not told:
            self._reports.recovered("order")
        for reference, command in batch:
            failed = found.failed.get(reference)
            self._settle(command, None if failed is None else str(failed))

    def _settle(self, command: _Command, error: str | None) -> None:
        command.open -= 1
        if error is not None:
            command.errors[error] = None
        if command.open == 0:
            outcome = CommandOutcome(ok=not command.errors, error="; ".join(command.errors))
            self._send(wire.command_result(command.command_id, outcome))


class CancelDesk:
    """Answers cancel commands."""

    def __init__(self, canceller: Canceller, sweeper: Sweeper, *, send: Send) -> None:
        self._canceller = canceller
        self._sweeper = sweeper
        self._send = send

    async def answer(self, command_id: str, references: Sequence[OrderReference]) -> None:
        """Cancel, then tell."""
        outcome = await self._canceller.cancel(references)
        _LOG.info("cancel of %d orders: %s", len(references), "done" if outcome.ok else outcome.error)
        self._send(wire.command_result(command_id, outcome))

    async def sweep(self, command_id: str, instruments: Sequence[str]) -> None:
        """Cancel everything, then tell."""
        outcome = await self._sweeper.sweep(instruments)
        what = ", ".join(instruments) or "the whole account"
        _LOG.info("cancel of everything, %s: %s", what, "done" if outcome.ok else outcome.error)
        self._send(wire.command_result(command_id, outcome))


class OrderDesk:
    """Answers commands to place an order."""

    def __init__(self, placer: Placer, *, send: Send) -> None:
        self._placer = placer
        self._send = send

    async def answer(self, command_id: str, order: venue_pb2.PlaceOrder) -> None:
        """Place it, then tell."""
        outcome, venue_order_id = await self._placer.place(order)
        said = "placed" if outcome.ok else outcome.error
        _LOG.info("order %s (%s): %s", order.client_order_id, order.instrument, said)
        self._send(wire.command_result(command_id, outcome, venue_order_id=venue_order_id))


class AssessDesk:
    """Answers assess commands; a few at once, as many people may ask in an incident."""

    def __init__(self, assessor: Assessor, *, send: Send) -> None:
        self._assessor = assessor
        self._send = send
        self._slots = asyncio.Semaphore(_LOOKS_AT_ONCE)

    async def answer(self, command_id: str, instruments: Sequence[str]) -> None:
        """Look, tell what was found, then that it is all."""
        async with self._slots:
            look = await self._assessor.look(instruments)
        if look.problems:
            _LOG.warning("assessment: %s", "; ".join(look.problems))
        self._send(wire.assessment(command_id, look))
        self._send(wire.command_result(command_id, CommandOutcome(ok=True)))
