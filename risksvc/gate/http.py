"""The gate's HTTP side, on loopback: Prometheus, probes, and the runbook's curl calls with an operator's token.

Rule 1: only this machine is served, and no web page: a request that a browser sends for another site, or under another
name than this machine's own, is refused: a page that an operator has open can neither halt nor read. Rule 2: what
acts or shows orders needs an operator's token; wrong tokens all get one answer. Rule 3: all answers but the metrics
are JSON, errors too, and an error says nothing of the inside. Rule 4: a caller that goes away does not stop what it has
begun: a halt is finished. Every option of the server is written out.
"""

import ipaddress
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Middleware

from risksvc.core.types import MalformedInputError
from risksvc.gate import http_calls
from risksvc.gate.app import GateApp
from risksvc.gate.http_calls import OpenCall, OperatorCall
from risksvc.gate.http_json import MAX_BODY_BYTES, problem
from risksvc.gate.metrics import Metrics
from risksvc.gate.operator_calls import operator_of
from risksvc.gate.owner import GateClosedError
from risksvc.gate.sockets import ListenError

BACKLOG = 128
KEEPALIVE_SECONDS = 75.0
STOP_WITHIN_SECONDS = 2.0
_MAX_LINE = 8190
_MAX_HEADERS = 64
_READ_BUFFER = 64 * 1024
_LINGERING_SECONDS = 2.0

# Who asks without a token sees that the gate runs, never an order or a limit's text.
OPEN_CALLS: dict[str, OpenCall] = {"/healthz": http_calls.healthz, "/readyz": http_calls.readyz}
METRICS_PATH = "/metrics"
OPERATOR_CALLS: dict[tuple[str, str], OperatorCall] = {
    ("POST", "/trading/halt"): http_calls.halt,
    ("GET", "/orders/open"): http_calls.open_orders,
    ("POST", "/orders/cancel-all"): http_calls.cancel_all,
    ("GET", "/limits"): http_calls.limits,
    ("GET", "/status"): http_calls.status,
}
CALLS = (
    f"GET {METRICS_PATH}",
    *(f"GET {path}" for path in OPEN_CALLS),
    *(f"{method} {path}" for method, path in OPERATOR_CALLS),
)
_HEADERS = {"Server": "risksvc", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_HOW = "give an operator's token: curl -H 'Authorization: Bearer <token>'; `risksvc operator token NAME` makes one"

# What aiohttp itself says, apart from what this module does.
_server_log = logging.getLogger(f"{__name__}.server")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_log = logging.getLogger(__name__)


def _no_stranger(record: logging.LogRecord) -> bool:
    """What is no HTTP at all is refused, and is no event of this gate: a trace for each would flood its log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_server_log.addFilter(_no_stranger)


class HttpServer:
    """A running HTTP side. Used on the gate's event loop."""

    def __init__(self, app: GateApp, metrics: Metrics, runner: web.AppRunner) -> None:
        self._app = app
        self._metrics = metrics
        self._runner = runner

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Takes nothing new, lets what runs finish for a bounded time. Harmless when stopped."""
        self._app.owner.listeners.remove(self._metrics.heard)
        await self._runner.cleanup()


async def start_http(app: GateApp, *, host: str, port: int) -> HttpServer:
    """Serves, and counts for Prometheus from now on. `port` 0: the system chooses. Raises ListenError."""
    address = _loopback(host, port)
    metrics = Metrics(app)
    runner = _runner(app, metrics)
    await runner.setup()
    site = web.TCPSite(runner, address, port, backlog=BACKLOG, reuse_address=True, reuse_port=False, ssl_context=None)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ListenError(f"{address}:{port} can't be listened on: {error.strerror or error}; is it in use?") from error
    app.owner.listeners.append(metrics.heard)
    server = HttpServer(app, metrics, runner)
    app.addresses = {
        **app.addresses,
        "http": f"[{address}]:{server.port}" if ":" in address else f"{address}:{server.port}",
    }
    return server


def _loopback(host: str, port: int) -> str:
    """The address to bind: a name could stand for another machine's."""
    if host == "localhost":
        return "127.0.0.1"
    if not _is_loopback(host):
        raise ListenError(f"{host}:{port} is not a loopback address; without TLS only this machine is served")
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _runner(app: GateApp, metrics: Metrics) -> web.AppRunner:
    application = web.Application(
        logger=_log,
        middlewares=(_errors(app), _no_browsers),
        client_max_size=MAX_BODY_BYTES,
        client_max_fields=1,  # no call takes a form
    )
    application.on_response_prepare.append(_add_headers)
    _add_calls(application, app, metrics)
    return web.AppRunner(
        application,
        handle_signals=False,
        shutdown_timeout=STOP_WITHIN_SECONDS,
        access_log=None,  # what changes something is in the gate's own log
        logger=_server_log,
        debug=False,
        keepalive_timeout=KEEPALIVE_SECONDS,
        tcp_keepalive=True,
        handler_cancellation=False,  # rule 4
        auto_decompress=False,  # a small body stays small
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
        max_headers=_MAX_HEADERS,
        lingering_time=_LINGERING_SECONDS,
        read_bufsize=_READ_BUFFER,
    )


def _add_calls(application: web.Application, app: GateApp, metrics: Metrics) -> None:
    async def scrape(request: web.Request) -> web.Response:
        text, content_type = await metrics.text(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: content_type})

    application.router.add_get(METRICS_PATH, scrape, allow_head=True)
    for path, call in OPEN_CALLS.items():
        application.router.add_get(path, _open(app, call), allow_head=True)
    for (method, path), operator_call in OPERATOR_CALLS.items():
        application.router.add_route(method, path, _by_operator(app, operator_call))


