"""Operators' tokens: made here, kept only as a hash, compared in constant time.

A token is 256 random bits, so that a plain SHA-256 of it can't be guessed back. The token itself is shown once, to the
person whom it names, and is in no file of the gate.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

_PREFIX = "rsk_"  # so that a scanner for leaked secrets, and a person, knows what it is
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may act: the name that is journaled, the hash of the token, and what he answers for."""

    name: str
    token_sha256: str
    roles: tuple[str, ...] = ()


def new_token() -> str:
    """A new token: printable ASCII, one word."""
    return _PREFIX + secrets.token_urlsafe(_BYTES)


def hash_token(token: str) -> str:
    """What the settings file holds: SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def verify_token(token: str, token_sha256: str) -> bool:
    """True when the hash is this token's. An empty token is nobody's."""
    return bool(token) and hmac.compare_digest(hash_token(token).encode(), token_sha256.encode())


def find_operator(operators: Iterable[Operator], token: str) -> Operator | None:
    """Whose token it is; None: nobody's. Every operator is compared, so that time tells nothing."""
    found = None
    for operator in operators:
        if verify_token(token, operator.token_sha256):
            found = operator
    return found
