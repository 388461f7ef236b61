"""HTTP messages as plain data, and the JSON in them: what the rest of the venue knows of HTTP.

Numbers in a body never become floats: a JSON number with a fraction is kept as its text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from risksvc.venue.paper.errors import bad_params

JSON: Final = "application/json"

_MAX_FIELDS: Final = 100
_decoder: Final = msgspec.json.Decoder(float_hook=str)
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request; `query` is raw, as it was signed; header names are matched without regard to case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; one that promises more bytes than its body has is cut off after them, with the connection."""

    status: int
    body: bytes
    content_type: str = JSON
    promised: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


class DroppedError(Exception):
    """The connection is to be cut without an answer."""


def encode(row: object) -> bytes:
    """Write JSON."""
    return _encoder.encode(row)


def parameters(incoming: Incoming) -> Mapping[str, object]:
    """Read the body's object (POST) or the query's texts (GET); raise VenueError for anything else."""
    if incoming.method == "POST":
        return _object(incoming.body)
    try:
        return dict(parse_qsl(incoming.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise bad_params(f"params error: the query is malformed: {error}") from error


def decode(text: str) -> object:
    """Read JSON; raise VenueError for what isn't."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise bad_params("params error: the message is not JSON") from error


def _object(body: bytes) -> Mapping[str, object]:
    try:
        found = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_params("params error: the body is not a JSON object") from error
    if not isinstance(found, dict):
        raise bad_params("params error: the body is not a JSON object")
    return found
