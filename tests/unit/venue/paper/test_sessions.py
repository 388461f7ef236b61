"""What is said on a private socket: auth, subscriptions, pings, and nonsense."""

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risksvc.venue.paper.auth import Keyring
from risksvc.venue.paper.config import DEMO_ACCOUNT, AccountConfig, ApiKey
from risksvc.venue.paper.pushes import TOPICS
from risksvc.venue.paper.sessions import MAX_TOPICS, Session, read

NOW = 1_700_000_000_000
LATER = str(NOW + 10_000)
SECRET = DEMO_ACCOUNT.keys[1].secret
OTHER = AccountConfig(name="other", keys=(ApiKey(key="other-key", secret="other-key-secret", permission="read"),))


def session() -> Session:
    return Session("conn", Keyring([DEMO_ACCOUNT, OTHER]))


def signature(expires: str, secret: str = SECRET) -> str:
    return hmac.digest(secret.encode(), f"GET/realtime{expires}".encode(), "sha256").hex()


def say(on: Session, **message: object) -> dict[str, object]:
    return on.answer(read(json.dumps(message)), now_ms=NOW)


def authorised() -> Session:
    made = session()
    say(made, op="auth", args=["paper-read", LATER, signature(LATER)])
    return made


def test_a_signed_socket_hears_of_its_account() -> None:
    made = session()
    reply = say(made, op="auth", args=["paper-read", LATER, signature(LATER)], req_id="7")
    assert reply == {"success": True, "ret_msg": "", "op": "auth", "conn_id": "conn", "req_id": "7"}
    assert made.account == "main"


REFUSED_SIGNATURES = [
    (["paper-read", LATER, signature(LATER, "another")], "Error sign"),
    (["paper-read", LATER, ""], "Error sign"),
    (["paper-read", str(NOW + 1), signature(LATER)], "Error sign"),
    (["nobody", LATER, signature(LATER)], "API key is invalid"),
    (["paper-read", str(NOW), signature(str(NOW))], "expired"),
    (["paper-read", str(NOW - 1), signature(str(NOW - 1))], "expired"),
    (["paper-read", "soon", signature("soon")], "expired"),
    (["paper-read", LATER], "Params Error"),
    ([], "Params Error"),
    ("paper-read", "Params Error"),
    (None, "Params Error"),
]


@pytest.mark.parametrize(("args", "why"), REFUSED_SIGNATURES, ids=range(len(REFUSED_SIGNATURES)))
def test_a_wrong_or_expired_signature_is_refused_and_not_said_back(args: object, why: str) -> None:
    made = session()
    reply = say(made, op="auth", args=args)
    assert (reply["success"], reply["op"], reply["request"]) == (False, "auth", {"op": "auth"})
    assert why in str(reply["ret_msg"])
    assert made.account == ""
    assert signature(LATER) not in json.dumps(reply)


def test_a_right_signature_can_be_refused_on_command() -> None:
    made = session()
    asked = read(json.dumps({"op": "auth", "args": ["paper-read", LATER, signature(LATER)]}))
    reply = made.answer(asked, now_ms=NOW, refuse_auth="error:USVC1111")
    assert (reply["success"], reply["ret_msg"], made.account) == (False, "error:USVC1111", "")


def test_a_socket_stays_with_its_account() -> None:
    made = authorised()
    reply = say(made, op="auth", args=["other-key", LATER, signature(LATER, "other-key-secret")])
    assert (reply["success"], made.account) == (False, "main")
    assert say(made, op="auth", args=["paper-read", LATER, signature(LATER)])["success"], "again, for the same one"


@pytest.mark.parametrize("op", ["subscribe", "unsubscribe"])
def test_nothing_is_subscribed_to_before_auth(op: str) -> None:
    made = session()
    reply = say(made, op=op, args=["order"], req_id=3)
    assert (reply["success"], reply["ret_msg"], reply["req_id"]) == (False, "Request not authorized", "3")
    assert not made.topics


@pytest.mark.parametrize("topic", list(TOPICS))
def test_every_topic_is_taken_and_given_up(topic: str) -> None:
    made = authorised()
    reply = say(made, op="subscribe", args=[topic, topic], req_id="1")
    assert reply == {"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "conn", "req_id": "1"}
    assert list(made.topics) == [topic]
    assert say(made, op="unsubscribe", args=[topic, "never"])["success"]
    assert not made.topics


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["order", "tickers.BTCUSDT"], "error:handler not found,topic:tickers.BTCUSDT"),
        ([], "args size"),
        (["order"] * (MAX_TOPICS + 1), "args size"),
        (None, "args size"),
    ],
)
def test_a_subscription_is_taken_whole_or_not_at_all(args: object, why: str) -> None:
    made = authorised()
    reply = say(made, op="subscribe", args=args)
    assert not reply["success"]
    assert why in str(reply["ret_msg"])
    assert not made.topics


def test_a_ping_is_answered_before_auth_too() -> None:
    reply = say(session(), op="ping", req_id="9")
    assert reply == {"op": "pong", "args": [str(NOW)], "conn_id": "conn", "req_id": "9"}


def test_the_key_of_a_signature_is_known_before_it_is_verified() -> None:
    assert read('{"op": "auth", "args": ["paper-read"]}').key == "paper-read"
    assert read('{"op": "subscribe", "args": ["order"]}').key == ""


ODD = st.one_of(
    st.text(max_size=60),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["op", "args", "req_id"]), inner),
        max_leaves=8,
    ).map(json.dumps),
)


@given(ODD)
def test_any_message_is_answered(text: str) -> None:
    reply = authorised().answer(read(text), now_ms=NOW)
    assert reply["conn_id"] == "conn"
    assert len(json.dumps(reply)) < 1_000
