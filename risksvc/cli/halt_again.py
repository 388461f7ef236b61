"""The command that repeats a halt: every way of the first one again, and no password. Pure.

Twice is still one halt: it has the same id. What a suggested command would show on a screen or leave in a shell's
history must be no secret, so a password in --redis-url is left out and the purpose says so.
"""

import shlex
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from risksvc.cli.errors import Hint
from risksvc.cli.halt_ways import Told
from risksvc.cli.options import repeated, scope_words_of
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import HaltRequest

_LEFT_OUT = "; put the password back into --redis-url, it is not shown here"
_NOT_A_URL = "; the --redis-url given is no URL and is left out"


def again(request: HaltRequest, told: Told, purpose: str) -> Hint:
    """The same halt, the same ways."""
    words, remark = _words(request, told)
    return Hint(shlex.join(words), f"{purpose}{remark}")


def again_elsewhere(request: HaltRequest, told: Told) -> list[Hint]:
    """The same halt where the settings file can't be used: by another one, or straight into the store."""
    words, remark = _words(request, replace(told, settings=None))
    result = [Hint(f"{shlex.join(words)} --settings PATH", f"by a settings file that can be read{remark}")]
    if told.redis_url is None:
        purpose = f"straight into the kill switch's store, with no gate and no token{remark}"
        result.append(Hint(f"{shlex.join(words)} --redis-url URL", purpose))
    return result


def _words(request: HaltRequest, told: Told) -> tuple[list[str], str]:
    """The command's words, and what must be said about them."""
    reducing = ["--reducing"] if request.state == types_pb2.TRADING_STATE_REDUCING else []
    gates = [word for gate in told.gates for word in ("--gate", gate)]
    store, remark = _store(told.redis_url)
    words = ["risksvc", "halt", "--reason", request.reason, "--halt-id", request.halt_id]
    ways = [*gates, *store, *repeated(told.operator_address, told.settings, told.token_file)]
    return [*words, *scope_words_of(request.scope), *reducing, *ways], remark


def _store(url: str | None) -> tuple[list[str], str]:
    if url is None:
        return [], ""
    try:
        shown = url_without_password(url)
    except ValueError:
        return [], _NOT_A_URL
    return ["--redis-url", shown], "" if shown == url else _LEFT_OUT


def url_without_password(url: str) -> str:
    """The same url, character by character where it has no password. Raises ValueError when it is no URL."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(option, value) for option, value in options if "password" not in option.lower()]
    if colon:
        parts = parts._replace(netloc=f"{name}@{host}" if name else host)
    if len(kept) < len(options):
        parts = parts._replace(query=urlencode(kept))
    if not colon and len(kept) == len(options):
        return url
    shown = parts.geturl()
    return shown if "://" in shown else shown.replace(":", "://", 1)  # unix:///path, which has no host
