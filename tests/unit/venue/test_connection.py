"""What a connection says of its account before it has asked the venue anything."""

import pytest

from risksvc.venue.config import AccountKind
from risksvc.venue.connection import VenueConnection
from tests.unit.venue.builders import settings


@pytest.mark.parametrize(
    ("exchange", "kind", "reads"),
    [
        ("bybit", AccountKind.DERIVATIVES, True),
        ("bybit", AccountKind.SPOT, True),
        ("okx", AccountKind.DERIVATIVES, True),
        ("binanceusdm", AccountKind.DERIVATIVES, True),
        ("gate", AccountKind.DERIVATIVES, True),
        ("kraken", AccountKind.SPOT, True),
        # No ledger that is understood, or a total that is not: nothing is promised.
        ("binance", AccountKind.DERIVATIVES, False),
        ("hyperliquid", AccountKind.DERIVATIVES, False),
        ("kucoinfutures", AccountKind.DERIVATIVES, False),
    ],
)
async def test_equity_is_promised_only_where_balances_and_ledger_are_understood(
    exchange: str, kind: AccountKind, *, reads: bool
) -> None:
    connection = VenueConnection(settings(exchange=exchange, kind=kind, instruments=("BTC/USDT:USDT",)))
    assert connection.reads_equity is reads
    await connection.close()


async def test_in_hedge_mode_and_on_spot_no_reduce_only_is_promised() -> None:
    connection = VenueConnection(settings())
    before = connection.enforces_reduce_only
    connection.saw_legs()
    assert connection.hedge_mode
    assert (before, connection.enforces_reduce_only) == (True, False)
    await connection.close()
    spot = VenueConnection(settings(kind=AccountKind.SPOT))
    assert not spot.enforces_reduce_only
    assert not spot.hedge_mode
    await spot.close()


async def test_hedge_mode_can_be_said_by_the_settings() -> None:
    connection = VenueConnection(settings(exchange="gate", quirks={"hedge_mode": True}))
    assert connection.hedge_mode
    await connection.close()
