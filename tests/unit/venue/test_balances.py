"""Balances and bookings: read exactly or refused; what vanished without a cause is not believed at once."""

from decimal import Decimal

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.core.types import ZERO
from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.balances import (
    BalanceReader,
    Expected,
    normalise_balance,
    normalise_balances,
    normalise_booking,
    unrealised,
)
from risksvc.venue.failures import ReadFailure
from risksvc.venue.quirks import QUIRKS, LedgerKind, Quirks, quirks_of
from risksvc.venue.rows import Row, UnreadableRowError
from tests.unit.venue.builders import BTC, BYBIT, connection, listing_of, position_row

D = Decimal
NOW = 1_700_000_000_000


def balance_row(currency: object = "USDT", total: object = "1000", **changes: object) -> Row:
    return {"currency": currency, "total": total, "equity": total, "info": {}, **changes}


def entry(name: object = "SETTLEMENT", amount: object = "-5", **changes: object) -> Row:
    row = {"id": "e-1", "currency": "USDT", "amount": amount, "timestamp": NOW, "info": {"type": name}}
    return {**row, **changes}


# --- rows ---


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ({}, "1000"),
        ({"debt": "250"}, "750"),
        ({"debt": "-250"}, "750"),
        ({"debt": "1500"}, "-500"),
        ({"debt": ""}, "1000"),
    ],
    ids=str,
)
def test_what_is_borrowed_is_not_owned(changes: dict[str, object], held: str) -> None:
    assert normalise_balance(balance_row(**changes)).held == D(held)


@pytest.mark.parametrize("total", [None, "", "many", float("nan"), True], ids=repr)
def test_an_unknown_balance_is_refused_never_empty(total: object) -> None:
    with pytest.raises(UnreadableRowError):
        normalise_balance(balance_row(total=total))


def test_a_currency_without_a_name_or_listed_twice_is_refused() -> None:
    with pytest.raises(UnreadableRowError, match="names no currency"):
        normalise_balances([balance_row(currency="")])
    with pytest.raises(UnreadableRowError, match="USDT: is listed twice"):
        normalise_balances([balance_row(), balance_row()])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SETTLEMENT", LedgerKind.FUNDING),
        ("TRANSFER_IN", LedgerKind.TRANSFER),
        ("INTEREST", LedgerKind.INTEREST),
        ("FEE_REFUND", LedgerKind.REBATE),
        ("BONUS", LedgerKind.OTHER),
        ("SOMETHING_NEW", None),
    ],
)
def test_the_kind_of_a_booking(name: str, kind: LedgerKind | None) -> None:
    found = normalise_booking(entry(name), quirks=BYBIT)
    assert found is not None
    assert (found.kind, found.amount) == (kind, D(-5))


@pytest.mark.parametrize("name", ["TRADE", "LIQUIDATION", "ADL", "DELIVERY"])
def test_the_cash_side_of_an_execution_is_left_out(name: str) -> None:
    assert normalise_booking(entry(name, id=None), quirks=BYBIT) is None


def test_commissions_of_fills_are_left_out_at_every_venue() -> None:
    """The fills carry them already: told twice, the equity check would be off by every fee."""
    for exchange, name in (("binanceusdm", "COMMISSION"), ("gate", "fee"), ("delta", "commission")):
        assert QUIRKS[exchange].ledger_kinds[name] is LedgerKind.TRADE


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"amount": "5", "direction": "out"}, "-5"),
        ({"amount": "5", "direction": "in"}, "5"),
        ({"amount": "-5", "direction": "out"}, "-5"),
        ({"amount": "-5", "direction": None}, "-5"),
        ({"amount": "5", "direction": "out", "fee": {"cost": "0.1"}}, "-5"),
    ],
    ids=str,
)
def test_the_sign_of_a_booking(changes: dict[str, object], amount: str) -> None:
    found = normalise_booking(entry(**changes), quirks=BYBIT)
    assert found is not None
    assert found.amount == D(amount)


