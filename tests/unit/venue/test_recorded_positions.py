"""The positions that ccxt's own tests recorded at real venues: each is read as expected, or refused with a reason."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from risksvc.core.types import ONE, ZERO, Instrument, InstrumentKind
from risksvc.venue.normalise import net_positions, normalise_position
from risksvc.venue.quirks import quirks_of
from risksvc.venue.rows import PositionRow, UnreadableRowError

pytestmark = pytest.mark.data

# What the recorded marks and notionals are rounded to differs by venue; the worst is bitmart's, at 0.0103 %.
TOLERANCE = Decimal("0.0002")

# Rows that must not become a position, and why: everything else with `expected: null` would be a hole in this test.
REFUSED = {"closed position", "null contracts"}
DROPPED = {"zero row"}


def recorded(folder: Path, part: str) -> list[tuple[str, dict[str, Any]]]:
    files = sorted((folder / "venue-positions").glob("*.json"))
    assert len(files) >= 14, f"recorded venues are missing from {folder}"
    return [(path.stem, case) for path in files for case in json.loads(path.read_text())[part]]


def instrument_of(row: dict[str, Any]) -> Instrument:
    """What the loaded markets would say: the recorded rows come without them."""
    pair, _, settle = row["symbol"].partition(":")
    base, _, quote = pair.partition("/")
    kind = InstrumentKind.INVERSE if settle.split("-")[0] == base else InstrumentKind.LINEAR
    size = row.get("contractSize")
    contract_size = ONE if size is None else Decimal(repr(size))
    return Instrument(symbol=row["symbol"], kind=kind, base=base, quote=quote, contract_size=contract_size)


def read(venue: str, row: dict[str, Any]) -> PositionRow | None:
    return normalise_position(row, instrument=instrument_of(row), quirks=quirks_of(venue))


def close(actual: Decimal | None, expected: str) -> bool:
    return actual is not None and abs(actual - Decimal(expected)) <= abs(Decimal(expected)) * TOLERANCE


def test_recorded_positions_have_the_expected_quantity_and_notional(test_data: Path) -> None:
    cases = [(v, c) for v, c in recorded(test_data, "positions") if (c["expected"] or {}).get("signed_qty") is not None]
    assert len(cases) >= 15
    for venue, case in cases:
        expected, position = case["expected"], read(venue, case["parsedResponse"])
        where = f"{venue}: {case['description']}: {expected['why']}"
        assert position is not None, where
        assert close(position.base_quantity, expected["signed_qty"]), f"{where}: {position}"
        if expected["signed_notional"] is None:
            assert position.notional is None, f"{where}: {position}"
        else:
            assert close(position.notional, expected["signed_notional"]), f"{where}: {position}"


def test_recorded_rows_that_are_no_position_are_dropped_when_flat_and_refused_otherwise(test_data: Path) -> None:
    cases = [(v, c) for v, c in recorded(test_data, "positions") if (c["expected"] or {}).get("signed_qty") is None]
    assert len(cases) >= 4
    for venue, case in cases:
        traps = set(case["traps"])
        assert traps & (REFUSED | DROPPED), f"{venue}: {case['description']}: a trap this test does not know: {traps}"
        if traps & DROPPED:
            assert read(venue, case["parsedResponse"]) is None
        else:
            with pytest.raises(UnreadableRowError, match=r"positions: .*(closed position|contracts is missing)"):
                read(venue, case["parsedResponse"])


def test_order_quantities_of_positions_are_in_the_unit_that_orders_use(test_data: Path) -> None:
    for venue, case in recorded(test_data, "positions"):
        if (case["expected"] or {}).get("signed_qty") is None:
            continue
        position = read(venue, case["parsedResponse"])
        assert position is not None
        assert abs(position.quantity) == abs(Decimal(repr(case["parsedResponse"]["contracts"])))
        assert (position.quantity > ZERO) == (Decimal(case["expected"]["signed_qty"]) > ZERO)


def test_two_recorded_legs_of_a_hedge_net_to_zero(test_data: Path) -> None:
    rows = [
        read("bitmart", case["parsedResponse"])
        for venue, case in recorded(test_data, "positions")
        if venue == "bitmart"
    ]
    (net,) = net_positions([row for row in rows if row is not None])
    assert net.quantity == ZERO
    assert net.notional == ZERO
