"""What went wrong at the venue, sorted: by what a retry can do, and by whether an order may have been touched.

Never lets a secret through: every text that leaves here has the configured secrets taken out. A failure is never turned
into an empty answer.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Self

import aiohttp
from ccxt.base import errors as ccxt_errors

from risksvc.core.types import RiskError
from risksvc.venue.rows import UnknownInstrumentError, UnreadableRowError

_SHOWN = 300
_SIGNED = re.compile(
    r"((?:api_?key|sign(?:ature)?|secret|token|passphrase)[\"']?[=:]\s*[\"']?)[^&\s\"',}]+", re.IGNORECASE
)
_RATE_LIMIT_PAUSE_MS = 1_000

# A retry can't help: the key is wrong, lacks the right, or the class can't do it at all.
_PERMANENT = (ccxt_errors.AuthenticationError, ccxt_errors.NotSupported, ccxt_errors.ArgumentsRequired)
_PACED = (ccxt_errors.RateLimitExceeded, ccxt_errors.DDoSProtection)


class StartError(RiskError):
    """The process can't start and a retry can't help; its text is the one line that the operator sees."""


class ReadFailure(RiskError):  # noqa: N818 - the contract's word: it is reported, not a bug
    """A read that did not succeed; nothing may be concluded from it.

    `what` as in FeedReadFailure. `pause_ms`: the venue asked for time. `clock_off`: the time offset must be measured
    again. `markets_stale`: the markets must be loaded again; `unknown_instrument`: because they lack this one.
    """

    def __init__(
        self,
        what: str,
        error: str,
        *,
        permanent: bool = False,
        pause_ms: int = 0,
        clock_off: bool = False,
        markets_stale: bool = False,
    ) -> None:
        super().__init__(f"{what}: {error}")
        self.what = what
        self.error = error
        self.permanent = permanent
        self.pause_ms = pause_ms
        self.clock_off = clock_off
        self.markets_stale = markets_stale
        self.unknown_instrument = ""

    @classmethod
    def unlisted(cls, what: str, error: str, instrument: str) -> Self:
        """Make the failure of a read that came upon an instrument which the loaded markets lack."""
        failure = cls(what, error, markets_stale=True)
        failure.unknown_instrument = instrument
        return failure


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Take secrets and signatures out of a text, and cut it to a line's length."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _SIGNED.sub(r"\1***", text).replace("\n", " ")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def read_failure(what: str, error: BaseException, *, secrets: Iterable[str] = ()) -> ReadFailure:
    """Make a failure of whatever a read raised."""
    if isinstance(error, ReadFailure):
        return error
    if isinstance(error, UnreadableRowError):
        text = redacted(f"{error.where}: {error.problem}", secrets)
        if isinstance(error, UnknownInstrumentError):
            return ReadFailure.unlisted(error.what, text, error.where)
        return ReadFailure(error.what, text)
    if isinstance(error, TimeoutError):
        return ReadFailure(what, "the read took longer than its limit")
    return ReadFailure(
        what,
        redacted(f"{type(error).__name__}: {error}", secrets),
        permanent=isinstance(error, _PERMANENT),
        pause_ms=_RATE_LIMIT_PAUSE_MS if isinstance(error, _PACED) else 0,
        clock_off=isinstance(error, ccxt_errors.InvalidNonce),
        markets_stale=isinstance(error, ccxt_errors.BadSymbol),
    )


@contextmanager
def failing_as(what: str, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Turn whatever is raised inside into a failure of that read; a bug in parsing must not end the process."""
    try:
        yield
    except Exception as error:
        failure = read_failure(what, error, secrets=secrets)
        if failure is error:
            raise
        raise failure from error


class WriteOutcome(Enum):
    """What is known of a request that may have changed something at the venue."""

    DONE = "DONE"
    NOTHING_TO_DO = "NOTHING_TO_DO"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


# In order: the first class that fits decides. What is not here is UNKNOWN: a timeout, a 5xx, a body that can't be read
# and the venues' own "system error" codes have all been seen on requests that were executed.
_CANCEL_OUTCOMES: tuple[tuple[type[Exception], WriteOutcome], ...] = (
    (ccxt_errors.OrderNotFound, WriteOutcome.NOTHING_TO_DO),
    (ccxt_errors.InvalidOrder, WriteOutcome.REFUSED),
    (ccxt_errors.AuthenticationError, WriteOutcome.REFUSED),
    (ccxt_errors.RateLimitExceeded, WriteOutcome.REFUSED),
    (ccxt_errors.InvalidNonce, WriteOutcome.REFUSED),
    (ccxt_errors.BadRequest, WriteOutcome.REFUSED),
    (ccxt_errors.ArgumentsRequired, WriteOutcome.REFUSED),
    (ccxt_errors.NotSupported, WriteOutcome.REFUSED),
)


def cancel_outcome(error: Exception) -> WriteOutcome:
    """Say what an error of a cancel request proves."""
    if isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return WriteOutcome.REFUSED  # no connection was made, so nothing was sent
    for kind, outcome in _CANCEL_OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return WriteOutcome.UNKNOWN
