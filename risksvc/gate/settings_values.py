"""How the settings file's own kinds of value are read: listening addresses, secrets' places, venue classes, options.

Rule 1: no secret stands in the file, and what stands where a secret might is never printed. Nothing here opens
anything, or looks a name up. Who may be listened to beyond this machine is `risksvc.gate.listen_schema`'s.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import PlainValidator

from risksvc.core.types import RiskError
from risksvc.gate.config_problems import did_you_mean, shown
from risksvc.gate.config_schema import as_mapping, raw_mapping
from risksvc.gate.config_values import refused
from risksvc.gate.kill_switch.address import SENTINEL_SCHEMES, StoreAddress
from risksvc.gate.loopback import is_loopback
from risksvc.gate.yaml_lines import Quoted
from risksvc.tls.endpoint import host_and_port

MAX_SOCKET_PATH = 107  # Linux: sun_path holds 108 bytes with the final zero
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_MODE = re.compile(r"0?[0-7]{3}", re.ASCII)
_OTHERS = 0o007
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_VARIABLE_WORDS = "the name of an environment variable, like BYBIT_SECRET"
_EXCHANGE = re.compile(r"[a-z][a-z0-9]{1,40}", re.ASCII)
_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

# The credentials that ccxt knows: as written here, as ccxt names them.
CREDENTIALS: Mapping[str, str] = {
    "api_key": "apiKey",
    "secret": "secret",
    "password": "password",
    "uid": "uid",
    "wallet_address": "walletAddress",
    "private_key": "privateKey",
}
_KEY_PLACES = tuple(f"{credential}_{place}" for credential in CREDENTIALS for place in ("file", "env"))
_PLACE = {"file": re.compile(r"[^~$].*"), "env": _VARIABLE}
_PLACE_WORDS = {"file": "the path of a file, written out", "env": _VARIABLE_WORDS}
# What a credential is called wherever people write one.
_SECRET_NAMES = frozenset({"apikey", "secret", "apisecret", "password", "passphrase", "privatekey", "token"})


# -- addresses ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens: a socket's path (not yet resolved), or a host and port (0: any free one)."""

    socket: str = ""
    host: str = ""
    port: int = 0


ADDRESSES = "allowed: unix:PATH or 127.0.0.1:PORT"


def address(value: object) -> Address:
    """unix:PATH, or a host and port; whether that host may be meant is not judged here."""
    if not isinstance(value, str) or not value:
        raise refused(f"must be an address; found {shown(value)}, {ADDRESSES}")
    if value.startswith("unix:"):
        return Address(socket=_path(value.removeprefix("unix:").removeprefix("//")))
    found = host_and_port(value)
    if found is None:
        raise refused(f"{shown(value)} is not an address; {ADDRESSES}")
    return Address(host=found[0], port=found[1])


def socket_mode(value: object) -> int:
    """A socket's permissions, octal; others never have any."""
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise refused(f"must be octal permissions like 0660; found {shown(value)}")
    mode = int(value, 8)
    if mode & _OTHERS:
        raise refused(f"{value} lets every user of this machine in; the last digit must be 0, as in 0660")
    return mode


def redis_url(value: object) -> str:
    """A Redis address without its password."""
    url = urlsplit(_text(value)) if _splits(value) or _names_sentinels(value) else None
    kinds = SENTINEL_SCHEMES if _names_sentinels(value) else ("redis", "rediss", "unix")
    if url is None or url.scheme not in kinds:
        raise refused(
            "must be redis://HOST:PORT, rediss://HOST:PORT (TLS), unix:///PATH or redis+sentinel://H1:P1,H2:P2,H3:P3/NAME"
        )
    if url.password or "password=" in url.query:
        raise refused("must not hold the password; name where it is with password_file or password_env")
    return _text(value)


def _names_sentinels(value: object) -> bool:
    try:
        return isinstance(value, str) and StoreAddress.of(value).sentinels is not None
    except (RiskError, ValueError):
        return False


def base_url(value: object) -> str:
    """Where the exchange's server is, when it is not where ccxt has it; unencrypted only on this machine."""
    url = urlsplit(_text(value)) if _splits(value) else None
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        raise refused(f"must be http://127.0.0.1:PORT or https://HOST; found {shown(value)}")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise refused(f"{shown(value)} is unencrypted and not on this machine; use https://")
    return _text(value)


def _splits(value: object) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value).port != -1
    except ValueError:
        return False


# -- text ---------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise refused(f"must be text; found {shown(value)}")
    return str(value)


