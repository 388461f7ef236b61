"""One message by one channel, through apprise: the only place that imports it.

Rule 1: what goes wrong is told in this project's words: apprise's and its libraries' own may hold an address. Rule 2:
it blocks, for at most the time that it is given where the channel's library keeps to it; its caller has a thread for
it. Rule 3: nothing is stored: no key is made, no file is written.
"""

import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

with warnings.catch_warnings():
    # Some of its plugins import what Python has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    import apprise

    apprise.Apprise.instantiate("json://localhost")  # reads its plugins, once, before the first message needs one

VERSION = f"apprise {apprise.__version__}"
NOT_READ = "apprise does not know such a channel, or something is missing in its address"
NOT_TAKEN = "the channel did not take it: no connection, no answer in time, or a refusal"
_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
_ASSET = apprise.AppriseAsset(
    app_id="risksvc",
    app_desc="risksvc",
    app_url="",
    async_mode=False,
    storage_mode=apprise.PersistentStoreMode.MEMORY,
    pgp_autogen=False,
    pem_autogen=False,
)
_apprise_log = logging.getLogger("apprise")


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it."""

    delivered: bool
    error: str = ""
    unusable: bool = False


def is_known(address: str) -> bool:
    """Apprise can send to it, as far as the address tells. Sends nothing."""
    return _channel(address) is not None


def send(address: str, *, title: str, body: str, seconds: float) -> Sent:
    """Tries once."""
    channel = _channel(address)
    if channel is None:
        return Sent(delivered=False, error=NOT_READ, unusable=True)
    # Connecting and reading are timed apart.
    channel.socket_connect_timeout = min(channel.socket_connect_timeout, seconds / 2)
    channel.socket_read_timeout = min(channel.socket_read_timeout, seconds / 2)
    with _status_codes() as codes:
        try:
            taken = bool(
                channel.notify(
                    title=title,
                    body=body,
                    notify_type=apprise.NotifyType.WARNING,
                    body_format=apprise.NotifyFormat.TEXT,
                )
            )
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and its words may hold the address
            return Sent(delivered=False, error=f"{NOT_TAKEN} ({type(error).__name__})")
    if taken:
        return Sent(delivered=True)
    return Sent(delivered=False, error=f"the channel answered with status {codes[-1]}" if codes else NOT_TAKEN)


def _channel(address: str) -> Any:  # noqa: ANN401 - apprise has no types of its own
    try:
        return apprise.Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    except Exception:  # noqa: BLE001 - an address that a plugin stumbles over is one that can't be used
        return None


@contextmanager
def _status_codes() -> Iterator[list[str]]:
    """The status codes that apprise logs on this thread meanwhile: all that is taken of its words."""
    found: list[str] = []
    handler = _Codes(found)
    _apprise_log.addHandler(handler)
    try:
        yield found
    finally:
        _apprise_log.removeHandler(handler)


class _Codes(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._found = found
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._found.extend(_STATUS.findall(record.getMessage()))
