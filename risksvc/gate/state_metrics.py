"""Gauges (and what the process counts itself), read from the gate when it is scraped.

Only reads: makes no line, changes no count. What is not known is never 0: an exposure without a mark is NaN, the age of
a read that never came is +Inf. Every family is there from the first scrape on, with a 0 where nothing is wrong.
"""

import math
from collections.abc import Iterator
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from risksvc.core import deciding
from risksvc.core.book import AccountBook
from risksvc.core.line import Line
from risksvc.core.positions import flatten_required
from risksvc.core.reservations import ReservationStatus
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, ZERO, Nanoseconds, TradingState
from risksvc.gate.app import Counters, GateApp
from risksvc.gate.certificate_metrics import certificate_metrics
from risksvc.gate.flatten.metrics import flatten_metrics
from risksvc.gate.incident.course_metrics import course_metrics
from risksvc.gate.incident.metrics import incident_metrics
from risksvc.gate.journal_metrics import disk_metrics
from risksvc.gate.kill_switch.soundness import Check, Inspection
from risksvc.gate.reconciliation_metrics import reconciliation_metrics
from risksvc.gate.registered import skews
from risksvc.gate.snapshot_metrics import snapshot_metrics
from risksvc.gate.telling.metrics import notifying_metrics
from risksvc.gate.views import is_ready

Steps = Iterator[Metric | None]
ROWS_AT_ONCE, ORDERS_AT_ONCE = 100, 1_000
# Which rules run: the plain source, or those of the wheel that deploy/compiled builds.
CORE = "python" if str(deciding.__file__).endswith(".py") else "compiled"
# What the process counts itself: metric, field of Counters, help.
_COUNTED = (
    ("risksvc_malformed_requests", "malformed", "Requests refused as malformed."),
    ("risksvc_expired_requests", "expired", "Requests dropped because their deadline had passed."),
    ("risksvc_internal_errors", "internal_errors", "Internal errors; none of them approved anything."),
    ("risksvc_late_loops", "late_loops", "Times the event loop was so late that the lease was given up."),
    ("risksvc_feed_messages_refused", "feed_messages_refused", "Venue feed messages refused as malformed."),
    (
        "risksvc_journal_anchor_failures",
        "anchor_failures",
        "Anchors of the journal that did not reach the store or standard output.",
    ),
    ("risksvc_assessments", "assessments", "Looks at the venue itself for an assessment, one for each account."),
    (
        "risksvc_assessments_incomplete",
        "assessments_incomplete",
        "Those of them that could not read positions and orders whole: what was missing is unknown, not flat.",
    ),
    ("risksvc_hold_reminders", "hold_reminders", "Reminders of a hold that everybody was sent."),
    (
        "risksvc_hold_reminders_blind",
        "hold_reminders_blind",
        "Reminders that could not say how everything held stands: the venue could not be read whole.",
    ),
)


