"""The private stream at the paper venue, which makes it misbehave: sooner where it works, no worse where not."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from risksvc.v1 import venue_pb2
from tests.integration.venue.rig import BTC, GateSide, Message, Rig, holding

STREAM: dict[str, Any] = {
    "stream": True,
    "positions_every_ms": 60_000,
    "marks_every_ms": 60_000,
    "stream_retry_min_ms": 50,
    "stream_retry_max_ms": 200,
}
PATH = "/v5/private*"
FILLED = venue_pb2.VENUE_ORDER_STATUS_FILLED
CANCELLED = venue_pb2.VENUE_ORDER_STATUS_CANCELLED


@pytest.fixture(autouse=True)
def healed(rig: Rig) -> Iterator[None]:
    """Nothing stays held back at the paper venue when a test ends."""
    yield
    rig.heal()


async def streaming(rig: Rig, **changes: object) -> GateSide:
    """Start the feed and wait for the deep read that follows the stream's coming up."""
    gate = await rig.start(**{**STREAM, **changes})
    assert gate.hellos[-1].has_stream
    await gate.until("stream_state", lambda state: state.connected)
    up = gate.index("stream_state", gate.all("stream_state")[-1])
    await gate.until("snapshot", after=up)
    return gate


def ended(client_id: str, status: int) -> Any:  # noqa: ANN401 - a predicate
    return lambda states: any((one.client_order_id, one.status) == (client_id, status) for one in states.orders)


def filled(gate: GateSide, *, before: int | None = None) -> Decimal:
    return sum((Decimal(fill.quantity) for fill in gate.fills(before=before).values()), Decimal(0))


async def test_a_fill_its_orders_end_and_the_position_are_told_without_being_asked(rig: Rig) -> None:
    gate = await streaming(rig)
    after = gate.mark()
    await rig.order("done", "buy", "0.3")
    states = await gate.until("order_states", ended("done", FILLED), after=after)
    assert filled(gate, before=gate.index("order_states", states)) == Decimal("0.3")
    await gate.until("snapshot", holding("0.3"), after=after)


async def test_a_cancel_is_told_with_what_was_filled_before(rig: Rig) -> None:
    gate = await streaming(rig)
    placed = await rig.trader.create_order(BTC, "limit", "buy", "90", "50010", {"clientOrderId": "part"})
    await rig.trader.cancel_order(placed["id"], BTC)
    states = await gate.until("order_states", ended("part", CANCELLED))
    (told,) = [one for one in states.orders if one.client_order_id == "part"]
    assert Decimal(told.filled) == filled(gate, before=gate.index("order_states", states)) > 0


@pytest.mark.parametrize(
    ("fault", "values"),
    [("ws_duplicate", {}), ("ws_reorder", {"group": 3}), ("ws_lose", {"every": 2}), ("ws_delay", {"ms": 300})],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_whatever_a_stream_does_each_fill_is_told_once_and_no_end_without_its_fills(
    rig: Rig, fault: str, values: dict[str, Any]
) -> None:
    gate = await streaming(rig, positions_every_ms=300)
    rig.fault(fault, PATH, **values)
    after = gate.mark()
    for number in range(8):
        await rig.order(f"f-{number}", "buy", "0.01")
    rig.heal()
    await gate.until("snapshot", holding("0.08"), after=after)
    told = [fill.trade_id for message in gate.all("fills") for fill in message.fills]
    assert len(told) == len(set(told))
    assert filled(gate) == Decimal("0.08")
    for states in gate.all("order_states", after=after):
        before = gate.fills(before=gate.index("order_states", states)).values()
        for one in states.orders:
            known = sum(Decimal(each.quantity) for each in before if each.venue_order_id == one.venue_order_id)
            assert Decimal(one.filled) <= known


async def test_what_happens_while_the_stream_is_down_is_read_when_it_comes_back(rig: Rig) -> None:
    gate = await streaming(rig)
    rig.fault("ws_refuse", PATH)
    rig.fault("ws_close", PATH, code=1001)
    await gate.until("stream_state", lambda state: not state.connected)
    await rig.order("unheard", "buy", "0.2")
    after = gate.mark()
    rig.heal()
    up = await gate.until("stream_state", lambda state: state.connected, after=after)
    assert not up.error
    await gate.until("snapshot", holding("0.2"), after=after)
    assert filled(gate) == Decimal("0.2")


async def test_a_stream_that_keeps_its_pings_and_loses_its_executions_is_found_out(rig: Rig) -> None:
    gate = await streaming(rig, positions_every_ms=300, stream_fill_wait_ms=300)
    rig.fault("ws_lose", f"{PATH}execution*", every=1)
    rig.fault("ws_lose", PATH, every=1)
    after = gate.mark()
    read: Message = None
    for number in range(5):  # the first may be of the second in which the stream came up
        await rig.order(f"lost-{number}", "buy", "0.01")
        read = await gate.until("snapshot", holding(f"0.0{number + 1}"), after=after)
    down = await gate.until("stream_state", lambda state: not state.connected, after=after)
    assert "silent: a read shows fill" in down.error
    assert read is not None


async def test_a_refused_log_in_leaves_polling_as_it_is(rig: Rig) -> None:
    rig.fault("ws_auth_refuse", PATH)
    gate = await rig.start(**{**STREAM, "positions_every_ms": 150})
    down = await gate.until("stream_state")
    assert not down.connected
    assert "AuthenticationError" in down.error
    await rig.order("polled", "buy", "0.1")
    await gate.until("snapshot", holding("0.1"))
    assert len(gate.all("stream_state")) == 1
