"""What Prometheus sees of checks: how many came out how, and how long they took.

Counted on the path of each check, so it is plain integers; they are put into Prometheus' words at a scrape, as the
client library's own counter and histogram would. Labels are bounded: an account or strategy that the gate does not
know is counted as "unlisted", so that no caller can make series without end.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from risksvc.core.denials import DenialReason
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, Nanoseconds, Order

UNLISTED = "unlisted"
APPROVED, DENIED = "approved", "denied"
_CHECKS_HELP = (
    "Orders checked. outcome: approved or denied; reason: the first denial, empty when approved; strategy empty: an "
    'operator\'s own reducing order; "unlisted": not in the limits file.'
)
_SECONDS_HELP = "Time to decide and journal one check (decoding and the way here are not in it)."
# Upper bounds of the buckets, inclusive, in nanoseconds; above the last is +Inf.
BOUNDS: tuple[Nanoseconds, ...] = (
    25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 6_400_000, 12_800_000, 51_200_000,
    200_000_000, 1_000_000_000,
)  # fmt: skip
_LES = (*(floatToGoString(bound / SECOND) for bound in BOUNDS), "+Inf")  # type: ignore[no-untyped-call]
_LABELS = ("account", "strategy", "outcome", "reason")


class Series:
    """One series of the counter."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class CheckTally(Collector):
    """Counts; used on the gate's thread only. Register it to have it shown."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, DenialReason | None], Series] = {}
        self._approved: dict[tuple[str, str], Series] = {}
        self._buckets = [0] * len(_LES)
        self._nanoseconds = 0

    def begin(self, state: GateState) -> None:
        """New limits: each strategy that they list has its series from the first scrape on, at 0."""
        self._approved = {
            (book.name, strategy): self._one(book.name, strategy, None)
            for book in state.accounts.values()
            if book.limits is not None
            for strategy in book.limits.strategies
        }

    def approved(self, state: GateState, order: Order, *, took: Nanoseconds) -> None:
        """One order was approved."""
        self._buckets[bisect_left(BOUNDS, took)] += 1
        self._nanoseconds += took
        series = self._approved.get((order.account, order.strategy))
        if series is None:
            series = self._one(*_listed(state, order), None)
        series.count += 1

    def denied(self, state: GateState, order: Order, *, reason: DenialReason, took: Nanoseconds) -> None:
        """One order was denied, for this reason first."""
        self._buckets[bisect_left(BOUNDS, took)] += 1
        self._nanoseconds += took
        self._one(*_listed(state, order), reason).count += 1

    def in_batch(self, state: GateState, order: Order, *, reason: DenialReason | None) -> None:
        """One order of a batch came out so (None: approved); how long the batch took is told elsewhere."""
        series = self._approved.get((order.account, order.strategy)) if reason is None else None
        if series is None:
            series = self._one(*_listed(state, order), reason)
        series.count += 1

    def _one(self, account: str, strategy: str, reason: DenialReason | None) -> Series:
        return self._series.setdefault((account, strategy, reason), Series())

    def collect(self) -> Iterable[Metric]:
        """Everything so far."""
        checks = CounterMetricFamily("risksvc_checks", _CHECKS_HELP, labels=_LABELS)
        for (account, strategy, reason), series in self._series.items():
            outcome, name = (APPROVED, "") if reason is None else (DENIED, reason.name)
            checks.add_metric((account, strategy, outcome, name), series.count)
        seconds = HistogramMetricFamily("risksvc_check_seconds", _SECONDS_HELP)
        seconds.add_metric((), _cumulated(self._buckets), self._nanoseconds / SECOND)
        return checks, seconds


def _cumulated(buckets: Sequence[int]) -> list[tuple[str, float]]:
    return [(le, sum(buckets[: index + 1])) for index, le in enumerate(_LES)]


def _listed(state: GateState, order: Order) -> tuple[str, str]:
    """The labels of an order's account and strategy."""
    book = state.accounts.get(order.account)
    if book is None:
        return UNLISTED, UNLISTED
    known = not order.strategy or (book.limits is not None and order.strategy in book.limits.strategies)
    return order.account, order.strategy if known else UNLISTED
