"""Where the kill switch's store is and as whom it is asked: one server, or the primary that sentinels name.

Nothing is connected here. A password is never shown: not in `repr`, not in `shown`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from risksvc.core.types import RiskError

# The scheme that each server gets which the sentinels of such an address name.
SENTINEL_SCHEMES: Mapping[str, str] = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
SENTINEL_PORT = 26_379
MAX_REPLICAS = 8
# A majority of three servers: the primary and one more.
SENTINEL_REPLICAS = 1
_MAX_PORT = 65_535
_REPLICAS = "replicas"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the server's ACL; an empty name is the default user."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Who names the primary, and of what."""

    hosts: tuple[tuple[str, int], ...]
    master: str

    @property
    def majority(self) -> int:
        """Of those that are configured, not of those that answer: a minority that is cut off names the old primary."""
        return len(self.hosts) // 2 + 1


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store, whole. Make it with `of`, which refuses what can't be one.

    `url`: redis://, rediss://, unix:// of one server, or redis+sentinel://H1:P1,H2:P2,H3:P3/MASTER[?db=0] (rediss+...
    for TLS); `?replicas=N` where it is one. `user`: over the url's own; `clears`: a second one, only for clears (None:
    the first). `replicas`: how many must acknowledge what is written and read, 0: none.
    """

    url: str = field(repr=False)
    user: Credentials | None = None
    clears: Credentials | None = None
    sentinel_user: Credentials | None = None
    replicas: int = 0
    sentinels: Sentinels | None = None

    @classmethod
    def of(
        cls,
        url: "str | StoreAddress",
        *,
        user: Credentials | None = None,
        clears: Credentials | None = None,
        sentinel_user: Credentials | None = None,
        replicas: int | None = None,
    ) -> Self:
        """Raises RiskError. `replicas` None: as the url says, else 1 with sentinels and 0 without."""
        if isinstance(url, StoreAddress):
            return url  # type: ignore[return-value]
        plain, said = _without_replicas(url)
        sentinels = _sentinels(plain) if urlsplit(plain).scheme in SENTINEL_SCHEMES else None
        usual = SENTINEL_REPLICAS if sentinels else 0
        wanted = next(number for number in (replicas, said, usual) if number is not None)
        return cls(plain, user, clears, sentinel_user, wanted, sentinels)

    @property
    def shown(self) -> str:
        """Without credentials, for status and errors."""
        return shown_address(self.url)

    def server_url(self, host: str, port: int) -> str:
        """One server that the sentinels named."""
        return self._url(host, port, dict(parse_qsl(urlsplit(self.url).query)).get("db", "0"))

    def sentinel_url(self, host: str, port: int) -> str:
        """A sentinel itself; it has no databases."""
        return self._url(host, port, "0")

    def _url(self, host: str, port: int, database: str) -> str:
        parts = urlsplit(self.url)
        options = {name: value for name, value in parse_qsl(parts.query) if name != "db"}
        name = f"[{host}]" if ":" in host else host
        return urlunsplit((SENTINEL_SCHEMES[parts.scheme], f"{name}:{port}", f"/{database}", urlencode(options), ""))

    @property
    def url_user(self) -> Credentials | None:
        """Who the url itself names; only a sentinels' url needs this, the client reads a server's own."""
        info, at, _ = urlsplit(self.url).netloc.rpartition("@")
        name, _, password = info.partition(":")
        return Credentials(unquote(name), unquote(password)) if at else None


def shown_address(url: str) -> str:
    """The address without its credentials."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _without_replicas(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    said = [value for name, value in options if name == _REPLICAS]
    if not said:
        return url, None
    if len(said) > 1 or not said[0].isdecimal() or int(said[0]) > MAX_REPLICAS:
        raise RiskError(f"--redis-url: replicas must be 0 to {MAX_REPLICAS}")
    rest = urlencode([pair for pair in options if pair[0] != _REPLICAS])
    return urlunsplit(parts._replace(query=rest)), int(said[0])


def _sentinels(url: str) -> Sentinels:
    parts = urlsplit(url)
    hosts = tuple(sentinel_host(written) for written in parts.netloc.rpartition("@")[2].split(","))
    master = unquote(parts.path.strip("/"))
    if not master or "/" in master:
        raise RiskError("--redis-url: sentinels need the master's name, as in redis+sentinel://h1,h2,h3/mymaster")
    if len(set(hosts)) != len(hosts):
        raise RiskError("--redis-url: a sentinel is named twice; each has one vote")
    return Sentinels(hosts, master)


def sentinel_host(written: str) -> tuple[str, int]:
    """HOST or HOST:PORT. Raises RiskError."""
    try:
        parts = urlsplit(f"//{written}")
        host, port = parts.hostname, SENTINEL_PORT if parts.port is None else parts.port
    except ValueError:
        host, port = None, 0
    if not host or not 0 < port <= _MAX_PORT:
        raise RiskError(f"--redis-url: {written!r} is not a sentinel's HOST:PORT")
    return host, port
