"""An account's past as a review reads it: the unmodified ccxt client against the paper venue."""

import time
from decimal import Decimal

import pytest

from risksvc.core.types import Side
from risksvc.core.venue_events import CashFlowKind
from risksvc.venue.failures import ReadFailure
from risksvc.venue.history import MINUTE_MS, VenueHistory, _history
from tests.integration.venue.rig import BTC, Rig


async def read(rig: Rig, *, since_ms: int, **overrides: object) -> VenueHistory:
    until_ms = time.time_ns() // 1_000_000
    return await _history(rig.config(**overrides), start_ms=since_ms, end_ms=until_ms, tell=lambda _: None)


@pytest.mark.parametrize("listing", ["bybit", "unified"])
async def test_fills_prices_and_funding_of_an_account(rig: Rig, listing: str) -> None:
    since_ms = time.time_ns() // 1_000_000 - 30_000
    await rig.order("o-1", "buy", "0.3")
    await rig.order("o-2", "sell", "0.1")
    await rig.event("funding", symbol="BTCUSDT", rate="0.0001")
    found = await read(rig, since_ms=since_ms, quirks={"listing": listing})
    assert [one.symbol for one in found.instruments] == [BTC]
    signed = {one.client_order_id: one.side.sign * one.quantity for one in found.fills}
    assert signed == {"o-1": Decimal("0.3"), "o-2": Decimal("-0.1")}
    assert [one.side for one in found.fills] == [Side.BUY, Side.SELL]
    assert {one.close for one in found.candles} == {Decimal(50_000)}
    assert all(one.end_ms - one.start_ms == MINUTE_MS for one in found.candles)
    (paid,) = [one for one in found.flows if one.kind is CashFlowKind.FUNDING]
    named = BTC if listing == "bybit" else ""  # ccxt's own ledger does not say of which instrument
    assert (paid.instrument, paid.amount) == (named, Decimal(-1))


async def test_minutes_that_the_venue_does_not_have_are_told(rig: Rig) -> None:
    await rig.order("o-1", "buy", "0.3")
    found = await read(rig, since_ms=time.time_ns() // 1_000_000 - 30 * MINUTE_MS)
    assert any("no candles for" in line and BTC in line for line in found.missing)


async def test_a_read_that_fails_is_no_history(rig: Rig) -> None:
    rig.fault("http_error", path="/v5/execution/list", status=500)
    with pytest.raises(ReadFailure):
        await read(rig, since_ms=time.time_ns() // 1_000_000 - 30_000)
