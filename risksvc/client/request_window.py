"""Makes the venue refuse an order that comes late, where it can; one fixed window for each exchange object.

It only ever tightens: a window that the user made smaller stays. It is set anew right before each sending, since the
options of the exchange object are the user's. What a halt can't call back is then bounded: an order that was approved
just before it, and hung on its way, is refused by the venue once the window has passed. Where the venue has no such
thing, that is said, once, and `window_ms` is None: the last acceptance is unbounded there.
"""

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from risksvc.client.placing import MAX_RECV_WINDOW_MS, tighten
from risksvc.core.request_expiry import DeadlineForm, ExpiryKind, request_expiry
from risksvc.core.types import MalformedInputError

logger = logging.getLogger("risksvc.client")


class RequestWindow:
    """The window of one exchange object. `most_ms`: 1 to 1,000."""

    def __init__(self, exchange: Any, most_ms: int = MAX_RECV_WINDOW_MS) -> None:  # noqa: ANN401 - any ccxt-like object
        if type(most_ms) is not int or not 0 < most_ms <= MAX_RECV_WINDOW_MS:
            raise MalformedInputError("venue_window_ms", f"{most_ms!r}; allowed: 1 to {MAX_RECV_WINDOW_MS}")
        self._exchange = exchange
        self._most_ms = most_ms
        self._expiry = request_expiry(str(getattr(exchange, "id", "")))
        if self._expiry.kind is ExpiryKind.OPTION and not isinstance(getattr(exchange, "options", None), dict):
            self._expiry = request_expiry("")
        self._sending = 0
        self._lock = threading.Lock()
        self.tighten()
        if not self._expiry.bounded:
            name = getattr(exchange, "id", type(exchange).__name__)
            logger.warning(
                "%s refuses no order for being late (%s): after a halt, an order that was approved before and hangs on "
                "its way may be accepted at any time",
                name,
                self._expiry.note,
            )

    @property
    def window_ms(self) -> int | None:
        """A request older than this is refused by the venue; None: it may be accepted at any time."""
        if not self._expiry.bounded:
            return None
        if self._expiry.kind is ExpiryKind.OPTION:
            return int(self._exchange.options[self._expiry.name])
        return self._most_ms

    def tighten(self) -> None:
        """Set what is set once for all requests."""
        tighten(self._exchange, most_ms=self._most_ms, always=self._expiry.kind is ExpiryKind.OPTION)

    def begin(self, params: dict[str, Any]) -> None:
        """Right before an order is sent: set its deadline. Every `begin` needs its `end`."""
        self.tighten()
        expiry = self._expiry
        if expiry.kind is ExpiryKind.PARAM:
            params[expiry.name] = self._deadline()
        elif expiry.kind is ExpiryKind.HEADER:
            with self._lock:
                self._sending += 1
                self._exchange.headers[expiry.name] = str(self._deadline())

    def end(self) -> None:
        """The order's call has ended: the last one takes the header off again, so that nothing else carries it."""
        if self._expiry.kind is not ExpiryKind.HEADER:
            return
        with self._lock:
            self._sending -= 1
            if not self._sending:
                self._exchange.headers.pop(self._expiry.name, None)

    def _deadline(self) -> int | str:
        at_ms = time.time_ns() // 1_000_000 + self._most_ms
        if self._expiry.form is DeadlineForm.MILLISECONDS:
            return at_ms
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
