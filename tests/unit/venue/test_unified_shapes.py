"""Shapes of account through ccxt's unified calls: position mode, balances, ledger, spot; what is cut is noticed."""

from typing import Any

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.core.types import ONE, Instrument, InstrumentKind
from risksvc.venue.balances import normalise_balances
from risksvc.venue.failures import ReadFailure, StartError
from risksvc.venue.quirks import LedgerKind, Quirks, quirks_of
from risksvc.venue.rows import Row
from risksvc.venue.unified import UnifiedListing
from tests.unit.venue.builders import BTC, BTC_INVERSE, inverse, linear
from tests.unit.venue.test_unified import NOW, UNCUT, Scripted

KNOWN = Quirks(pages=UNCUT.pages, ledger_kinds={"transfer": LedgerKind.TRANSFER})


class Shaped(Scripted):
    """With the calls that an account's shape is read by."""

    def __init__(self, **changes: Any) -> None:  # noqa: ANN401 - has and features
        super().__init__(**changes)
        self.modes: dict[str, object] = {}
        self.balance: object = {"total": {}}
        self.entries: list[Row] = []

    async def fetch_position_mode(self, symbol: str) -> dict[str, object]:
        self.asked.append(("mode", symbol))
        mode = self.modes.get(symbol)
        if isinstance(mode, Exception):
            raise mode
        return {"hedged": mode}

    async def fetch_balance(self) -> object:
        return self.balance

    async def fetch_ledger(self, code: object, since: int, limit: int | None, params: dict[str, int]) -> list[Row]:
        self.asked.append(("ledger", (since, params.get("until"))))
        until = params.get("until", NOW * 2)
        return [row for row in self.entries if since <= row["timestamp"] <= until][-self.page :]


def listing(exchange: Shaped, quirks: Quirks = KNOWN, named: tuple[str, ...] = ()) -> UnifiedListing:
    instruments: dict[str, Instrument] = {BTC: linear(), BTC_INVERSE: inverse()}
    return UnifiedListing(exchange, quirks=quirks, instruments=lambda: instruments, named=named)


# --- position mode ---


@pytest.mark.parametrize(
    ("modes", "hedged"),
    [
        ({BTC: True}, True),
        ({BTC_INVERSE: True}, True),
        ({BTC: False, BTC_INVERSE: None}, False),
        ({BTC: ccxt_errors.NotSupported("no"), BTC_INVERSE: ccxt_errors.ArgumentsRequired("which")}, False),
    ],
    ids=str,
)
async def test_the_mode_is_asked_for_by_an_instrument_of_each_kind(modes: dict[str, object], *, hedged: bool) -> None:
    exchange = Shaped(fetchPositionMode=True)
    exchange.modes = modes
    assert await listing(exchange).hedge_mode() is hedged


async def test_where_the_mode_cannot_be_asked_for_nothing_is_said() -> None:
    exchange = Shaped()
    assert not await listing(exchange).hedge_mode()
    assert exchange.asked == []


async def test_a_mode_that_could_not_be_read_is_no_answer() -> None:
    exchange = Shaped(fetchPositionMode=True)
    exchange.modes = {BTC: ccxt_errors.RequestTimeout("x"), BTC_INVERSE: ccxt_errors.RequestTimeout("x")}
    with pytest.raises(ccxt_errors.RequestTimeout):
        await listing(exchange).hedge_mode()


# --- balances and ledger ---


async def test_balances_are_the_totals_less_the_debts() -> None:
    exchange = Shaped()
    exchange.balance = {"total": {"BTC": "2", "USDT": 0}, "debt": {"BTC": "0.5"}, "free": {"BTC": "1"}}
    found = await listing(exchange).balances()
    assert {name: row.held for name, row in normalise_balances(found.rows).items()} == {"BTC": 1.5, "USDT": 0}
    assert found.venue_time_ms == NOW - 500


@pytest.mark.parametrize("answer", [None, [], {}, {"total": None}, {"free": {"BTC": "1"}}], ids=repr)
async def test_no_totals_are_no_balances(answer: object) -> None:
    exchange = Shaped()
    exchange.balance = answer
    with pytest.raises(ReadFailure, match="answered with nothing"):
        await listing(exchange).balances()


def booking(number: int) -> Row:
    return {"id": f"e-{number}", "timestamp": NOW - 10_000 + number * 7}


async def test_a_full_page_of_the_ledger_is_read_again_in_halves() -> None:
    exchange = Shaped(fetchLedger=True, features={"fetchLedger": {"limit": 30}})
    exchange.entries = [booking(number) for number in range(200)]
    exchange.page = 30
    found = await listing(exchange).ledger(NOW - 20_000)
    assert {row["id"] for row in found.rows} == {f"e-{number}" for number in range(200)}


async def test_a_full_page_within_a_millisecond_is_a_failure() -> None:
    exchange = Shaped(fetchLedger=True, features={"fetchLedger": {"limit": 30}})
    exchange.entries = [{"id": f"e-{number}", "timestamp": NOW - 10} for number in range(50)]
    exchange.page = 30
    with pytest.raises(ReadFailure, match="within a millisecond"):
        await listing(exchange).ledger(NOW - 20_000)


@pytest.mark.parametrize(
    ("has", "quirks", "expected"),
    [(True, KNOWN, True), (None, KNOWN, False), ("emulated", KNOWN, False), (True, UNCUT, False)],
    ids=["known", "none", "emulated", "unknown kinds"],
)
async def test_a_ledger_is_read_where_there_is_one_that_is_understood(
    has: object, quirks: Quirks, *, expected: bool
) -> None:
    exchange = Shaped(fetchLedger=has)
    lists = listing(exchange, quirks)
    assert lists.has_ledger is expected


# --- spot ---


def spot(exchange: Shaped, named: tuple[str, ...] = ()) -> UnifiedListing:
    quirks = quirks_of("somewhere", {"pages": {"open_orders": 0, "fills": 0}}, spot=True)
    pair = Instrument(symbol="BTC/USDT", kind=InstrumentKind.SPOT, base="BTC", quote="USDT", contract_size=ONE)
    return UnifiedListing(exchange, quirks=quirks, instruments=lambda: {pair.symbol: pair}, named=named)


def test_a_spot_account_needs_balances_and_no_positions() -> None:
    assert isinstance(spot(Shaped(fetchPositions=None, fetchBalance=True)), UnifiedListing)
    with pytest.raises(StartError, match="fetchBalance"):
        spot(Shaped())


async def test_what_ccxt_says_of_spot_decides_how_it_is_read() -> None:
    exchange = Shaped(fetchBalance=True)
    exchange.features = {"spot": {"fetchMyTrades": {"symbolRequired": True}}, "swap": {"linear": {}}}
    lists = spot(exchange)
    lists.follow(frozenset({"BTC/USDT"}))
    await lists.fills(NOW - 1)
    assert exchange.asked == [("fills", ("BTC/USDT", NOW - 1, None))]
