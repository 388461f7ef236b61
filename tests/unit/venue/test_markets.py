"""Which of ccxt's markets become instruments, and with what contract size and steps."""

from decimal import Decimal

from risksvc.core.types import InstrumentKind
from risksvc.venue.markets import is_plain_name, normalise_market, normalise_markets
from risksvc.venue.quirks import CAUTIOUS, quirks_of

TICK, PLACES, SIGNIFICANT = 4, 2, 3


def market(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": "BTC/USDT:USDT",
        "base": "BTC",
        "quote": "USDT",
        "contract": True,
        "option": False,
        "linear": True,
        "inverse": False,
        "contractSize": "0.01",
        "precision": {"amount": "0.001", "price": "0.5"},
    }
    return {**row, **changes}


INVERSE = market(symbol="BTC/USD:BTC", quote="USD", linear=False, inverse=True, contractSize="10")


def test_a_linear_market() -> None:
    instrument = normalise_market(market(), precision_mode=TICK, quirks=CAUTIOUS)
    assert instrument is not None
    assert instrument.kind is InstrumentKind.LINEAR
    assert instrument.contract_size == Decimal("0.01")
    assert (instrument.quantity_step, instrument.price_step) == (Decimal("0.001"), Decimal("0.5"))


def test_steps_by_precision_mode() -> None:
    row = market(precision={"amount": 3, "price": 1})
    by_places = normalise_market(row, precision_mode=PLACES, quirks=CAUTIOUS)
    assert by_places is not None
    assert (by_places.quantity_step, by_places.price_step) == (Decimal("0.001"), Decimal("0.1"))
    by_digits = normalise_market(row, precision_mode=SIGNIFICANT, quirks=CAUTIOUS)
    assert by_digits is not None
    assert (by_digits.quantity_step, by_digits.price_step) == (None, None)
    unknown = normalise_market(market(precision={}), precision_mode=TICK, quirks=CAUTIOUS)
    assert unknown is not None
    assert unknown.quantity_step is None


def test_a_missing_contract_size_is_one_base_unit_for_linear_and_unknown_for_inverse() -> None:
    linear = normalise_market(market(contractSize=None), precision_mode=TICK, quirks=CAUTIOUS)
    assert linear is not None
    assert linear.contract_size == 1
    unreadable = {"a": {**INVERSE, "contractSize": None}, "b": market()}
    assert list(normalise_markets(unreadable, precision_mode=TICK, quirks=CAUTIOUS)) == ["BTC/USDT:USDT"]


def test_an_inverse_order_is_in_usd_where_the_table_says_so() -> None:
    """ccxt's contract size of deribit's inverse contracts would make a position ten times too large (#13313)."""
    for venue, size in (("deribit", 1), ("bybit", 1), ("binancecoinm", 10)):
        instrument = normalise_market(INVERSE, precision_mode=TICK, quirks=quirks_of(venue))
        assert instrument is not None
        assert instrument.contract_size == size


def test_names_that_no_gate_accepts() -> None:
    assert is_plain_name("BTC/USDT:USDT-241227", "1000PEPE", "USDT")
    for name in ("币安人生/USDT:USDT", "", "A B", "x" * 65):
        assert not is_plain_name("BTC", name)


def test_spot_options_and_quanto_contracts_are_left_out() -> None:
    for row in (
        market(contract=False, linear=None, inverse=None),
        market(option=True),
        market(linear=False, inverse=False),
        market(linear=True, inverse=True),
    ):
        assert normalise_market(row, precision_mode=TICK, quirks=CAUTIOUS) is None