def _open(app: GateApp, call: OpenCall) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await call(app, request)

    return handle


def _by_operator(app: GateApp, call: OperatorCall) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers = request.headers.getall(hdrs.AUTHORIZATION, [])
        by = operator_of(app, headers[0]) if len(headers) == 1 else None
        if by is None:
            what = "not an operator's token" if headers else "no operator's token"
            return problem(401, f"{what}: {_HOW}", headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="risksvc"'})
        return await call(app, request, by)

    return handle


# -- around every call --------------------------------------------------------------------------------------------


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


@web.middleware
async def _no_browsers(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Rule 1. A page has an Origin, or a Sec-Fetch-Site that is not the person's own doing."""
    if hdrs.ORIGIN in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none":
        return problem(403, "web pages are not served; use curl or the command line")
    hosts = request.headers.getall(hdrs.HOST, [])
    if not all(map(_is_this_machine, hosts)):
        return problem(403, "the Host header names another machine", allowed=["127.0.0.1", "[::1]", "localhost"])
    return await handler(request)


def _is_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _is_loopback(name)


def _errors(app: GateApp) -> Middleware:
    @web.middleware
    async def as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _refused(error)
        except MalformedInputError as error:
            app.counters.malformed += 1
            # The calls have the scope's fields at their top.
            return problem(400, error.problem, field=error.field.removeprefix("scope."))
        except GateClosedError:
            app.counters.internal_errors += 1
            return problem(503, "the gate met an internal error and is closed; see `risksvc status`")
        except Exception:  # noqa: BLE001 - told, counted, logged: a caller gets no trace
            app.counters.internal_errors += 1
            _log.exception("an internal error in %s %s", request.method, request.path)
            return problem(500, "an internal error; see the gate's log")

    return as_json


def _refused(error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = sorted(error.allowed_methods)
        text = f"{error.method} is not allowed here"
        return problem(error.status, text, allowed=allowed, headers={hdrs.ALLOW: ", ".join(allowed)})
    if isinstance(error, web.HTTPNotFound):
        return problem(error.status, "there is nothing here", allowed=list(CALLS))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem(error.status, f"the body is too long; at most {MAX_BODY_BYTES} bytes are allowed")
    return problem(error.status, error.text or error.reason)
