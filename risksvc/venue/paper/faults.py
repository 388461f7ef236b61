"""Misbehaviour on command: what can be switched on, and what is switched on now.

Each fault is a row of `FAULTS`: a name, the stage at which it acts, its parameters with their defaults, and a
sentence. A switched fault applies to the requests whose path fits its pattern (and whose key belongs to its account,
if one is named), for a number of requests or until it is cleared. Several may be on at once; they act in the order of
their stages, then of their switching.

Stages of a request: VIEW bends what it sees (before it is authenticated, so a skewed clock also judges timestamps);
ARRIVAL acts before it is processed, which it never is if the fault answers or drops it; RESULT changes a processed
request's answer, ROWS the rows in it, REPLY its bytes, DEPARTURE what becomes of them on the way back. An order whose
answer is lost at a later stage has been accepted.

Stages of a socket, whose path is `SOCKET_PATH` (that of a push: followed by its topic): CONNECT acts on the upgrade,
AUTH on its signature, OPEN on the open socket; ROWS and PUSH change what is pushed, SEND whatever is sent.
"""

import re
from asyncio import Event
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import translate
from types import MappingProxyType
from typing import Final

Value = int | str

# Where clients open private sockets.
SOCKET_PATH: Final = "/v5/private"

# How many requests a hang holds at once; it drops those beyond, or a client that keeps asking would fill the memory.
MAX_HELD: Final = 1_000

# More switched faults than this are a mistake in a script, not a test.
MAX_ACTIVE: Final = 100


class Stage(Enum):
    """When a fault acts."""

    VIEW = auto()
    ARRIVAL = auto()
    RESULT = auto()
    ROWS = auto()
    REPLY = auto()
    DEPARTURE = auto()
    CONNECT = auto()
    AUTH = auto()
    OPEN = auto()
    PUSH = auto()
    SEND = auto()


REQUEST_STAGES: Final = (Stage.VIEW, Stage.ARRIVAL, Stage.RESULT, Stage.ROWS, Stage.REPLY, Stage.DEPARTURE)
PUSH_STAGES: Final = (Stage.ROWS, Stage.PUSH, Stage.SEND)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table; a parameter's default also says its type."""

    stage: Stage
    says: str
    parameters: Mapping[str, Value] = field(default_factory=dict)


