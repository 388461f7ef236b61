"""The settings' `redis` section: the user's own Redis, where it is, as whom it is asked, and how safe it must be.

No password stands in the file; it says where each one is. Nothing is read or connected here before `address` is asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from pydantic import AfterValidator, PlainValidator

from risksvc.core.types import ZERO, RiskError
from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Listed, Section
from risksvc.gate.config_values import Name, NumberRange, refused
from risksvc.gate.kill_switch.address import MAX_REPLICAS, Credentials, StoreAddress, sentinel_host
from risksvc.gate.secret_files import SecretSource, read_secret
from risksvc.gate.settings_values import FilePath, RedisUrl, Text, Variable
from risksvc.gate.yaml_lines import KeyPath


def _sentinel(value: object) -> str:
    try:
        sentinel_host(value if isinstance(value, str) else "")
    except RiskError:
        raise refused(f"must be a sentinel's HOST:PORT; found {shown(value)}") from None
    return str(value)


SentinelHost = Annotated[str, PlainValidator(_sentinel)]
Replicas = Annotated[
    int, PlainValidator(NumberRange(ZERO, high=Decimal(MAX_REPLICAS), whole=True)), AfterValidator(int)
]


def _password_faults(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[KeyPath, str]]:
    file, variable, written = (f"{prefix}{key}" for key in ("password_file", "password_env", "password"))
    if file in section and variable in section:
        yield (variable,), f"is named twice; keep {file} or {variable}"
    if written in section:
        yield (written,), f"is never written here; name where it is with {file} or {variable}"


class RedisUserSection(Section):
    """Another user of the server's ACL."""

    username: Text
    password_file: FilePath | None = None
    password_env: Variable | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """One place for the password."""
        yield from _password_faults(section)


class RedisTlsSection(Section):
    """Who is trusted (nothing: the machine's own authorities), and this gate's certificate where the server asks."""

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """A certificate and its key go together."""
        for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
            if key in section and other not in section:
                yield (key,), f"needs {other} beside it"


class RedisSection(Section):
    """The kill switch's store, where the user has one: at one address, or found by sentinels."""

    url: RedisUrl | None = None
    sentinels: Listed[SentinelHost] = ()
    master: Name | None = None
    username: Text | None = None
    password_file: FilePath | None = None
    password_env: Variable | None = None
    sentinel_username: Text | None = None
    sentinel_password_file: FilePath | None = None
    sentinel_password_env: Variable | None = None
    replicas: Replicas | None = None
    tls: RedisTlsSection | None = None
    clears: RedisUserSection | None = None
    init: RedisUserSection | None = None

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """One place, one address, and nothing that would be passed over in silence."""
        yield from _password_faults(section)
        yield from _password_faults(section, "sentinel_")
        url, found = section.get("url"), "sentinels" in section
        if ("url" in section) == found:
            yield ("url",), "is missing; write it, or sentinels and master" if not found else "stands beside sentinels"
        if found and "master" not in section:
            yield ("master",), "is missing; it is the name under which the sentinels watch the primary"
        sentinels = found or (isinstance(url, str) and "+sentinel://" in url)
        for key in ("master", "sentinel_username", "sentinel_password_file", "sentinel_password_env"):
            if key in section and not sentinels:
                yield (key,), "belongs to sentinels, and none are named"
        if sentinels and section.get("replicas") == "0":
            why = "a primary that the sentinels have replaced could go on giving leases"
            yield ("replicas",), f"0 can't stand beside sentinels: {why}; allowed: 1 with three servers, 2 with five"
        if "tls" in section and isinstance(url, str) and not url.startswith("rediss"):
            yield ("tls",), "needs an address that begins with rediss://"


@dataclass(frozen=True, slots=True)
class RedisUser:
    """Who, and where the password is."""

    username: str = ""
    password: SecretSource | None = None

    def credentials(self, environment: Mapping[str, str] | None) -> Credentials:
        """Raises SecretError."""
        return Credentials(self.username, read_secret(self.password, environment) if self.password else "")


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """The user's own Redis. `url` holds no password; `clears` and `init`: who else, for clears and for beginning it."""

    url: str
    user: RedisUser | None = None
    clears: RedisUser | None = None
    init: RedisUser | None = None
    sentinel_user: RedisUser | None = None
    replicas: int | None = None

    def address(self, environment: Mapping[str, str] | None = None, *, initialise: bool = False) -> StoreAddress:
        """With the passwords, for the client only. `initialise`: as who may begin a store. Raises RiskError."""

        def read(user: RedisUser | None) -> Credentials | None:
            return None if user is None else user.credentials(environment)

        first = self.init if initialise and self.init is not None else self.user
        return StoreAddress.of(
            self.url,
            user=read(first),
            clears=None if initialise else read(self.clears),
            sentinel_user=read(self.sentinel_user),
            replicas=self.replicas,
        )


def redis_settings(written: RedisSection, folder: Path) -> RedisSettings:
    """What is written, paths made absolute from `folder`."""
    url = written.url or _sentinel_url(written)
    files = {} if written.tls is None else written.tls.model_dump(exclude_none=True)
    options = {f"ssl_{_TLS_OPTIONS[key]}": str(folder / path) for key, path in files.items()}
    if options:
        url += f"{'&' if '?' in url else '?'}{urlencode(options)}"
    name = written.username or unquote(urlsplit(url).username or "")
    own = _secret(folder, "redis.", written.password_file, written.password_env)
    watched = _secret(folder, "redis.sentinel_", written.sentinel_password_file, written.sentinel_password_env)
    return RedisSettings(
        url=url,
        user=RedisUser(name, own) if name or own else None,
        clears=_other(folder, "redis.clears.", written.clears),
        init=_other(folder, "redis.init.", written.init),
        sentinel_user=RedisUser(written.sentinel_username or "", watched) if watched else None,
        replicas=written.replicas,
    )


_TLS_OPTIONS = {"ca_file": "ca_certs", "cert_file": "certfile", "key_file": "keyfile"}


def _sentinel_url(written: RedisSection) -> str:
    scheme = "redis" if written.tls is None else "rediss"
    return f"{scheme}+sentinel://{','.join(written.sentinels)}/{quote(written.master or '', safe='')}"


def _other(folder: Path, key: str, written: RedisUserSection | None) -> RedisUser | None:
    if written is None:
        return None
    return RedisUser(written.username, _secret(folder, key, written.password_file, written.password_env))


def _secret(folder: Path, prefix: str, file: str | None, variable: str | None) -> SecretSource | None:
    if file is not None:
        return SecretSource(f"{prefix}password_file", file=folder / file)
    return None if variable is None else SecretSource(f"{prefix}password_env", variable=variable)