def test_a_fee_beside_the_amount_is_taken_off_where_the_venue_books_it_so() -> None:
    row = entry("withdrawal", "1", direction="out", fee={"cost": "0.0005"})
    found = normalise_booking(row, quirks=quirks_of("kraken"))
    assert found is not None
    assert found.amount == D("-1.0005")


@pytest.mark.parametrize("key", ["id", "currency", "timestamp", "amount"])
def test_an_unreadable_booking_is_refused(key: str) -> None:
    with pytest.raises(UnreadableRowError, match=f"{key} of a ledger entry is missing"):
        normalise_booking(entry(**{key: None}), quirks=BYBIT)


def test_unrealised_profit_is_added_up_by_settle_currency() -> None:
    rows = [
        position_row(unrealizedPnl="10"),
        position_row(unrealizedPnl="-4", symbol="ETH/USDT:USDT-261225"),
        position_row(unrealizedPnl="0.5", symbol="BTC/USD:BTC"),
        position_row(contracts="0", unrealizedPnl=None),
    ]
    assert unrealised(rows) == {"USDT": D(6), "BTC": D("0.5")}
    with pytest.raises(UnreadableRowError, match="equity is not known"):
        unrealised([position_row()])


# --- what must be there ---


def refusals(expected: Expected, shown: dict[str, Decimal], grains: dict[str, Decimal] | None = None) -> str:
    try:
        expected.check(shown, grains=grains or {})
    except ReadFailure as failure:
        return failure.error
    return ""


def test_what_was_there_must_be_there_again() -> None:
    expected = Expected("positions")
    assert refusals(expected, {"BTC": D(1), "ETH": ZERO}) == ""
    assert expected.names() == ["BTC"]
    assert "lack BTC" in refusals(expected, {"ETH": D(2)})
    assert "are empty" in refusals(expected, {})
    assert refusals(expected, {"BTC": D(1)}) == ""


def test_a_zero_is_an_answer() -> None:
    expected = Expected("positions")
    assert refusals(expected, {"BTC": D(1)}) == ""
    assert refusals(expected, {"BTC": ZERO}) == ""
    assert refusals(expected, {}) == ""


def test_what_trades_brought_must_be_there_and_what_they_took_may_be_gone() -> None:
    expected = Expected("positions")
    assert refusals(expected, {"ETH": D(3)}) == ""
    expected.move({"BTC": D(1), "ETH": D(-3)})
    assert "lack BTC" in refusals(expected, {"USDT": D(5)})
    assert refusals(expected, {"BTC": D("0.999")}) == ""


def test_less_than_a_step_may_be_gone() -> None:
    expected = Expected("positions")
    grains = {"BTC": D("0.001")}
    assert refusals(expected, {"BTC": D(1)}, grains) == ""
    expected.move({"BTC": D("-0.9995")})
    assert refusals(expected, {"USDT": D(1)}, grains) == ""


def test_what_a_venue_says_again_and_again_is_passed_on() -> None:
    """Else an account whose withdrawals no ledger lists could never be read again; the gate judges the drift."""
    expected = Expected("positions")
    assert refusals(expected, {"BTC": D(1)}) == ""
    assert [bool(refusals(expected, {})) for _ in range(5)] == [True, True, True, False, False]


# --- the read for the equity check ---


async def test_equity_is_read_between_two_equal_reads_of_the_ledger() -> None:
    connected = connection({"balances": [[balance_row()]], "ledger": [[entry(), entry("TRADE", id="t")]]})
    reader = BalanceReader(connected, since_ms=NOW - 5_000)
    read = await reader.read()
    assert listing_of(connected).names() == ["ledger", "balances", "ledger"]
    assert listing_of(connected).calls[0] == ("ledger", NOW - 5_000)
    assert [(flow.flow_id, flow.amount) for flow in read.flows] == [("e-1", D(-5))]
    assert [(row.currency, row.equity, row.wallet) for row in read.balances] == [("USDT", D(1000), D(1000))]
    assert (await reader.read()).flows == (), "each booking once"


