"""Who is calling: Bybit v5 request signatures, and what a key may do.

A private call is signed with HMAC-SHA256 over timestamp + key + receive window + the *raw* query string (GET) or the
*raw* body (POST), hex; a socket signs "GET/realtime" + when its signature expires. Anything unclear is refused;
nothing about a secret is ever written or answered. Source: Bybit v5 documentation, "Authentication" and "Connect";
codes 10002 to 10005.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from risksvc.venue.paper.config import AccountConfig, Permission
from risksvc.venue.paper.errors import RetCode, VenueError

DEFAULT_RECV_WINDOW_MS: Final = 5_000
# A request may be dated at most this far ahead of the venue's clock.
FUTURE_MS: Final = 1_000
# What a socket signs, followed by when its signature expires.
SOCKET_PAYLOAD: Final = "GET/realtime"
_MAX_DIGITS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key opens."""

    account: str
    key: str
    permission: Permission
    secret: bytes = field(repr=False)


class Keyring:
    """All keys of the venue."""

    def __init__(self, accounts: Iterable[AccountConfig]) -> None:
        self._grants = {
            key.key: Grant(account=account.name, key=key.key, permission=key.permission, secret=key.secret.encode())
            for account in accounts
            for key in account.keys
        }

    def account_of(self, headers: Mapping[str, str]) -> str:
        """Give the account that a request claims to be from, unverified; empty when it claims none."""
        return self.account_of_key(headers.get("X-BAPI-API-KEY", ""))

    def account_of_key(self, key: str) -> str:
        """Give the account that a key belongs to; empty for an unknown one."""
        grant = self._grants.get(key)
        return grant.account if grant is not None else ""

    def verify(self, headers: Mapping[str, str], payload: bytes, *, now_ms: int) -> Grant:
        """Give what the key opens; raise VenueError for an unknown key, a wrong signature or a stale timestamp."""
        grant = self._grants.get(headers.get("X-BAPI-API-KEY", ""))
        if grant is None:
            raise VenueError(RetCode.BAD_KEY, "API key is invalid.")
        timestamp = headers.get("X-BAPI-TIMESTAMP", "")
        window = headers.get("X-BAPI-RECV-WINDOW", "")
        message = f"{timestamp}{grant.key}{window}".encode() + payload
        given = headers.get("X-BAPI-SIGN", "").lower()
        if not hmac.compare_digest(hmac.digest(grant.secret, message, sha256).hex().encode(), given.encode()):
            raise VenueError(RetCode.BAD_SIGN, "Error sign, please check your signature generation algorithm.")
        _require_fresh(timestamp, window, now_ms=now_ms)
        return grant

    def verify_socket(self, key: str, expires: str, sign: str, *, now_ms: int) -> Grant:
        """Give what the key opens for a socket; raise VenueError for anything unknown, wrong or expired."""
        grant = self._grants.get(key)
        if grant is None:
            raise VenueError(RetCode.BAD_KEY, "API key is invalid.")
        wanted = hmac.digest(grant.secret, f"{SOCKET_PAYLOAD}{expires}".encode(), sha256).hex()
        if not hmac.compare_digest(wanted.encode(), sign.lower().encode()):
            raise VenueError(RetCode.BAD_SIGN, "Error sign, please check your signature generation algorithm.")
        expires_ms = _milliseconds(expires)
        if expires_ms is None or expires_ms <= now_ms:
            raise VenueError(RetCode.STALE_REQUEST, "Request has expired.")
        return grant


def _require_fresh(timestamp: str, window: str, *, now_ms: int) -> None:
    sent_ms = _milliseconds(timestamp)
    window_ms = _milliseconds(window) if window else DEFAULT_RECV_WINDOW_MS
    if sent_ms is None or window_ms is None or not now_ms - window_ms <= sent_ms < now_ms + FUTURE_MS:
        raise VenueError(
            RetCode.STALE_REQUEST,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{timestamp[:20]}],server_timestamp[{now_ms}],recv_window[{window[:20]}]",
        )


def _milliseconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
