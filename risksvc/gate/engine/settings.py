"""The settings' `engine` section: how strategies are served, and by whom they are. Knows no gRPC: it is read before that is loaded.

What each means is said in `templates/risksvc.yaml`.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import Field, PlainValidator

from risksvc.core.types import MILLISECOND, Nanoseconds
from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Section
from risksvc.gate.config_values import choice, refused

MAX_SPIN_US = 1000
_SPIN = re.compile(r"0|([0-9]{1,4})us", re.ASCII)


class EngineKind(Enum):
    """Who serves strategies: the gate's own loop over gRPC's completion queue, or grpcio's asyncio server."""

    DIRECT = "direct"
    PUBLIC = "public"


DEFAULT = EngineKind.DIRECT


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`spin_ns`: how long the direct engine looks for more, awake, after something came; 0: it sleeps at once."""

    kind: EngineKind = DEFAULT
    spin_ns: Nanoseconds = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Who serves. `problem`: why it is not who was asked for; empty: it is."""

    kind: EngineKind = EngineKind.PUBLIC
    problem: str = ""


def _spin(value: object) -> Nanoseconds:
    text = _SPIN.fullmatch(value) if isinstance(value, str) else None
    if text is None or int(text[1] or 0) > MAX_SPIN_US:
        raise refused(f"must be 0 or whole microseconds, at most {MAX_SPIN_US}us, like 200us; found {shown(value)}")
    return int(text[1] or 0) * MILLISECOND // 1000


class EngineSection(Section):
    """How the strategy listener is served."""

    kind: Annotated[EngineKind, PlainValidator(choice(EngineKind))] = DEFAULT
    spin_ns: Annotated[Nanoseconds, PlainValidator(_spin)] = Field(default=0, alias="spin")

    def read(self) -> EngineSettings:
        """As the gate uses it."""
        return EngineSettings(self.kind, self.spin_ns)