async def test_a_booking_that_comes_during_the_read_has_it_read_again() -> None:
    later = [entry(), entry(id="e-2", amount="-7")]
    script: dict[str, list[object]] = {
        "balances": [[balance_row()], [balance_row(total="993")]],
        "ledger": [[entry()], later],
    }
    read = await BalanceReader(connection(script), since_ms=NOW).read()
    assert [row.equity for row in read.balances] == [D(993)]
    assert [flow.flow_id for flow in read.flows] == ["e-1", "e-2"]


async def test_bookings_without_end_are_a_failure() -> None:
    ledger: list[object] = [[entry(id=f"e-{number}")] for number in range(9)]
    with pytest.raises(ReadFailure, match="bookings came during every read"):
        await BalanceReader(connection({"balances": [[balance_row()]], "ledger": ledger}), since_ms=NOW).read()


@pytest.mark.parametrize("what", ["balances", "ledger"])
async def test_a_failed_read_gives_nothing_and_loses_nothing(what: str) -> None:
    script: dict[str, list[object]] = {"balances": [[balance_row()]], "ledger": [[entry()]]}
    script[what] = [ccxt_errors.RequestTimeout("x"), *script[what]]
    reader = BalanceReader(connection(script), since_ms=NOW)
    with pytest.raises(ReadFailure) as failure:
        await reader.read()
    assert failure.value.what == "balances"
    assert [flow.flow_id for flow in (await reader.read()).flows] == ["e-1"]


async def test_a_currency_that_vanishes_is_asked_for_by_name() -> None:
    script: dict[str, list[object]] = {"balances": [[balance_row()], [balance_row("BTC", "1")]], "ledger": [[]]}
    connected = connection(script)
    reader = BalanceReader(connected, since_ms=NOW)
    await reader.read()
    with pytest.raises(ReadFailure, match="lack USDT"):
        await reader.read()
    assert ("balances", ("USDT",)) in listing_of(connected).calls


async def test_an_entry_that_is_not_known_explains_nothing_and_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    ledger = [entry("ODD"), entry("ODD", id="e-2")]
    read = await BalanceReader(connection({"balances": [[]], "ledger": [ledger]}), since_ms=NOW).read()
    assert read.flows == ()
    assert [record.getMessage().count("'ODD'") for record in caplog.records] == [1]


@pytest.mark.parametrize(
    ("quirks", "equity", "wallet"),
    [
        (Quirks(balance_total="wallet"), "1010", "1000"),
        (Quirks(balance_total="equity"), "1000", None),
        (quirks_of("kraken", spot=True), "1000", "1000"),
    ],
    ids=["wallet", "equity", "spot"],
)
async def test_where_equity_comes_from(quirks: Quirks, equity: str, wallet: str | None) -> None:
    """Unified rows have one total: cash, to which the positions' profit is added, or the equity itself."""
    script: dict[str, list[object]] = {
        "balances": [[balance_row(equity=None)]],
        "positions": [[position_row(unrealizedPnl="10")]],
        "ledger": [[]],
    }
    (row,) = (await BalanceReader(connection(script, quirks=quirks), since_ms=NOW).read()).balances
    assert (row.equity, row.wallet) == (D(equity), None if wallet is None else D(wallet))


async def test_balances_reach_the_wire() -> None:
    script: dict[str, list[object]] = {
        "balances": [[balance_row(), balance_row("B✗D", "1")]],
        "ledger": [[entry(symbol=BTC), entry("FEE_REFUND", "0.1", id="e-2"), entry(currency="B✗D", id="e-3")]],
    }
    read = await BalanceReader(connection(script), since_ms=NOW).read()
    told = wire.balances(read, as_of_ns=7).balances
    assert [(each.currency, each.equity, each.wallet) for each in told.balances] == [("USDT", "1000", "1000")]
    assert [(each.flow_id, each.kind, each.amount, each.instrument) for each in told.flows] == [
        ("SETTLEMENT:e-1", venue_pb2.CASH_FLOW_KIND_FUNDING, "-5", BTC),
        ("FEE_REFUND:e-2", venue_pb2.CASH_FLOW_KIND_FEE, "0.1", ""),
    ]
    assert (told.as_of_gate_time_ns, told.venue_time_ms) == (7, read.venue_time_ms)
