"""What Prometheus sees of the listeners' certificates: how long each is good for, whether newer files were refused."""

import time
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric

from risksvc.gate.tls import CertificateStanding


def certificate_metrics(certificates: Mapping[str, CertificateStanding]) -> Iterator[Metric]:
    """By listener; nothing of one without TLS. By this machine's clock, as whoever connects judges by theirs."""
    left = GaugeMetricFamily(
        "risksvc_certificate_left_seconds",
        "For how long the certificate that a listener shows is still valid; 0: it has expired.",
        labels=["listener"],
    )
    refused = GaugeMetricFamily(
        "risksvc_certificate_refused",
        "1 while a listener's files on disk can't be used, so that the last good certificate is shown.",
        labels=["listener"],
    )
    now = time.time()
    for name, standing in sorted(certificates.items()):
        left.add_metric([name], max(0.0, standing.ends - now))
        refused.add_metric([name], float(standing.refused))
    yield from (left, refused)
