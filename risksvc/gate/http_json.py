"""JSON over HTTP: what a request may hold, and how answers and errors look. Decides nothing.

Rule 1: a body is one JSON object with known fields of the right type, or the request is refused naming the field and
what is allowed; nothing is guessed. Rule 2: only `application/json` is read, which no web page can send to another site
without asking first. Rule 3: an error says what is wrong and what is allowed, and nothing of the inside.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from risksvc.core.types import MalformedInputError

JSON_TYPE = "application/json"
MAX_BODY_BYTES = 16 * 1024
BODY_WITHIN_SECONDS = 5.0
_WORDS = {str: 'text, like "..."', bool: "true or false"}


# -- in -----------------------------------------------------------------------------------------------------------


async def read_fields(request: web.Request, allowed: Mapping[str, type]) -> dict[str, Any]:
    """The body's fields, each of its type. Raises MalformedInputError, or aiohttp's own errors for size and type."""
    _refuse_other_types(request)
    try:
        async with asyncio.timeout(BODY_WITHIN_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the body did not arrive within {BODY_WITHIN_SECONDS:g} s") from None
    return _checked(_parsed(body), allowed)


def read_query(request: web.Request, allowed: Iterable[str]) -> dict[str, str]:
    """The query's parameters, each once. Raises MalformedInputError."""
    known = tuple(allowed)
    for name in request.query:
        if name not in known:
            raise MalformedInputError(_shown(name), f"is not known; allowed: {', '.join(known) or 'no parameters'}")
        if len(request.query.getall(name)) > 1:
            raise MalformedInputError(name, "is given twice")
    return {name: _sound(value, field=name) for name, value in request.query.items()}


def _refuse_other_types(request: web.Request) -> None:
    sent = request.headers.get("Content-Type", "")
    encoding = request.headers.get("Content-Encoding", "identity")
    plain = encoding == "identity" and (request.charset or "utf-8").lower() == "utf-8"
    if not sent or request.content_type != JSON_TYPE or not plain:
        found = f"{_shown(sent)}, {_shown(encoding)}" if encoding != "identity" else _shown(sent)
        raise web.HTTPUnsupportedMediaType(
            text=f"the body is {found if sent else 'of no type'}; allowed: {JSON_TYPE} in UTF-8, not compressed "
            '(curl --json \'{"reason": "..."}\' sends it)'
        )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        problem = str(error) if isinstance(error, json.JSONDecodeError) else "not UTF-8, or nested too deep"
        raise MalformedInputError(
            "body", f'is not JSON: {problem}; allowed: one object like {{"reason": "..."}}'
        ) from None
    if not isinstance(found, dict):
        raise MalformedInputError("body", f"is not an object; allowed: one object like {{{_quoted('reason')}: ...}}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise MalformedInputError(_shown(name), "is given twice")
        found[name] = value
    return found


def _checked(found: dict[str, Any], allowed: Mapping[str, type]) -> dict[str, Any]:
    for name, value in found.items():
        kind = allowed.get(name)
        if kind is None:
            raise MalformedInputError(_shown(name), f"is not a field of this call; allowed: {', '.join(allowed)}")
        if type(value) is not kind:
            raise MalformedInputError(name, f"must be {_WORDS[kind]}")
        if isinstance(value, str):
            _sound(value, field=name)
    return found


def _sound(text: str, *, field: str) -> str:
    """Half a surrogate pair is no text: protobuf would refuse it with an error of its own."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedInputError(field, "is not text: it holds half of a character") from None
    return text


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:37] + "...")  # noqa: PLR2004 - an error line's width


def _quoted(name: str) -> str:
    return json.dumps(name)


# -- out ----------------------------------------------------------------------------------------------------------


async def answer(message: Message, **more: Any) -> web.Response:  # noqa: ANN401 - JSON values
    """A message with the names of its proto fields, and `more` in front. Long ones are rendered beside the loop."""
    text = await asyncio.get_running_loop().run_in_executor(None, _rendered, message, more)
    return web.Response(status=200, body=text, content_type=JSON_TYPE)


def _rendered(message: Message, more: Mapping[str, Any]) -> bytes:
    fields = json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        use_integers_for_enums=False,
        unquote_int64_if_possible=False,
    )
    return _text({**more, **fields})


def plain_answer(content: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A JSON object as it is."""
    return web.Response(status=status, body=_text(content), content_type=JSON_TYPE)


def problem(status: int, error: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> web.Response:  # noqa: ANN401
    """An error: what is wrong, and in `more` what is allowed."""
    body = _text({"error": error, **more})
    return web.Response(status=status, body=body, content_type=JSON_TYPE, headers=headers)


def _text(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
