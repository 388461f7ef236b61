"""The orders and fills that ccxt's own tests recorded at real venues: each equals what the venue said, or is refused.

The venue's own words are `info`, as far as it was recorded; where it was not, ccxt's row stands for it.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from risksvc.core.types import ZERO, Side
from risksvc.venue.normalise import normalise_fill, normalise_order
from risksvc.venue.quirks import FillKind, quirks_of
from risksvc.venue.rows import FillRow, OrderRow, OrderStatus, UnreadableRowError

pytestmark = pytest.mark.data

Case = dict[str, Any]
VENUES = {
    "binance", "bingx", "bitget", "bitmart", "blofin", "bybit", "coinex", "dydx", "gate", "htx", "krakenfutures",
    "kucoinfutures", "okx", "woo",
}  # fmt: skip
SIDES = {"buy": Side.BUY, "sell": Side.SELL}

# What must be refused, by venue and description, and what the refusal says.
REFUSED: Mapping[tuple[str, str], str] = {
    # Neither an id nor a side: counted twice, or the wrong way round.
    ("bingx", "Swap trade"): "id is missing",
    # An inverse trade whose amount ccxt leaves out (the venue says quantity 200.0).
    ("krakenfutures", "Inverse swap fetch trades (public)"): "amount is None",
}
FUNDING = ("bybit", "Swap private trade (really a funding record;")

# What `info` says of a row, for the keys that were recorded: (venue, key of info) -> the same figure of our row.
ORDER_WORDS: Mapping[tuple[str, str], Callable[[OrderRow], object]] = {
    ("krakenfutures", "limitPrice"): lambda order: order.limit_price,
    ("krakenfutures", "unfilledSize"): lambda order: order.quantity - order.filled,
    ("krakenfutures", "filledSize"): lambda order: order.filled,
    ("kucoinfutures", "size"): lambda order: order.quantity,
    ("woo", "executed"): lambda order: order.filled,
}
ORDER_TEXTS: Mapping[tuple[str, str], Callable[[OrderRow], str]] = {
    ("krakenfutures", "side"): lambda order: order.side.name.lower() if order.side else "",
}
# Recorded, and about something else than a row of ours: which leg (none of them is one), how long it is valid, ids of
# instruments, money.
ELSEWHERE = {"positionSide", "position_side", "posSide", "timeInForce", "symbol", "value", "realizedPnl"}
ONE_WAY = {"BOTH", "net"}


def recorded(folder: Path, part: str) -> list[tuple[str, Case]]:
    files = sorted((folder / "venue-positions").glob("*.json"))
    assert {path.stem for path in files} == VENUES, "a venue is missing, or one is new: look at its rows"
    return [(path.stem, case) for path in files for case in json.loads(path.read_text())[part]]


def number(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, int | float) else Decimal(str(value))


def raw(case: Case) -> Mapping[str, Any]:
    info: Mapping[str, Any] = case["parsedResponse"].get("info") or {}
    return info


def where(venue: str, case: Case) -> str:
    return f"{venue}: {case['description']}"


# --- orders ---


def test_every_recorded_order_is_what_the_venue_said(test_data: Path) -> None:
    cases = recorded(test_data, "open_orders")
    assert len(cases) == 9
    for venue, case in cases:
        row, place = case["parsedResponse"], where(venue, case)
        order = normalise_order(row, quirks=quirks_of(venue), listed_open=True)
        assert (order.venue_order_id, order.symbol, order.side) == (row["id"], row["symbol"], SIDES[row["side"]]), place
        assert order.client_order_id == row.get("clientOrderId", ""), place
        assert order.quantity == number(row["amount"]), place
        assert order.filled == number(row["filled"] or 0) == ZERO, place
        assert order.limit_price == number(row["price"] or raw(case)["limitPrice"]), place
        assert order.trigger_price is None, place
        assert order.created_ms == row["timestamp"], place
        assert (order.status, order.reduce_only) == (OrderStatus.OPEN, False), place
        check_words(venue, case, order)


def check_words(venue: str, case: Case, order: OrderRow) -> None:
    """Every key of `info` is either compared, or known to be about something else."""
    for key, value in raw(case).items():
        if (venue, key) in ORDER_WORDS:
            assert ORDER_WORDS[(venue, key)](order) == number(value), f"{where(venue, case)}: {key}"
        elif (venue, key) in ORDER_TEXTS:
            assert ORDER_TEXTS[(venue, key)](order) == value, f"{where(venue, case)}: {key}"
        else:
            assert key in ELSEWHERE, f"{where(venue, case)}: what is {key}?"


def test_a_recorded_order_s_worth_is_what_the_venue_counts(test_data: Path) -> None:
    (case,) = [case for venue, case in recorded(test_data, "open_orders") if venue == "kucoinfutures"]
    order = normalise_order(case["parsedResponse"], quirks=quirks_of("kucoinfutures"), listed_open=True)
    assert order.limit_price is not None
    # The quantity is in contracts of 0.1 LTC, as orders are sent: the gate multiplies.
    assert order.quantity * order.limit_price * Decimal("0.1") == number(raw(case)["value"])


# --- fills ---


def refusal_of(venue: str, case: Case) -> str:
    return REFUSED.get((venue, case["description"]), "")


def is_funding(venue: str, case: Case) -> bool:
    return venue == FUNDING[0] and case["description"].startswith(FUNDING[1])


def fill_of(venue: str, case: Case) -> FillRow | None:
    return normalise_fill(case["parsedResponse"], quirks=quirks_of(venue))


def test_every_recorded_fill_is_what_the_venue_said(test_data: Path) -> None:
    cases = [
        (venue, case)
        for venue, case in recorded(test_data, "trades")
        if not refusal_of(venue, case) and not is_funding(venue, case)
    ]
    assert len(cases) == 9
    for venue, case in cases:
        row, place, fill = case["parsedResponse"], where(venue, case), fill_of(venue, case)
        assert fill is not None, place
        assert (fill.trade_id, fill.venue_order_id) == (row["id"], row.get("order", "")), place
        assert (fill.symbol, fill.side) == (row["symbol"], SIDES[row["side"]]), place
        assert (fill.quantity, fill.price) == (number(row["amount"]), number(row["price"])), place
        assert (fill.fee, fill.fee_currency) == (number(row["fee"]["cost"]), row["fee"]["currency"]), place
        assert fill.venue_time_ms == row["timestamp"], place
        assert fill.kind is FillKind.TRADE, place
        assert fill.client_order_id is None, f"{place}: none of the recorded fills says whose it is"
        assert set(raw(case)) <= ELSEWHERE, f"{place}: what are {set(raw(case)) - ELSEWHERE}?"


def test_a_recorded_fill_that_can_not_be_counted_is_refused_with_a_reason(test_data: Path) -> None:
    cases = [(venue, case) for venue, case in recorded(test_data, "trades") if refusal_of(venue, case)]
    assert len(cases) == len(REFUSED)
    for venue, case in cases:
        with pytest.raises(UnreadableRowError, match=refusal_of(venue, case)):
            fill_of(venue, case)


def test_a_recorded_funding_payment_is_no_fill(test_data: Path) -> None:
    (case,) = [case for venue, case in recorded(test_data, "trades") if is_funding(venue, case)]
    assert raw(case)["execType"] == "Funding"
    assert fill_of("bybit", case) is None


# What one unit of a recorded fill is worth in base units, where it is not 1.
UNITS = {("kucoinfutures", "LTC/USDT:USDT"): Decimal("0.1")}


def test_the_recorded_cost_is_quantity_times_price_times_unit(test_data: Path) -> None:
    compared = 0
    for venue, case in recorded(test_data, "trades"):
        row = case["parsedResponse"]
        if refusal_of(venue, case) or "cost" not in row:
            continue
        fill = fill_of(venue, case)
        assert fill is not None
        unit = UNITS.get((venue, fill.symbol), Decimal(1))
        assert fill.quantity * fill.price * unit == number(row["cost"]), where(venue, case)
        compared += 1
    assert compared == 9


def test_no_recorded_row_is_a_leg_of_a_hedge_that_the_table_would_take_for_one(test_data: Path) -> None:
    seen = 0
    for part in ("open_orders", "trades"):
        for venue, case in recorded(test_data, part):
            quirks, info = quirks_of(venue), raw(case)
            told = {info[key] for key in (quirks.leg_key, quirks.fill_leg_key, "position_side") if key in info}
            assert told <= ONE_WAY, where(venue, case)
            assert not told & set(quirks.leg_values), where(venue, case)
            seen += bool(told)
    assert seen >= 4
