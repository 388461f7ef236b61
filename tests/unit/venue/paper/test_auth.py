"""Signatures, keys, timestamps."""

import hmac

import pytest

from risksvc.venue.paper.auth import Keyring
from risksvc.venue.paper.config import DEMO_ACCOUNT
from risksvc.venue.paper.errors import VenueError

NOW = 1_700_000_000_000
PAYLOAD = b"category=linear&cursor=1%3A2"


def signed(
    *, key: str = "paper-trade", secret: str = DEMO_ACCOUNT.keys[0].secret, at: object = NOW, window: str = "5000"
) -> dict[str, str]:
    message = f"{at}{key}{window}".encode() + PAYLOAD
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(at),
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": hmac.digest(secret.encode(), message, "sha256").hex(),
    }


@pytest.fixture
def keyring() -> Keyring:
    return Keyring([DEMO_ACCOUNT])


@pytest.mark.parametrize(("key", "permission"), [("paper-trade", "trade"), ("paper-read", "read")])
def test_a_key_opens_its_account_with_its_permission(keyring: Keyring, key: str, permission: str) -> None:
    grant = keyring.verify(signed(key=key, secret=f"{key}-secret"), PAYLOAD, now_ms=NOW)
    assert (grant.account, grant.permission) == ("main", permission)
    assert "secret" not in repr(grant)


REFUSED = [
    ({}, 10003),
    (signed(key="nobody"), 10003),
    (signed(secret="wrong"), 10004),
    ({**signed(), "X-BAPI-SIGN": ""}, 10004),
    ({**signed(), "X-BAPI-SIGN": "ünsigned"}, 10004),
    ({**signed(), "X-BAPI-TIMESTAMP": str(NOW + 1)}, 10004),
    ({**signed(), "X-BAPI-RECV-WINDOW": "60000"}, 10004),
    (signed(at=NOW - 5_001), 10002),
    (signed(at=NOW + 1_000), 10002),
    (signed(at=""), 10002),
    (signed(at="soon"), 10002),
    (signed(at=-NOW), 10002),
    (signed(at="\u0661\u0667"), 10002),
    (signed(at="1" * 40), 10002),
    (signed(window="wide"), 10002),
    (signed(window="0", at=NOW - 1), 10002),
]


@pytest.mark.parametrize(("headers", "code"), REFUSED)
def test_anything_unclear_is_refused(keyring: Keyring, headers: dict[str, str], code: int) -> None:
    with pytest.raises(VenueError) as refusal:
        keyring.verify(headers, PAYLOAD, now_ms=NOW)
    assert refusal.value.code == code
    assert "secret" not in str(refusal.value)


def test_another_payload_does_not_fit_the_signature(keyring: Keyring) -> None:
    with pytest.raises(VenueError, match="10004"):
        keyring.verify(signed(), PAYLOAD + b"&limit=1", now_ms=NOW)


@pytest.mark.parametrize("at", [NOW - 5_000, NOW, NOW + 999])
def test_the_window_is_inclusive_and_slightly_open_to_the_future(keyring: Keyring, at: int) -> None:
    assert keyring.verify(signed(at=at), PAYLOAD, now_ms=NOW).account == "main"


def test_without_a_window_five_seconds_count(keyring: Keyring) -> None:
    assert keyring.verify(signed(window="", at=NOW - 5_000), PAYLOAD, now_ms=NOW).account == "main"
    with pytest.raises(VenueError, match="10002"):
        keyring.verify(signed(window="", at=NOW - 5_001), PAYLOAD, now_ms=NOW)
