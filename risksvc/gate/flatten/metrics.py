"""What Prometheus sees of flattens: which accounts one runs in, and where the last one did not end flat."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from risksvc.core.flatten.run import FlattenPhase, FlattenRun, Flattens


def flatten_metrics(flattens: Flattens, accounts: Sequence[str]) -> Iterator[Metric]:
    """Per account, 0 where nothing is wrong."""
    running = GaugeMetricFamily("risksvc_flatten_running", "1 while a flatten runs in the account.", labels=["account"])
    gaps = GaugeMetricFamily(
        "risksvc_flatten_gaps",
        "1 when the account's last flatten ended with gaps: it is not flat, or nobody knows.",
        labels=["account"],
    )
    for account in accounts:
        newest = _newest(flattens, account)
        running.add_metric([account], newest is not None and newest.runs)
        gaps.add_metric([account], newest is not None and newest.result is FlattenPhase.GAPS)
    yield running
    yield gaps


def _newest(flattens: Flattens, account: str) -> FlattenRun | None:
    return next((one for one in reversed(flattens.by_id.values()) if one.account == account), None)
