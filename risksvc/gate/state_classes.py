"""Which classes the gate's state is made of: what the state codec may write and make, by name.

Nothing else is ever made from a snapshot. A class that the state begins to use must be named here (a test walks the
state and the types of its fields); its fields are found by themselves, but for those that follow from the others
(`risksvc.core.line.DERIVED`), which no snapshot holds. Names are for ever: a class or field that is renamed makes older
snapshots unreadable, and a field that is added needs a default.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from risksvc.core import (
    beliefs,
    book,
    conditions,
    config,
    denials,
    divergences,
    equity_ledger,
    events,
    exposure,
    id_archive,
    limits,
    line,
    marks,
    outputs,
    proposals,
    reservations,
    state,
    strategy_line,
    trades,
    trading_state,
    types,
    venue_events,
    windows,
)
from risksvc.core.flatten import events as flatten_events
from risksvc.core.flatten import run as flatten
from risksvc.core.incident import record as incidents
from risksvc.core.incident import severity

# Changed in place, and found through more than one path: each is written once, and is one object again when read.
OBJECTS: tuple[type, ...] = (
    state.GateState,
    trading_state.HaltSet,
    proposals.Proposals,
    book.AccountBook,
    id_archive.IdArchive,
    trades.SeenTrades,
    line.Line,
    line.Suspicion,
    line.ReportedFill,
    conditions.Condition,
    equity_ledger.EquityCheck,
    strategy_line.StrategyLine,
    strategy_line.StrategyBook,
    beliefs.Belief,
    beliefs.HeldBeliefs,
    reservations.Reservation,
    reservations.Finished,
    id_archive._Generation,  # noqa: SLF001 - part of the archive; nobody else has a use for its name
    marks.MarkState,
    incidents.Incidents,
    incidents.Incident,
    incidents.Clock,
    incidents.Message,
    flatten.Flattens,
    flatten.FlattenRun,
    flatten.FlattenOrder,
)

# Never changed: written as values.
VALUES: tuple[type, ...] = (
    config.GateConfig,
    config.AccountConfig,
    limits.Limit,
    limits.OrderLimits,
    limits.InstrumentLimits,
    limits.StrategyInstrumentLimits,
    limits.StrategyLimits,
    limits.AccountLimits,
    limits.Limits,
    trading_state.Halt,
    trading_state.Clear,
    types.Scope,
    types.Instrument,
    types.Order,
    types.PositionRange,
    exposure.Working,
    exposure.WorstCase,
    windows.Held,
    denials.Denial,
    outputs.ExposureUse,
    outputs.Decision,
    reservations.Version,
    reservations.Answer,
    proposals.Proposal,
    events.ResumeProposed,
    events.AdoptRequested,
    events.AdoptItem,
    venue_events.FeedConnected,
    venue_events.Fill,
    venue_events.CashFlow,
    equity_ledger.MarkSeen,
    incidents.Standing,
    incidents.TimelineEntry,
    incidents.Delivery,
    incidents.EvidencePosition,
    incidents.Evidence,
    incidents.CourseChoice,
    incidents.AssessedInstrument,
    incidents.AssessmentRecord,
    incidents.ReviewRecord,
    flatten_events.FlattenRequested,
    flatten_events.Mid,
    flatten.ProvingRead,
    flatten.Certificate,
)

ENUMS: tuple[type[Enum], ...] = (
    config.SecondPerson,
    limits.LimitMode,
    limits.OnBreach,
    divergences.DivergenceClass,
    venue_events.Leg,
    denials.DenialReason,
    venue_events.FillKind,
    venue_events.CashFlowKind,
    reservations.ReservationStatus,
    types.Side,
    types.OrderType,
    types.ReplaceMode,
    types.TradingState,
    types.Severity,
    types.InstrumentKind,
    incidents.EntryKind,
    incidents.Course,
    severity.ClockName,
    flatten_events.FlattenTarget,
    flatten_events.FlattenStyle,
    flatten_events.FlattenOutcome,
    flatten.FlattenPhase,
    flatten.OrderEnd,
    severity.Endangered,
)

# Objects that the core tells apart with `is`.
CONSTANTS: Mapping[str, object] = {"NOTHING_STANDS": strategy_line.NOTHING_STANDS}

# Classes that are no dataclasses: their attributes.
_ATTRIBUTES: Mapping[type, tuple[str, ...]] = {
    trading_state.HaltSet: ("_halts", "_clears", "_active"),
    id_archive.IdArchive: ("_keep_ns", "_size", "_generations"),
    reservations.Answer: ("fingerprint", "decision"),
}
# Those of them that change: one to begin with, whose attributes are then set.
_EMPTY: Mapping[type, Callable[[], object]] = {
    trading_state.HaltSet: trading_state.HaltSet,
    id_archive.IdArchive: lambda: id_archive.IdArchive(keep=1, keep_ns=0),
}
# Dicts of integers to integers that grow large, each number below 2**64: packed.
PACKED: Mapping[tuple[type, str], bool] = {(id_archive._Generation, "ids"): True}  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Shape:
    """One class: its fields in order, those without a default, which are packed, and which follow from the others."""

    kind: type
    fields: tuple[str, ...]
    required: tuple[str, ...]
    packed: tuple[str, ...]
    is_value: bool
    derived: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in the file."""
        return self.kind.__name__

    def make(self, held: Mapping[str, object]) -> object:
        """One that holds this; what is not said gets its default."""
        if self.kind not in _EMPTY:
            return self.kind(**held)
        made = _EMPTY[self.kind]()
        for name, value in held.items():
            setattr(made, name, value)
        return made


def _shape(kind: type) -> Shape:
    packed = tuple(field for (owner, field) in PACKED if owner is kind)
    attributes = _ATTRIBUTES.get(kind)
    if attributes is not None:
        return Shape(kind, attributes, attributes, packed, is_value=kind in VALUES)
    fields = [one for one in dataclasses.fields(kind) if not one.metadata.get("derived")]
    required = tuple(one.name for one in fields if not _has_default(one))
    names = tuple(one.name for one in fields)
    derived = tuple(one.name for one in dataclasses.fields(kind) if one.name not in names)
    return Shape(kind, names, required, packed, is_value=kind in VALUES, derived=derived)


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


SHAPES: Mapping[type, Shape] = {kind: _shape(kind) for kind in (*OBJECTS, *VALUES)}
# Raised by hand when a field means something else than before under the same name.
STATE_VERSION = 1


def fingerprint() -> str:
    """Of everything that the state is made of, by name: another one, and a snapshot may lack what a replay would give.

    A field that an older snapshot does not have gets its default there, which need not be what its entries add up to.
    """
    rows = sorted(f"{shape.name}: {' '.join(shape.fields)}" for shape in SHAPES.values())
    return hashlib.sha256("\n".join((str(STATE_VERSION), *rows)).encode()).hexdigest()[:16]


SHAPES_BY_NAME: Mapping[str, Shape] = {shape.name: shape for shape in SHAPES.values()}
ENUMS_BY_NAME: Mapping[str, type[Enum]] = {kind.__name__: kind for kind in ENUMS}
