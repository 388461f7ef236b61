"""What ccxt sends of an order to place, tried with the real classes: whole, or the venue is not in the table."""

import json
from typing import Any

import pytest

from risksvc.venue.quirk_orders import LIMIT, MARKET, ORDER_WAYS
from risksvc.venue.quirks import QUIRKS
from tests.unit.venue.test_table_against_ccxt import HERE, SentError, client_id, exchange_of

pytestmark = pytest.mark.usefixtures("no_sockets")

QUANTITY, PRICE = "5", "40001"
# What says so, as each venue writes it.
IMMEDIATE = ("IOC", "ioc", "Ioc", "immediate_or_cancel")
REDUCES = (
    '"reduceOnly":true', "reduceOnly=true", '"reduce_only":true', "reduce_only=true", '"reduceOnly":"YES"', '"r":true',
)  # fmt: skip
# A leg that a sell closes; an order that names it can't open the other one.
LEGS = ('"positionIdx":1', "positionSide=LONG", '"posSide":"long"', '"posSide":"Long"')
PLACED = [(venue, kind) for venue in HERE for kind in QUIRKS[venue].places]


async def sent_for(venue: str, kind: str, **more: object) -> str:
    """The last thing that leaves for an order that sells; each attempt ends at the network."""
    quirks = QUIRKS[venue]
    exchange, symbol, sent = exchange_of(venue)
    exchange.options.update({"enableUnifiedMargin": False, "enableUnifiedAccount": True})
    exchange.markets[symbol]["info"] = {"orderTypes": ["LIMIT", "MARKET"]}
    if venue.startswith("gate"):  # whole contracts
        exchange.markets[symbol]["precision"]["amount"] = "1"
    params: dict[str, Any] = {quirks.place_id_param: client_id(venue), **more}
    if quirks.enforces_reduce_only:
        params["reduceOnly"] = True
    if kind == LIMIT:
        params |= quirks.ioc
    with pytest.raises(SentError):
        await exchange.create_order(symbol, kind, "sell", QUANTITY, PRICE if kind == LIMIT else None, params)
    return sent[-1].replace(": ", ":")


@pytest.mark.parametrize(("venue", "kind"), PLACED)
async def test_an_order_is_sent_whole(venue: str, kind: str) -> None:
    sent = await sent_for(venue, kind)
    assert client_id(venue) in sent
    assert QUANTITY in sent
    if kind == LIMIT:
        assert PRICE in sent
        assert any(word in sent for word in IMMEDIATE), f"it would rest: {sent}"
    if QUIRKS[venue].enforces_reduce_only:
        assert any(word in sent for word in REDUCES), f"it could flip: {sent}"


@pytest.mark.parametrize("venue", [venue for venue in HERE if QUIRKS[venue].places_legs])
@pytest.mark.parametrize("kind", [LIMIT, MARKET])
async def test_in_hedge_mode_an_order_names_the_leg_that_it_closes(venue: str, kind: str) -> None:
    sent = await sent_for(venue, kind, hedged=True)
    assert any(word in sent for word in LEGS), sent
    assert client_id(venue) in sent


def test_the_table_names_venues_that_there_are() -> None:
    assert set(ORDER_WAYS) <= set(QUIRKS)
    assert {kind for _, kind in PLACED} == {LIMIT, MARKET}
    assert json.dumps(sorted(ORDER_WAYS)).count("bybit") == 1