def _path(value: object) -> str:
    text = _text(value)
    if text[0] in "~$":
        raise refused(f"{shown(text)} begins with {text[0]}, which only a shell understands; write the path out")
    return text


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
        raise refused(f"must be {_VARIABLE_WORDS}")
    return str(value)


def _exchange(value: object) -> str:
    if not isinstance(value, str) or not _EXCHANGE.fullmatch(value):
        raise refused(f"must be a ccxt exchange id like bybit; found {shown(value)}")
    return str(value)


def _class(value: object) -> str:
    if not isinstance(value, str) or not _CLASS.fullmatch(value):
        raise refused(f"must be module:Name, like my_venue.exchange:MyVenue; found {shown(value)}")
    return str(value)


def _truth(value: object) -> bool:
    if value not in ("true", "false") or isinstance(value, Quoted):
        raise refused(f"must be true or false; found {shown(value)}")
    return value == "true"


def _token_hash(value: object) -> str:
    # What was found is not shown: it may be the token itself.
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise refused("must be 64 lower-case hexadecimal digits; `risksvc operator token NAME` prints them")
    if value == _HASH_OF_NOTHING:
        raise refused("is the hash of an empty token; make one with `risksvc operator token NAME`")
    return str(value)


# -- where secrets are --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is: a file (path not yet resolved) or an environment variable. One of the two."""

    file: str = ""
    variable: str = ""


def key_faults(written: object) -> Iterator[tuple[str, str]]:
    """What is wrong with each line of a `key` section; values are never shown, since one may be the key itself."""
    section = raw_mapping(written)
    for name, value in section.items():
        credential, _, kind = name.rpartition("_")
        if name in CREDENTIALS:
            yield name, f"a key is never written here; name where it is with {name}_file or {name}_env"
        elif name not in _KEY_PLACES:
            yield name, f"unknown key{did_you_mean(name, _KEY_PLACES)}; allowed: {', '.join(_KEY_PLACES)}"
        elif kind == "env" and f"{credential}_file" in section:
            yield name, f"is named twice; keep {credential}_file or {credential}_env"
        elif not _PLACE[kind].fullmatch(value if isinstance(value, str) else ""):
            yield name, f"must be {_PLACE_WORDS[kind]}"


def _key_places(value: object) -> dict[str, SecretPlace]:
    if value is not None and not isinstance(value, dict):
        raise refused("says where the key is and is never the key; allowed: {api_key_file, secret_file}")
    places = {}
    for name, text in raw_mapping(value).items():
        credential, _, kind = name.rpartition("_")
        places[credential] = SecretPlace(file=str(text)) if kind == "file" else SecretPlace(variable=str(text))
    return places


# -- options that are handed on -----------------------------------------------------------------------------------


def _options(value: object) -> dict[str, object]:
    for name in _names(value):
        if name.replace("_", "").lower() in _SECRET_NAMES:
            raise refused(f"{name} looks like a key; name where it is under `key`, as in {{api_key_file: ...}}")
    return {name: _option(node) for name, node in as_mapping(value).items()}


def _names(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for node in value.values() for name in _names(node))]
    return [name for node in value for name in _names(node)] if isinstance(value, list) else []


def _option(node: object) -> object:
    if isinstance(node, dict):
        return {name: _option(each) for name, each in node.items()}
    if isinstance(node, list):
        return [_option(each) for each in node]
    if node is None or isinstance(node, Quoted):
        return None if node is None else str(node)
    if node in ("true", "false"):
        return node == "true"
    return int(str(node)) if _WHOLE.fullmatch(str(node)) else str(node)


WrittenAddress = Annotated[Address, PlainValidator(address)]
SocketMode = Annotated[int, PlainValidator(socket_mode)]
RedisUrl = Annotated[str, PlainValidator(redis_url)]
BaseUrl = Annotated[str, PlainValidator(base_url)]
FilePath = Annotated[str, PlainValidator(_path)]
Text = Annotated[str, PlainValidator(_text)]
Variable = Annotated[str, PlainValidator(_variable)]
Exchange = Annotated[str, PlainValidator(_exchange)]
ClassPath = Annotated[str, PlainValidator(_class)]
Truth = Annotated[bool, PlainValidator(_truth)]
TokenHash = Annotated[str, PlainValidator(_token_hash)]
KeyPlaces = Annotated[dict[str, SecretPlace], PlainValidator(_key_places)]  # with key_faults
Options = Annotated[dict[str, object], PlainValidator(_options)]