FAULTS: Final[Mapping[str, FaultKind]] = MappingProxyType(
    {
        "clock_skew": FaultKind(Stage.VIEW, "the venue's clock is off by ms (may be negative)", {"ms": 10_000}),
        "position_lag": FaultKind(
            Stage.VIEW, "positions are answered as they were ms ago (at most 30000)", {"ms": 1_000}
        ),
        "execution_lag": FaultKind(Stage.VIEW, "executions show up only ms after they happened", {"ms": 1_000}),
        "page_size": FaultKind(Stage.VIEW, "no page has more rows than this", {"rows": 1}),
        "always_cursor": FaultKind(Stage.VIEW, "the last page, too, has a cursor, to an empty page"),
        "reject_after_ack": FaultKind(Stage.VIEW, "a new order is acknowledged, then Rejected"),
        "delay": FaultKind(Stage.ARRIVAL, "the request waits ms before it is processed", {"ms": 1_000}),
        "hang": FaultKind(Stage.ARRIVAL, "the request is held until the fault is cleared, then processed as usual"),
        "drop_before": FaultKind(Stage.ARRIVAL, "the connection is cut, nothing is processed"),
        "http_error": FaultKind(
            Stage.ARRIVAL,
            "an HTTP status with a body, nothing is processed",
            {"status": 503, "body": "Service Unavailable"},
        ),
        "ret_code": FaultKind(
            Stage.ARRIVAL, "a return code, nothing is processed", {"code": 10016, "message": "Server error."}
        ),
        "rate_limit": FaultKind(
            Stage.ARRIVAL,
            "code 10006, and headers that say when the limit is over: reset_ms from now; nothing is processed",
            {"reset_ms": 1_000},
        ),
        "maintenance": FaultKind(
            Stage.ARRIVAL,
            "HTTP 503 from the venue's front, with Retry-After; nothing is processed (sockets: ws_close, ws_refuse)",
            {"retry_after_s": 60},
        ),
        "ret_code_after": FaultKind(
            Stage.RESULT, "processed, yet answered with a return code", {"code": 10000, "message": "Server Timeout"}
        ),
        "empty_list": FaultKind(Stage.RESULT, "lists come back empty and last"),
        "half_list": FaultKind(Stage.RESULT, "lists lose their second half and their cursor"),
        "duplicate_rows": FaultKind(Stage.RESULT, "every row of a list comes twice"),
        "trade_ids_per_symbol": FaultKind(
            Stage.ROWS, "trade ids are counted per instrument, so that they repeat across instruments; pushes, too"
        ),
        "null_result": FaultKind(Stage.RESULT, "processed, answered with result null"),
        "frozen": FaultKind(Stage.REPLY, "each request gets again what it got first since the fault was switched on"),
        "non_json": FaultKind(
            Stage.REPLY, "processed, HTTP 200 with a body that isn't JSON", {"body": "<html>busy</html>"}
        ),
        "empty_body": FaultKind(Stage.REPLY, "processed, HTTP 200 without a body"),
        "null_body": FaultKind(Stage.REPLY, "processed, HTTP 200 with the body null"),
        "truncated_body": FaultKind(
            Stage.REPLY, "processed, the connection is cut after the first per cent of the body", {"percent": 50}
        ),
        "broken_json": FaultKind(
            Stage.REPLY, "processed, HTTP 200 with only the first per cent of the JSON", {"percent": 50}
        ),
        "http_error_after": FaultKind(
            Stage.REPLY, "processed, yet answered with an HTTP status", {"status": 502, "body": "Bad Gateway"}
        ),
        "delay_reply": FaultKind(Stage.DEPARTURE, "processed, the answer waits ms", {"ms": 1_000}),
        "drop_after": FaultKind(Stage.DEPARTURE, "processed, the connection is cut without an answer"),
        "ws_refuse": FaultKind(Stage.CONNECT, "no socket is opened: an HTTP status instead", {"status": 503}),
        "ws_auth_refuse": FaultKind(
            Stage.AUTH, "a socket's signature is refused, right or wrong", {"message": "error:USVC1111"}
        ),
        "ws_close": FaultKind(
            Stage.OPEN,
            "open sockets are closed with code (1006: cut without a word), later ones once they are authorised",
            {"code": 1001},
        ),
        "ws_lose": FaultKind(Stage.PUSH, "every n-th push is lost (1: all)", {"every": 2}),
        "ws_duplicate": FaultKind(Stage.PUSH, "every push comes twice"),
        "ws_reorder": FaultKind(
            Stage.PUSH, "pushes are held until there are so many, then come newest first", {"group": 2}
        ),
        "ws_silent": FaultKind(
            Stage.SEND, "sockets stay open and send nothing: no push, no answer, no pong; what was to be sent is lost"
        ),
        "ws_delay": FaultKind(Stage.SEND, "whatever a socket sends waits ms, in its order", {"ms": 1_000}),
    }
)


@dataclass(slots=True, kw_only=True)
class Fault:
    """A switched fault; `remaining` None means until cleared, `cleared` is set when it is switched off.

    `answers` is what a frozen venue repeats, `waiting` what is held back from sockets, by their ids.
    """

    fault_id: int
    name: str
    path: str
    account: str
    remaining: int | None
    values: Mapping[str, Value]
    pattern: re.Pattern[str]
    hits: int = 0
    held: int = 0
    cleared: Event = field(default_factory=Event)
    answers: dict[str, bytes] = field(default_factory=dict)
    waiting: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        """Give when it acts."""
        return FAULTS[self.name].stage

    def number(self, name: str) -> int:
        """Give a whole-number parameter."""
        return int(self.values[name])

    def text(self, name: str) -> str:
        """Give a text parameter."""
        return str(self.values[name])

    def row(self) -> dict[str, object]:
        """Show it for the control API."""
        return {
            "id": self.fault_id,
            "name": self.name,
            "path": self.path,
            "account": self.account,
            "remaining": self.remaining,
            "hits": self.hits,
            **self.values,
        }


