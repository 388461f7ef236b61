"""What Prometheus sees of reconciliation: what differs by class, how often each class was seen, lag, stream, money.

Every class has its series from the first scrape on, at 0. A divergence counts once from its first sight to its end,
and again when it comes again; what the venue does of its own accord counts each time. What was not measured is NaN.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import Input
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import SECOND
from risksvc.core.venue_events import BalancesReceived, ReadFailed
from risksvc.gate.exposure_view import divergences
from risksvc.gate.feeds import Feeds

# What a feed may say that it could not read (FeedReadFailure), and "message": refused by the gate. Anything else is
# "other": no feed can make series without end.
READS = ("positions", "open_orders", "fills", "marks", "order", "markets", "balances", "message", "other")
_CLASSES = frozenset(one.value for one in DivergenceClass)
_BEGINS = frozenset({NoticeKind.SUSPECT, NoticeKind.CONDITION})
_ENDS = frozenset({NoticeKind.SUSPECT_CLEARED, NoticeKind.CONDITION_CLEARED})
_AT_ONCE = frozenset({NoticeKind.DIVERGED, NoticeKind.VENUE_EVENT, NoticeKind.EQUITY_MISMATCH})
_FLOWS_KEPT = 10_000  # bookings are told again and again: so many of an account's are known
_MILLISECONDS = 1000


# -- as they happen -----------------------------------------------------------------------------------------------


class SightingCounters:
    """Counts what was seen of each class, and reads that failed. `heard` is told every Input with its notices."""

    def __init__(self, registry: CollectorRegistry, accounts: Iterable[str]) -> None:
        self._seen = Counter(
            "risksvc_divergences_seen",
            "Divergences by class, each once from its first sight to its end; what the venue did, each time.",
            ["account", "divergence_class"],
            registry=registry,
        )
        self._failed = Counter(
            "risksvc_reads_failed", "Reads of the venue that failed, by what was read.", ["account", "what"],
            registry=registry,
        )  # fmt: skip
        self._begun: dict[tuple[str, str, str, str], None] = {}
        self._flows: dict[str, OrderedDict[str, None]] = {}
        # A series that begins at 0 shows its first increase; one that begins at 1 hides it.
        for account in accounts:
            for name in sorted(_CLASSES):
                self._seen.labels(account, name)
            for what in READS:
                self._failed.labels(account, what)

    def took(self, event: Input) -> None:
        """One Input: reads that failed, and bookings, of which no notice tells."""
        if isinstance(event, ReadFailed):
            self._failed.labels(event.account, event.what if event.what in READS else "other").inc()
        elif isinstance(event, BalancesReceived):
            for flow in event.flows:
                if flow.kind.value in _CLASSES and self._is_new_flow(event.account, flow.flow_id):
                    self._seen.labels(event.account, flow.kind.value).inc()

    def told(self, notice: Notice) -> None:
        """One notice, where it is about a class."""
        if notice.name in _CLASSES and self._is_new(notice):
            self._seen.labels(notice.account, notice.name).inc()

    def _is_new(self, notice: Notice) -> bool:
        """Suspected and then diverged is one divergence; what diverges at once was not suspected before."""
        key = (notice.account, notice.instrument, notice.name, notice.strategy)
        if notice.kind in _BEGINS:
            self._begun[key] = None
            return True
        begun = key in self._begun
        if notice.kind in _ENDS or notice.kind is NoticeKind.DIVERGED:
            self._begun.pop(key, None)
        return notice.kind in _AT_ONCE and not begun

    def _is_new_flow(self, account: str, flow_id: str) -> bool:
        known = self._flows.setdefault(account, OrderedDict())
        if flow_id in known:
            return False
        known[flow_id] = None
        if len(known) > _FLOWS_KEPT:
            known.popitem(last=False)
        return True


# -- as they are --------------------------------------------------------------------------------------------------


def reconciliation_metrics(books: Sequence[AccountBook], feeds: Feeds) -> Iterator[Metric]:
    """Everything that is read from the state when it is scraped."""
    yield from _divergences(books)
    yield from _lags(books)
    yield _streams(books, feeds)
    yield from _money(books)


def _divergences(books: Sequence[AccountBook]) -> Iterator[Metric]:
    labels = ["account", "instrument", "divergence_class", "status"]
    usd = _gauges(
        "risksvc_divergence_usd",
        "What differs between belief, ledger and venue, absolute, at the mark; 0 while there is no mark.",
        labels,
    )
    number = _gauges(
        "risksvc_divergences",
        "Differences that are open now. instrument and status empty: none of this class in the account.",
        labels,
    )
    for book in books:
        for key, (value, count) in _open_differences(book).items():
            usd.add_metric(list(key), value)
            number.add_metric(list(key), count)
    return iter((usd, number))


def _open_differences(book: AccountBook) -> dict[tuple[str, str, str, str], tuple[float, int]]:
    sums: dict[tuple[str, str, str, str], tuple[float, int]] = {}
    for one in divergences(book):
        key = (book.name, one.instrument, one.divergence_class, one.status)
        value, count = sums.get(key, (0.0, 0))
        sums[key] = (value + abs(float(one.usd or 0)), count + 1)
    seen = {key[2]: None for key in sums}
    for each in DivergenceClass:
        if each.value not in seen:
            sums[book.name, "", each.value, ""] = (0.0, 0)
    return sums


def _lags(books: Sequence[AccountBook]) -> Iterator[Metric]:
    lag = _gauges(
        "risksvc_position_lag_seconds",
        "How far the venue's positions lagged behind its fills at most, as measured; NaN: not measured yet.",
        ["account"],
    )
    settle = _gauges("risksvc_settle_seconds", "How far they may lag: `settle` of the settings.", ["account"])
    for book in books:
        measured = book.measured_lag_ms
        lag.add_metric([book.name], math.nan if measured < 0 else measured / _MILLISECONDS)
        settle.add_metric([book.name], book.config.settle_ns / SECOND)
    return iter((lag, settle))


def _streams(books: Sequence[AccountBook], feeds: Feeds) -> Metric:
    family = _gauges(
        "risksvc_stream_connected", "1 while the venue's private stream is up; NaN: the feed follows none.", ["account"]
    )
    for book in books:
        link = feeds.link(book.name)
        follows = book.feed is not None and book.feed.has_stream
        family.add_metric([book.name], float(link is not None and link.stream_connected) if follows else math.nan)
    return family


def _money(books: Sequence[AccountBook]) -> Iterator[Metric]:
    residual = _gauges(
        "risksvc_residual_usd",
        "What rounding and unknown fees leave between ledger and venue, over all instruments; NaN: never read.",
        ["account"],
    )
    difference = _gauges(
        "risksvc_equity_difference_usd",
        "Equity as the venue says less what positions, fees, funding and transfers explain; NaN: not checked.",
        ["account"],
    )
    tolerance = _gauges("risksvc_equity_tolerance_usd", "What that may be at most; NaN: not checked.", ["account"])
    for book in books:
        residual.add_metric([book.name], _amount(book.residual if book.snapshots else None))
        difference.add_metric([book.name], _amount(book.equity.difference))
        tolerance.add_metric([book.name], _amount(book.equity.tolerance))
    return iter((residual, difference, tolerance))


def _amount(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def _gauges(name: str, text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)
