"""The gate's three gRPC servers, apart so that a flood at one leaves the others alone; every option written out.

Strategies, operators and the venue feed each have their own listener, budget of concurrent calls, and message size.
TCP beyond this machine only with TLS; strategies and venue processes, who carry no token, must then show a certificate.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from risksvc.gate.app import GateApp
from risksvc.gate.engine.choosing import choose, make_engine
from risksvc.gate.engine.health import NOT_SERVING, SERVING, Health
from risksvc.gate.engine.methods import Engine, Served
from risksvc.gate.incident.service import IncidentService
from risksvc.gate.listeners import Listener
from risksvc.gate.loopback import is_loopback
from risksvc.gate.operator_service import OperatorService
from risksvc.gate.rpc_handlers import add_service
from risksvc.gate.sockets import ListenError, clear_stale, permissions
from risksvc.gate.strategy_service import StrategyService
from risksvc.gate.tls import Tell, server_credentials
from risksvc.gate.venue_feed_service import VenueFeedService
from risksvc.v1 import incident_pb2, operator_pb2, strategy_pb2, venue_pb2

KIB, MIB = 1024, 1024 * 1024
_NEVER_MS = 2**31 - 1
GRACE_SECONDS, LAST_GRACE_SECONDS = 1.5, 0.5
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Budget:
    """What one listener takes at most. `rpcs`: calls at once, open streams included.

    `waiting`: calls that gRPC keeps until Python takes them; from here on some, from twice as many on all others are
    refused (UNAVAILABLE) before they cost Python anything. A short row is what a flood of checks is survived by: one
    that waited for longer than its caller does is work for nobody. A halt is never too late, so operators' may be long.
    """

    receive_bytes: int
    send_bytes: int
    rpcs: int
    streams_per_connection: int
    waiting: int


# Watchers (512 at most) hold a call each; as many again are left for checks.
STRATEGY_BUDGET = Budget(64 * KIB, 4 * MIB, rpcs=1024, streams_per_connection=32, waiting=32)
OPERATOR_BUDGET = Budget(1 * MIB, 64 * MIB, rpcs=64, streams_per_connection=64, waiting=1000)
VENUE_BUDGET = Budget(16 * MIB, 16 * MIB, rpcs=64, streams_per_connection=8, waiting=1000)


def channel_options(budget: Budget) -> list[tuple[str, int]]:
    """Every option that a guarantee rests on."""
    return [
        ("grpc.so_reuseport", 0),  # two gates on one port: refused, not shared in silence
        ("grpc.max_receive_message_length", budget.receive_bytes),
        ("grpc.max_send_message_length", budget.send_bytes),
        ("grpc.max_metadata_size", 8 * KIB),
        ("grpc.absolute_max_metadata_size", 16 * KIB),
        ("grpc.max_concurrent_streams", budget.streams_per_connection),
        ("grpc.server.max_pending_requests", budget.waiting),
        ("grpc.server.max_pending_requests_hard_limit", 2 * budget.waiting),
        # Streams live as long as both sides do: one that was cut for its age would deny its strategy everything for a
        # moment of the clock's choosing. A certificate's end is looked at when a connection is made.
        ("grpc.max_connection_age_ms", _NEVER_MS),
        ("grpc.max_connection_age_grace_ms", _NEVER_MS),
        ("grpc.max_connection_idle_ms", _NEVER_MS),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.enable_http_proxy", 0),
    ]


class Servers:
    """All listeners of one gate. `addresses`: what listens where, once started."""

    def __init__(self, app: GateApp) -> None:
        self._app = app
        self.addresses: dict[str, str] = {}
        self.health = health.aio.HealthServicer()
        self._strategy_health = Health()
        self._servers: dict[str, Engine | grpc.aio.Server] = {}
        self._engine: Engine | None = None
        self._ready: bool | None = None

    async def start(self) -> None:
        """Binds and serves. Raises ListenError."""
        app, settings = self._app, self._app.settings
        await self.tell_health(ready=False)
        await self._serve_strategies(settings.strategy)
        await self._serve(OPERATOR, settings.operator, OPERATOR_BUDGET, self._add_operator)
        await self._serve("venue", settings.venue, VENUE_BUDGET, self._add_venue)
        app.addresses = {**app.addresses, **self.addresses}

    async def tell_health(self, *, ready: bool) -> None:
        """For load balancers and probes: serving, and for strategies whether anything could be approved."""
        if ready is self._ready:
            return
        self._ready = ready
        strategies = _service(strategy_pb2, "StrategyService").full_name
        for service, standing in (("", SERVING), (strategies, SERVING if ready else NOT_SERVING)):
            self._strategy_health.set(service, standing)
            await self.health.set(service, standing)

    async def failed(self) -> None:
        """Raises once strategies can't be served any more; waits for ever otherwise."""
        if self._engine is None:
            raise AssertionError("nothing is served yet")
        await self._engine.failed()

    async def stop(self) -> None:
        """Refuses what is new, lets what runs finish for a bounded time; operators, who may halt, are served last."""
        self._strategy_health.end()
        await self.health.enter_graceful_shutdown()
        operators = self._servers.pop(OPERATOR, None)
        await asyncio.gather(*(server.stop(GRACE_SECONDS) for server in self._servers.values()))
        if operators is not None:
            await operators.stop(LAST_GRACE_SECONDS)

    async def _serve_strategies(self, listener: Listener) -> None:
        app = self._app
        served = Served(
            methods=(*StrategyService(app).methods(), *self._strategy_health.methods()),
            behind=app.owner,
            tallies=app.counters,
            options=tuple(channel_options(STRATEGY_BUDGET)),
            rpcs=STRATEGY_BUDGET.rpcs,
        )
        app.engine = choose(app.settings.engine.kind)
        engine = make_engine(app.engine, app.settings.engine, served)
        self.addresses["strategy"] = _bind(engine, listener, self._tell("strategy"))
        await engine.start()
        self._servers["strategy"] = self._engine = engine

    async def _serve(
        self, name: str, listener: Listener, budget: Budget, add: Callable[[grpc.aio.Server], None]
    ) -> None:
        server = grpc.aio.server(options=channel_options(budget), maximum_concurrent_rpcs=budget.rpcs)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        add(server)
        self.addresses[name] = _bind(server, listener, self._tell(name), tokenless=name != OPERATOR)
        await server.start()
        self._servers[name] = server

    def _tell(self, name: str) -> Tell:
        """Keeps how a listener's certificate stands, for metrics."""
        return partial(self._app.certificates.__setitem__, name)

    def _add_operator(self, server: grpc.aio.Server) -> None:
        descriptor = _service(operator_pb2, "OperatorService")
        add_service(self._app, server, descriptor, servicer=OperatorService(self._app))
        flow = _service(incident_pb2, "IncidentService")
        add_service(self._app, server, flow, servicer=IncidentService(self._app))
        names = (descriptor.full_name, flow.full_name, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)

    def _add_venue(self, server: grpc.aio.Server) -> None:
        add_service(self._app, server, _service(venue_pb2, "VenueFeedService"), servicer=VenueFeedService(self._app))


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    found: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return found


def _bind(server: Engine | grpc.aio.Server, listener: Listener, tell: Tell, *, tokenless: bool = True) -> str:
    """Listens; gives the address. `tokenless`: who connects is known by nothing but a certificate."""
    if listener.path is not None:
        clear_stale(listener.path)
        with permissions(listener):
            _add_port(server, listener, tell)
        return listener.target
    if not is_loopback(listener.host) and (listener.tls is None or (tokenless and listener.tls.client_ca is None)):
        needs = "TLS" if listener.tls is None else "a client_ca"
        raise ListenError(f"{listener.target} is not a loopback address; without {needs} only this machine is served")
    port = _add_port(server, listener, tell)
    return f"{listener.target.rpartition(':')[0]}:{port}"


def _add_port(server: Engine | grpc.aio.Server, listener: Listener, tell: Tell) -> int:
    target, credentials = listener.target, server_credentials(listener.tls, tell)
    try:
        if credentials is not None:
            port = server.add_secure_port(target, credentials)
        else:
            port = server.add_insecure_port(target)
    except RuntimeError as error:
        raise ListenError(f"{target} can't be listened on: {error}; is it in use?") from error
    if not port:
        raise ListenError(f"{target} can't be listened on; is it in use?")
    return port