class Switchboard:
    """The faults that are on; all methods raise ValueError with what is allowed."""

    def __init__(self) -> None:
        self._active: dict[int, Fault] = {}
        self._ids = 0
        self._listeners: list[Callable[[Fault], None]] = []

    def listen(self, listener: Callable[[Fault], None]) -> None:
        """Tell `listener` of every fault that is switched on, or off again (`cleared` is set then)."""
        self._listeners.append(listener)

    def __bool__(self) -> bool:
        return bool(self._active)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._active.values())

    def switch_on(
        self, name: str, /, *, path: str = "*", account: str = "", count: int | None = None, **values: Value
    ) -> Fault:
        """Switch a fault on for paths that fit the pattern (`*` and `?`), for `count` requests or until cleared."""
        kind = FAULTS.get(name)
        if kind is None:
            raise ValueError(f"fault {name!r} is unknown; known are {', '.join(FAULTS)}")
        if len(self._active) >= MAX_ACTIVE:
            raise ValueError(f"{MAX_ACTIVE} faults are on already; clear some")
        if count is not None and count < 1:
            raise ValueError("count: must be at least 1, or left out")
        self._ids += 1
        fault = Fault(
            fault_id=self._ids,
            name=name,
            path=path,
            account=account,
            remaining=count,
            values=_checked(name, kind, values),
            pattern=re.compile(translate(path)),
        )
        self._active[fault.fault_id] = fault
        self._tell(fault)
        return fault

    def clear(self, fault_id: int) -> None:
        """Switch one fault off and let go of what it holds."""
        fault = self._active.pop(fault_id, None)
        if fault is None:
            raise ValueError(f"no fault has the id {fault_id}")
        fault.cleared.set()
        self._tell(fault)

    def clear_all(self) -> None:
        """Switch everything off."""
        for fault_id in list(self._active):
            self.clear(fault_id)

    def awaiting(self, path: str, account: str, *, stages: Collection[Stage]) -> list[Fault]:
        """Give the faults of these stages that would be met, and count nothing."""
        return [
            fault
            for fault in self._active.values()
            if fault.stage in stages
            and fault.remaining != 0
            and fault.account in ("", account)
            and fault.pattern.match(path) is not None
        ]

    def hit(self, path: str, account: str, *, stages: Collection[Stage] = REQUEST_STAGES) -> list[Fault]:
        """Give the faults of these stages that a request, or what a socket does, meets, and count it against them."""
        met = self.awaiting(path, account, stages=stages)
        for fault in met:
            fault.hits += 1
            if fault.remaining is not None:
                fault.remaining -= 1
                # A used-up hang stays listed: it still holds requests, and clearing it lets them go.
                if not fault.remaining and fault.name != "hang":
                    del self._active[fault.fault_id]
        return met

    def _tell(self, fault: Fault) -> None:
        for listener in self._listeners:
            listener(fault)


def _checked(name: str, kind: FaultKind, values: Mapping[str, Value]) -> dict[str, Value]:
    checked = dict(kind.parameters)
    for key, value in values.items():
        if key not in checked:
            raise ValueError(f"{name}: {key!r} is unknown; it takes {', '.join(checked) or 'no parameters'}")
        if type(value) is not type(checked[key]):
            raise ValueError(f"{name}: {key} must be {'a whole number' if isinstance(checked[key], int) else 'text'}")
        checked[key] = value
    for key, value in checked.items():
        low, high = _RANGES.get((name, key), _RANGES.get((None, key), (None, None)))
        if isinstance(value, int) and low is not None and high is not None and not low <= value <= high:
            raise ValueError(f"{name}: {key} must lie between {low} and {high}")
    return checked


_HOUR_MS: Final = 3_600_000

# Allowed ranges of number parameters, by fault and parameter, or by parameter alone.
_RANGES: Final[Mapping[tuple[str | None, str], tuple[int, int]]] = MappingProxyType(
    {
        ("clock_skew", "ms"): (-24 * _HOUR_MS, 24 * _HOUR_MS),
        ("position_lag", "ms"): (0, 30_000),
        (None, "ms"): (0, _HOUR_MS),
        (None, "rows"): (1, 1_000),
        (None, "status"): (200, 599),
        (None, "percent"): (0, 99),
        (None, "code"): (-1, 999_999),
        ("ws_close", "code"): (1_000, 4_999),
        (None, "reset_ms"): (0, _HOUR_MS),
        (None, "retry_after_s"): (0, 3_600),
        (None, "every"): (1, 1_000),
        (None, "group"): (2, 100),
    }
)
