"""Reading the venue without a gate: what can't be built or reached is unknown, with the reason, and shows no secret."""

from risksvc.venue.direct import look_directly
from tests.unit.venue.builders import settings

SECRETS = {"api_key": "K3Y-OF-MINE", "api_secret": "S3CRET-OF-MINE"}
NOBODY = "http://127.0.0.1:9"


def test_accounts_fail_each_for_itself() -> None:
    configs = [
        settings(account="nowhere", base_url=NOBODY, request_timeout_ms=500, **SECRETS),
        settings(account="strange", exchange="no-such-exchange", **SECRETS),
        settings(account="unreadable", exchange="pacifica", **SECRETS),
    ]
    looks = look_directly(configs)
    assert [look.account for look in looks] == ["nowhere", "strange", "unreadable"]
    assert not any(look.found.complete for look in looks)
    problems = [" ".join(look.found.problems) for look in looks]
    assert "positions: not read: markets: " in problems[0]
    assert "is not one of ccxt's" in problems[1]
    assert "can't be read" in problems[2]
    assert not any(secret in str(looks) for secret in SECRETS.values())
