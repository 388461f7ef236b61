"""What a client and a private socket say to each other: auth, subscribe, unsubscribe, ping. No I/O, no clock.

Bybit v5's words. A message that can't be understood is answered, never a reason to fail; nothing but auth and ping
works before auth; a signature is never said back.
"""

from dataclasses import dataclass
from typing import Final

from risksvc.venue.paper.auth import Grant, Keyring
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.messages import decode
from risksvc.venue.paper.pushes import TOPICS
from risksvc.venue.paper.wire import Row

# Bybit takes this many topics in one request.
MAX_TOPICS: Final = 10
# What is said back of a client's words is cut to this.
_MAX_ECHO: Final = 100
_AUTH_ARGS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A client's message; `op` is empty when it can't be understood, `request_id` when it has none."""

    op: str = ""
    args: tuple[str, ...] = ()
    request_id: str = ""

    @property
    def key(self) -> str:
        """Give the API key that a signature claims to be of, unverified; empty for any other message."""
        return self.args[0] if self.op == "auth" and self.args else ""


def read(text: str) -> Asked:
    """Read a client's message."""
    try:
        found = decode(text)
    except VenueError:
        return Asked()
    if not isinstance(found, dict):
        return Asked()
    args, request_id = found.get("args"), found.get("req_id")
    return Asked(
        op=str(found.get("op", ""))[:_MAX_ECHO],
        args=tuple(str(each) for each in args) if isinstance(args, list) else (),
        request_id="" if request_id is None else str(request_id)[:_MAX_ECHO],
    )


class Session:
    """One socket: who it is (nobody before auth), and what it has subscribed to."""

    def __init__(self, conn_id: str, keyring: Keyring) -> None:
        self.conn_id = conn_id
        self.grant: Grant | None = None
        self.topics: dict[str, None] = {}
        self._keyring = keyring

    @property
    def account(self) -> str:
        """Give the account that the socket may hear of, empty before auth."""
        return self.grant.account if self.grant is not None else ""

    def answer(self, asked: Asked, *, now_ms: int, refuse_auth: str = "") -> Row:
        """Answer a client's message; with `refuse_auth` a signature is refused in these words, right or wrong."""
        if asked.op == "auth" and refuse_auth:
            reply = self._refused("auth", refuse_auth)
        else:
            reply = self._do(asked, now_ms=now_ms)
        return reply | {"req_id": asked.request_id} if asked.request_id else reply

    def _do(self, asked: Asked, *, now_ms: int) -> Row:
        match asked.op:
            case "ping":
                return {"op": "pong", "args": [str(now_ms)], "conn_id": self.conn_id}
            case "auth":
                return self._authorise(asked.args, now_ms=now_ms)
            case "subscribe" | "unsubscribe" if self.grant is None:
                return self._refused(asked.op, "Request not authorized")
            case "subscribe":
                return self._subscribe(asked.args)
            case "unsubscribe":
                return self._unsubscribe(asked.args)
            case _:
                return self._refused(asked.op, "error:invalid op")

    def _authorise(self, args: tuple[str, ...], *, now_ms: int) -> Row:
        if len(args) != _AUTH_ARGS:
            return self._refused("auth", "Params Error")
        try:
            grant = self._keyring.verify_socket(*args, now_ms=now_ms)
        except VenueError as error:
            return self._refused("auth", error.message)
        if self.account not in ("", grant.account):
            return self._refused("auth", "Params Error: the socket belongs to another account")
        self.grant = grant
        return self._done("auth")

    def _subscribe(self, args: tuple[str, ...]) -> Row:
        unknown = next((topic for topic in args if topic not in TOPICS), None)
        if unknown is not None:
            return self._refused("subscribe", f"error:handler not found,topic:{unknown[:_MAX_ECHO]}")
        if not 0 < len(args) <= MAX_TOPICS:
            return self._refused("subscribe", f"error:args size must lie between 1 and {MAX_TOPICS}")
        self.topics |= dict.fromkeys(args)
        return self._done("subscribe")

    def _unsubscribe(self, args: tuple[str, ...]) -> Row:
        for topic in args:
            self.topics.pop(topic, None)
        return self._done("unsubscribe")

    def _done(self, op: str) -> Row:
        return {"success": True, "ret_msg": "", "op": op, "conn_id": self.conn_id}

    def _refused(self, op: str, why: str) -> Row:
        # `request` is how clients tell a refused signature from other refusals.
        return {"success": False, "ret_msg": why, "op": op, "conn_id": self.conn_id, "request": {"op": op}}
