"""The memory of client order ids that are denied or finished: about 110 bytes each, bounded by number and age.

An id is two small integers: 60 bits of its hash, and 16 bits of what was asked with a bit per denial reason. Hashes
that collide can only deny: nothing that is found here is ever approved. Ids are kept in generations, so that forgetting
is cheap: the last `keep` ids (three quarters of them at least), each for `keep_ns` at least unless that is too many.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from risksvc.core.denials import DenialReason
from risksvc.core.types import Nanoseconds

GENERATIONS = 4
_KEY_SHIFT = 64 - 60
_REASON_BITS = 44
_MARK_BITS = 16
_DIGEST = blake2b(digest_size=8)


@dataclass(slots=True)
class _Generation:
    ids: dict[int, int] = field(default_factory=dict)
    first: Nanoseconds = 0
    last: Nanoseconds = 0


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of an id: whether the same was asked, and why it was denied (nothing: approved, and finished)."""

    same: bool
    reasons: tuple[DenialReason, ...]


class IdArchive:
    """One account's ids. `keep`: how many at most; `keep_ns`: for how long."""

    __slots__ = ("_generations", "_keep_ns", "_size")

    def __init__(self, *, keep: int, keep_ns: Nanoseconds) -> None:
        self._keep_ns = keep_ns
        self._size = max(1, keep // GENERATIONS)
        self._generations: deque[_Generation] = deque([_Generation()], maxlen=GENERATIONS)

    def __len__(self) -> int:
        return sum(len(one.ids) for one in self._generations)

    def add(self, client_order_id: str, mark: bytes, *, reasons: Iterable[DenialReason], now: Nanoseconds) -> None:
        """Remembers an id with what was asked (its fingerprint). No reasons: it was approved, and is finished."""
        newest = self._newest(now)
        bits = sum(1 << reason for reason in dict.fromkeys(reasons))  # one reason may stand at several scopes
        newest.ids[_key(client_order_id)] = _short(mark) << _REASON_BITS | bits
        newest.last = now

    def find(self, client_order_id: str, mark: bytes) -> Remembered | None:
        """What is known of an id, asked now with this fingerprint; None: not known."""
        key = _key(client_order_id)
        for generation in reversed(self._generations):
            packed = generation.ids.get(key)
            if packed is not None:
                reasons = tuple(reason for reason in DenialReason if packed >> reason & 1)
                return Remembered(packed >> _REASON_BITS == _short(mark), reasons)
        return None

    def knows(self, client_order_id: str) -> bool:
        """True for an id that is remembered, whatever was asked under it."""
        key = _key(client_order_id)
        for generation in self._generations:  # noqa: SIM110 - a loop costs less than a generator, and every check asks
            if key in generation.ids:
                return True
        return False

    def _newest(self, now: Nanoseconds) -> _Generation:
        newest = self._generations[-1]
        if len(newest.ids) >= self._size or now - newest.first > self._keep_ns:
            newest = _Generation(first=now)
            self._generations.append(newest)
        while now - self._generations[0].last > self._keep_ns and self._generations[0] is not newest:
            self._generations.popleft()
        return newest


def _key(client_order_id: str) -> int:
    digest = _DIGEST.copy()  # half the cost of one that is set up anew
    digest.update(client_order_id.encode())
    return int.from_bytes(digest.digest()) >> _KEY_SHIFT


def _short(mark: bytes) -> int:
    return int.from_bytes(mark[: _MARK_BITS // 8])