class StateMetrics:
    """Every gauge of one gate, read in steps."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    def steps(self) -> Steps:
        """Reads everything; None after so many rows, when whoever waits for this thread may have it for a moment."""
        app, now = self._app, self._app.clock.now()
        state = app.owner.state
        books = [state.accounts[name] for name in app.settings.accounts if name in state.accounts]
        yield from _process(app, now)
        yield from _counted(app.counters)
        yield from _skews(app)
        yield from _limits(app)
        yield from _exposures(books)
        yield from _trading_states(state, books, faulty=app.owner.fault is not None)
        yield from reconciliation_metrics(books, app.feeds)
        yield from _ages(books, now)
        yield from _accounts(books)
        yield from _reservations(books)
        yield from course_metrics(state.incidents.open())
        yield from flatten_metrics(state.flattens, [book.name for book in books])
        yield from incident_metrics(state.incidents, [book.name for book in books], now=now)
        yield from notifying_metrics(app.notifying, now=now)


# -- the process --------------------------------------------------------------------------------------------------


def _process(app: GateApp, now: Nanoseconds) -> Iterator[Metric]:
    kill_switch, journal = app.kill_switch.status(), app.owner.journal_stats
    faulty = app.owner.fault is not None or bool(app.owner.state.fault)
    yield _gauge("risksvc_ready", "1 when some account could get an approval.", float(is_ready(app, now)))
    yield _gauge("risksvc_fault", "1 while the gate is closed by an internal error, until a resume.", float(faulty))
    yield _gauge(
        "risksvc_kill_switch_lease_seconds",
        "What is left of the kill switch's lease; 0: everything is denied.",
        max(0, kill_switch.lease_left_ns) / SECOND,
    )
    yield _gauge(
        "risksvc_halt_bound_seconds",
        "Lease and approval validity: no approval is usable later than this after a halt.",
        kill_switch.bound_ns / SECOND,
    )
    yield from _store_checks(kill_switch.inspection)
    yield _gauge("risksvc_watchers", "Strategies that follow their trading state now.", len(app.watchers))
    yield _gauge("risksvc_journal_entries", "Entries in the journal.", journal.entries)
    yield _gauge("risksvc_journal_bytes", "Bytes of the journal on disk.", journal.bytes)
    yield from disk_metrics(journal)
    yield from snapshot_metrics(app.snapshots, entries=journal.entries, now=now)
    yield from certificate_metrics(app.certificates)
    text = "Which engine serves the strategy listener, and whether the rules are compiled; always 1."
    engine = InfoMetricFamily("risksvc_engine", text)
    engine.add_metric([], {"kind": app.engine.kind.value, "core": CORE})
    yield engine
    info = InfoMetricFamily("risksvc_gate", "Which gate, which code, which limits; always 1.")
    info.add_metric([], {"gate_id": app.gate_id, "version": app.version, "limits_hash": app.owner.state.limits_hash})
    yield info


def _store_checks(inspection: Inspection | None) -> Iterator[Metric]:
    unsound = _gauges(
        "risksvc_kill_switch_store_unsound",
        "1 while the store's server is configured so that it could lose halts, or what is there would expire.",
        ["check"],
    )
    unchecked = _gauges(
        "risksvc_kill_switch_store_unchecked", "1 while that can't be told: the server does not say.", ["check"]
    )
    found = {each.check: each for each in inspection.findings} if inspection is not None else {}
    for check in Check:
        one = found.get(check)
        unsound.add_metric([check.value], float(one is not None and one.wrong))
        unchecked.add_metric([check.value], float(one is None or one.unknown))
    return iter((unsound, unchecked))


def _counted(counters: Counters) -> Iterator[Metric]:
    for name, field, text in _COUNTED:
        yield CounterMetricFamily(name, text, value=getattr(counters, field))


def _skews(app: GateApp) -> Iterator[Metric]:
    what = "Other live gates of the account whose {} this gate's."
    limits = _gauges("risksvc_limits_skew", what.format("limits differ from"), ["account"])
    version = _gauges("risksvc_version_skew", what.format("code's version differs from"), ["account"])
    for account, skew in skews(app).items():
        limits.add_metric([account], skew.limits)
        version.add_metric([account], skew.version)
    return iter((limits, version))


def _limits(app: GateApp) -> Iterator[Metric]:
    reloads = CounterMetricFamily(
        "risksvc_limits_reloads", "Attempts to load the limits file: loaded, or refused.", labels=["outcome"]
    )
    reloads.add_metric(["loaded"], app.limits.reloads)
    reloads.add_metric(["refused"], app.limits.failures)
    yield reloads
    yield _gauge(
        "risksvc_limits_last_reload_successful",
        "0 while the limits file was refused at the last attempt: older limits are in force.",
        float(not app.limits.last_error),
    )


# -- exposure -----------------------------------------------------------------------------------------------------


def _exposures(books: list[AccountBook]) -> Steps:
    exposure = _gauges(
        "risksvc_exposure_usd",
        "Worst-case net exposure in the limits' currency; NaN: not known (no mark or rate).",
        ["account", "instrument"],
    )
    total = _gauges(
        "risksvc_total_exposure_usd", "Worst-case exposure over all instruments; NaN: not known.", ["account"]
    )
    used = _gauges(
        "risksvc_limit_utilisation_ratio",
        "Worst case as a share of its limit. instrument empty: the account's total.",
        ["account", "instrument", "limit"],
    )
    for book in books:
        whole = math.nan if book.unvalued else float(book.total)
        total.add_metric([book.name], whole)
        if book.limits is not None:
            used.add_metric([book.name, "", "max_total_exposure"], _share(whole, book.limits.max_total_exposure.value))
        for index, (symbol, worst) in enumerate(_by_symbol(book).items()):
            if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
                yield None
            exposure.add_metric([book.name, symbol], worst)
            own = None if book.limits is None else book.limits.instruments.get(symbol)
            if own is not None:
                used.add_metric([book.name, symbol, "max_net_exposure"], _share(worst, own.max_net_exposure.value))
    yield from (exposure, total, used)


def _by_symbol(book: AccountBook) -> dict[str, float]:
    """Every instrument that is listed, held or worked."""
    found = dict.fromkeys({} if book.limits is None else book.limits.instruments, 0.0)
    found.update((line.symbol, _worst(line)) for line in book.busy)
    return found


def _worst(line: Line) -> float:
    return math.nan if line.unit is None else float(line.worst.exposure)


def _share(value: float, limit: Decimal) -> float:
    if limit == ZERO:
        return math.inf if value > 0 else value
    return value / float(limit)


# -- trading states ----------------------------------------------------------------------------------------------


def _trading_states(state: GateState, books: list[AccountBook], *, faulty: bool) -> Steps:
    family = _gauges(
        "risksvc_trading_state",
        "1 ACTIVE, 2 REDUCING, 3 HALTED. strategy and instrument empty: the account.",
        ["account", "strategy", "instrument"],
    )
    for book in books:
        rows = [("", "")]
        if book.limits is not None:
            rows += [(name, "") for name in book.limits.strategies]
            rows += [("", symbol) for symbol in book.limits.instruments]
        for index, (strategy, instrument) in enumerate(rows):
            if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
                yield None
            value = TradingState.HALTED if faulty else state.state_of(book.name, strategy, instrument)
            family.add_metric([book.name, strategy, instrument], int(value))
    yield family


# -- accounts -----------------------------------------------------------------------------------------------------


def _ages(books: list[AccountBook], now: Nanoseconds) -> Iterator[Metric]:
    snapshots = _gauges(
        "risksvc_snapshot_age_seconds", "Age of the last complete venue read; +Inf: none yet.", ["account"]
    )
    snapshots_most = _gauges(
        "risksvc_snapshot_max_age_seconds", "Older than this, a read only lets orders reduce.", ["account"]
    )
    marks = _gauges(
        "risksvc_mark_age_seconds",
        "Age of the oldest mark that something held or worked depends on; 0: nothing does; +Inf: one has no mark.",
        ["account"],
    )
    marks_most = _gauges("risksvc_mark_max_age_seconds", "Older than this, marks only let orders reduce.", ["account"])
    for book in books:
        snapshots.add_metric([book.name], _age(book.snapshot_as_of, now, never=math.inf))
        snapshots_most.add_metric([book.name], book.config.snapshot_max_age_ns / SECOND)
        missing = any(line.mark is None for line in book.unvalued.values())
        marks.add_metric([book.name], math.inf if missing else _age(book.oldest_mark, now, never=0.0))
        marks_most.add_metric([book.name], book.config.mark_max_age_ns / SECOND)
    return iter((snapshots, snapshots_most, marks, marks_most))


def _age(as_of: Nanoseconds | None, now: Nanoseconds, *, never: float) -> float:
    return never if as_of is None else max(0, now - as_of) / SECOND


def _accounts(books: list[AccountBook]) -> Iterator[Metric]:
    feeds = _gauges("risksvc_feed_connected", "1 while the account's venue feed is connected.", ["account"])
    adopted = _gauges("risksvc_adopted", "1 when all that the account holds is explained or adopted.", ["account"])
    flatten = _gauges(
        "risksvc_flatten_required", "1 while a position is outside its band (150 % of the intended size).", ["account"]
    )
    for book in books:
        feeds.add_metric([book.name], float(book.feed_connected))
        adopted.add_metric([book.name], float(book.adopted))
        flatten.add_metric([book.name], float(flatten_required(book)))
    return iter((feeds, adopted, flatten))


def _reservations(books: list[AccountBook]) -> Steps:
    family = _gauges("risksvc_reservations", "Approved orders that are not proven finished.", ["account", "status"])
    for book in books:
        counts = dict.fromkeys((status.value for status in ReservationStatus), 0)
        for index, reservation in enumerate(book.live()):
            if index % ORDERS_AT_ONCE == ORDERS_AT_ONCE - 1:
                yield None
            counts[reservation.status.value] += 1
        for status, count in counts.items():
            family.add_metric([book.name, status], count)
    yield family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(name: str, text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)
