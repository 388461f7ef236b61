"""From a request to an answer: faults, signature, endpoint, envelope.

The only place that knows the order of these steps. It reads the clock it was given and nothing else of the outside;
sockets are the server's. Without a switched fault a request passes through one synchronous function: no request sees
another one half done.
"""

from collections.abc import Callable

from risksvc.venue.paper.auth import Keyring
from risksvc.venue.paper.calls import Call, View
from risksvc.venue.paper.effects import ARRIVALS, DEPARTURES, REPLIES, RESULTS, VIEWS, with_changed_rows
from risksvc.venue.paper.endpoints import ENDPOINTS, Endpoint
from risksvc.venue.paper.engine import Engine
from risksvc.venue.paper.errors import RetCode, VenueError
from risksvc.venue.paper.faults import Fault, Stage, Switchboard
from risksvc.venue.paper.messages import Incoming, Reply, encode, parameters
from risksvc.venue.paper.wire import Row, envelope, refusal


class Gateway:
    """Answers Bybit v5 requests; `clock` gives milliseconds since the epoch."""

    def __init__(self, *, engine: Engine, keyring: Keyring, clock: Callable[[], int]) -> None:
        self.engine = engine
        self.clock = clock
        self.faults = Switchboard()
        self.keyring = keyring

    async def answer(self, incoming: Incoming) -> Reply:
        """Answer a request; raise DroppedError when the connection is to be cut instead."""
        endpoint = ENDPOINTS.get(incoming.path)
        if endpoint is None or endpoint.method != incoming.method:
            return Reply(404, encode(refusal(RetCode.NO_ROUTE, "Route not found.", time_ms=self.clock())))
        if not self.faults:
            return Reply(200, encode(self._process(endpoint, incoming, View())))
        met = self.faults.hit(incoming.path, self.keyring.account_of(incoming.headers))
        return await self._misbehave(endpoint, incoming, met)

    async def _misbehave(self, endpoint: Endpoint, incoming: Incoming, met: list[Fault]) -> Reply:
        """Answer a request that meets faults, stage by stage."""
        stages = {stage: [fault for fault in met if fault.stage is stage] for stage in Stage}
        view = View()
        for fault in stages[Stage.VIEW]:
            VIEWS[fault.name](fault, view)
        for fault in stages[Stage.ARRIVAL]:
            early = await ARRIVALS[fault.name](fault, self.clock() + view.skew_ms)
            if early is not None:
                return early
        row = self._process(endpoint, incoming, view)
        for fault in stages[Stage.RESULT]:
            row = RESULTS[fault.name](fault, row)
        for fault in stages[Stage.ROWS]:
            row = with_changed_rows(fault, row)
        reply = Reply(200, encode(row))
        for fault in stages[Stage.REPLY]:
            reply = REPLIES[fault.name](fault, reply, incoming)
        for fault in stages[Stage.DEPARTURE]:
            await DEPARTURES[fault.name](fault)
        return reply

    def _process(self, endpoint: Endpoint, incoming: Incoming, view: View) -> Row:
        """Do what the request asks and wrap the outcome."""
        now_ms = self.clock()
        shown_ms = now_ms + view.skew_ms
        try:
            call = self._call(endpoint, incoming, view=view, now_ms=now_ms)
            self.engine.advance(now_ms)
            return envelope(endpoint.answer(call), time_ms=shown_ms)
        except VenueError as error:
            return refusal(error.code, error.message, time_ms=shown_ms)

    def _call(self, endpoint: Endpoint, incoming: Incoming, *, view: View, now_ms: int) -> Call:
        """Authenticate the request as the endpoint demands, and read its parameters."""
        if endpoint.access == "public":
            return Call(engine=self.engine, params=parameters(incoming), now_ms=now_ms, view=view)
        payload = incoming.body if incoming.method == "POST" else incoming.query.encode()
        grant = self.keyring.verify(incoming.headers, payload, now_ms=now_ms + view.skew_ms)
        if endpoint.access == "trade" and grant.permission != "trade":
            raise VenueError(RetCode.NOT_PERMITTED, "Permission denied, please check your API key permissions.")
        return Call(
            engine=self.engine,
            params=parameters(incoming),
            now_ms=now_ms,
            account=self.engine.accounts[grant.account],
            read_only=grant.permission == "read",
            view=view,
        )
