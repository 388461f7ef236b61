"""A histogram of latencies that costs the same for any number of them, and is off by less than 0.8 %.

Nanoseconds: exact below 256, then 128 buckets to each power of two. The C++ generator counts in the same buckets.
"""

from collections.abc import Iterable

EXACT = 256
_PARTS = 128
_SHIFT = 7  # two to this power is _PARTS


def bucket_of(nanoseconds: int) -> int:
    """Which bucket a value is counted in."""
    if nanoseconds < EXACT:
        return max(0, nanoseconds)
    shift = nanoseconds.bit_length() - 1 - _SHIFT
    return _PARTS * shift + (nanoseconds >> shift)


def middle_of(bucket: int) -> float:
    """The value in the middle of a bucket."""
    if bucket < EXACT:
        return float(bucket)
    shift = bucket // _PARTS - 1
    low = (bucket - _PARTS * shift) << shift
    return low + (1 << shift) / 2


class Histogram:
    """Counts by bucket."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self.counts: dict[int, int] = dict(counts)

    def add(self, nanoseconds: int) -> None:
        bucket = bucket_of(nanoseconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def percentile(self, percent: float) -> float:
        """The smallest value, in microseconds, that so many percent do not exceed. Raises ValueError when empty."""
        wanted, seen = self.total * percent / 100, 0
        for bucket, count in sorted(self.counts.items()):
            seen += count
            if seen >= wanted:
                return middle_of(bucket) / 1000
        raise ValueError("nothing was counted")
