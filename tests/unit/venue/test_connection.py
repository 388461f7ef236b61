"""What a connection says of its account before it has asked the venue anything."""

from typing import TYPE_CHECKING, cast

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.config import AccountKind
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure
from tests.unit.venue.builders import settings

if TYPE_CHECKING:
    from risksvc.venue.listing import Listing


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


class Refusing:
    """A listing whose ledger can't be had."""

    has_ledger = True

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def positions(self) -> None:
        """Nothing is held."""

    async def hedge_mode(self) -> bool:
        return False

    async def ledger(self, _since_ms: int) -> None:
        raise self._error


@pytest.mark.parametrize("error", [ccxt_errors.ArgumentsRequired("which account?"), ccxt_errors.PermissionDenied("no")])
async def test_a_ledger_that_is_refused_is_done_without(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Coinbase wants to know of which wallet; some keys lack the right. The account is read all the same."""
    connection = VenueConnection(settings())
    connection.poll_listing = connection.command_listing = cast("Listing", Refusing(error))
    await connection.check_key()
    assert not connection.reads_ledger
    assert not connection.reads_equity
    assert "no equity check" in caplog.text
    await connection.close()


async def test_a_ledger_that_did_not_answer_is_tried_again() -> None:
    connection = VenueConnection(settings())
    listing = cast("Listing", Refusing(ccxt_errors.RequestTimeout("x")))
    connection.poll_listing = connection.command_listing = listing
    with pytest.raises(ReadFailure):
        await connection.check_key()
    assert connection.reads_ledger
    await connection.close()
