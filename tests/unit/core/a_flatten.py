"""A halted account whose flatten has begun: what the tests of flattens start from."""

from typing import Any

from risksvc.core.flatten.events import (
    FlattenOrderAnswered,
    FlattenOutcome,
    FlattenRequested,
    FlattenSliced,
    Slice,
)
from risksvc.core.flatten.proof import phase_of, waiting_for
from risksvc.core.flatten.run import FlattenRun
from risksvc.core.incident.events import CauseNamed
from risksvc.core.incident.record import Incident
from risksvc.core.outputs import Output, RefusalReason, StepRefused
from risksvc.core.types import SECOND, Scope, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import Number, World, given
from tests.unit.core.catalogue import ACCOUNT, BTC, MARKS, D

MINUTE = 60 * SECOND


def request(**changes: Any) -> FlattenRequested:  # noqa: ANN401 - whichever field
    chosen: dict[str, Any] = {"scope": Scope(ACCOUNT), "by": "olga", "reason": "drill", "patience_ns": MINUTE} | changes
    return FlattenRequested(**chosen)


def ask(world: World, **changes: Any) -> Output:  # noqa: ANN401
    """Asks for a flatten; the answer."""
    return world.apply(request(**changes))[0]


def begin(world: World, **changes: Any) -> FlattenRun:  # noqa: ANN401
    """Starts one that nothing stands against."""
    answer = ask(world, **changes)
    assert not isinstance(answer, StepRefused), answer
    return newest(world)


def newest(world: World) -> FlattenRun:
    return next(reversed(world.gate.state.flattens.by_id.values()))


def holding(quantity: Number = "0.5", *, symbol: str = BTC, **changes: Any) -> World:  # noqa: ANN401
    """Alpha holds this, and the account is halted."""
    world = given(**changes)
    world.hold("h", quantity, instrument=symbol)
    world.halt()
    world.read()
    return world


def ready(world: World, **changes: Any) -> FlattenRun:  # noqa: ANN401
    """A flatten that may send: a read that began after its start has come."""
    run = begin(world, **changes)
    world.read(world.working_rows())
    return run


def cut(quantity: Number, *, symbol: str = BTC, side: Side = Side.SELL, price: Number | None = None) -> Slice:
    return Slice(symbol, side, D(quantity), MARKS[symbol] if price is None else D(price))


def send(world: World, run: FlattenRun, *slices: Slice, problem: str = "") -> list[str]:
    """Offers a round; the ids that were approved."""
    before = set(run.orders)
    world.apply(FlattenSliced(run.flatten_id, slices, problem))
    return [id_ for id_ in run.orders if id_ not in before]


def answered(
    world: World, run: FlattenRun, id_: str, outcome: FlattenOutcome = FlattenOutcome.PLACED, *, venue_id: str = ""
) -> None:
    error = "" if outcome is FlattenOutcome.PLACED else "no"
    world.apply(FlattenOrderAnswered(run.flatten_id, id_, outcome, venue_id, error))


def fill_whole(world: World, run: FlattenRun, id_: str, price: Number | None = None) -> None:
    """The order is placed and fills whole."""
    order = run.orders[id_].order
    answered(world, run, id_)
    world.fill(id_, order.side, order.quantity, price or order.limit_price, instrument=order.instrument)


def end_unfilled(world: World, run: FlattenRun, id_: str, *, filled: Number = 0) -> None:
    """The venue shows it cancelled."""
    order = run.orders[id_].order
    row = world.row(
        id_, order.side, order.quantity, order.limit_price, instrument=order.instrument, status=VenueStatus.CANCELLED,
        filled=filled,
    )  # fmt: skip
    world.look_up(row)


def prove(world: World) -> None:
    """Two complete reads, with the position's lag between them."""
    world.read(world.working_rows())
    world.wait(3)


def phase(world: World, run: FlattenRun) -> str:
    return phase_of(world.book, run).value


def waits(world: World, run: FlattenRun) -> str:
    return "; ".join(waiting_for(world.gate.state, run, now=world.now))


def refused(answer: Output) -> list[RefusalReason]:
    assert isinstance(answer, StepRefused), answer
    return [one.reason for one in answer.refusals]


def incident(world: World) -> Incident:
    return next(reversed(world.gate.state.incidents.by_id.values()))


def name_cause(world: World) -> None:
    world.apply(CauseNamed(incident(world).incident_id, "a bug", fixed=True, by="olga"))


def lines(world: World, kind: str) -> list[str]:
    return [one.text for one in incident(world).timeline if one.kind.value == kind]
