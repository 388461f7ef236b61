"""A reducing order in hedge mode closes the leg that it names, and touches the other one not at all."""

import time
from decimal import Decimal

import pytest

from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.gate_link import GateClock
from risksvc.venue.paper.server import PaperServer
from risksvc.venue.placing import Placer
from tests.integration.venue.shapes import BTC, Desk

D = Decimal
LONG, SHORT = venue_pb2.POSITION_LEG_LONG, venue_pb2.POSITION_LEG_SHORT


def order(side: "types_pb2.Side.ValueType", leg: "venue_pb2.PositionLeg.ValueType") -> venue_pb2.PlaceOrder:
    return venue_pb2.PlaceOrder(
        instrument=BTC,
        client_order_id=f"exit-{leg}",
        side=side,
        quantity="0.2",
        reduce_only=True,
        leg=leg,
        valid_until_ns=time.time_ns() + 60 * 10**9,
    )


def held(paper: PaperServer) -> dict[int, Decimal]:
    """What is held by leg: 1 the long one, 2 the short one."""
    positions = paper.gateway.engine.accounts["hedged"].positions.values()
    return {one.leg: abs(one.size) for one in positions if one.size}


@pytest.mark.parametrize(
    ("side", "leg", "left"),
    [
        (types_pb2.SIDE_SELL, LONG, {1: D("0.3"), 2: D("0.4")}),
        (types_pb2.SIDE_BUY, SHORT, {1: D("0.5"), 2: D("0.2")}),
    ],
    ids=["long", "short"],
)
async def test_it_closes_its_own_leg(
    paper: PaperServer,
    side: "types_pb2.Side.ValueType",
    leg: "venue_pb2.PositionLeg.ValueType",
    left: dict[int, Decimal],
) -> None:
    async with Desk(paper, "hedged", "bybit", allow_orders=True) as desk:
        await desk.order(BTC, "buy", "0.5", positionIdx=1)
        await desk.order(BTC, "sell", "0.4", positionIdx=2)
        clock = GateClock()
        clock.beat(time.time_ns())

        outcome, venue_order_id = await Placer(desk.connection, clock).place(order(side, leg))

        assert outcome.ok, outcome.error
        assert venue_order_id
        assert held(paper) == left
