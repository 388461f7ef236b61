"""What a reminder says: PnL since the hold began, what is held against its limits, and what is not known."""

from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.incident.record import AssessedInstrument, AssessmentRecord
from risksvc.gate.incident.hold_reminder import Held, pnl_since, reminder_text
from tests.unit.core.an_incident import position
from tests.unit.core.catalogue import D

MINUTE = 60 * 10**9
ETH = "ETH/USDT:USDT"
THEN = position(2, unrealised_pnl=D(-100))
NOW = position(2, unrealised_pnl=D("-350.25"), value=D("19749.75"))


def record(*instruments: AssessedInstrument, complete: bool = True, **rest: Any) -> AssessmentRecord:  # noqa: ANN401
    return AssessmentRecord(0, "gate:g1", complete, instruments, **rest)


def held(then: AssessmentRecord | None, now: AssessmentRecord | None, **rest: Any) -> Held:  # noqa: ANN401
    chosen: dict[str, Any] = {"problems": (), "currency": "USD", "is_inverse": lambda *_: False} | rest
    return Held(since=0, at=47 * MINUTE, began=then, now=now, **chosen)


def test_a_reminder_says_pnl_exposure_and_total() -> None:
    now = record(NOW, total=D("19749.75"), total_limit=D(150_000))
    assert reminder_text(held(record(THEN), now)) == (
        "HOLD for 47 min: PnL since it began -250.25 USD, total exposure 19,749.75 of 150,000 (14 %). "
        "BTC/USDT:USDT of main: 2, PnL -250.25, unrealised -350.25, exposure 19,749.75 of 50,000 (40 %)"
    )


def test_a_gain_has_a_sign_and_nothing_is_plus_nothing() -> None:
    assert "PnL since it began +0.00 USD" in reminder_text(held(record(THEN), record(THEN)))
    gained = position(2, unrealised_pnl=D(1_000))
    assert "PnL since it began +1,100.00 USD" in reminder_text(held(record(THEN), record(gained)))


def test_a_close_is_counted_down_and_the_last_reminder_says_that_it_is_the_last() -> None:
    now = record(position(2, minutes_to_close=0))
    text = reminder_text(held(record(THEN), now, closes_now=True))
    assert ", closes in 0 min. the market closes: this is the last reminder" in text


def test_what_could_not_be_read_at_all_is_said_first() -> None:
    text = reminder_text(held(record(THEN), None, problems=["no venue feed is connected for account main"]))
    assert text == (
        "HOLD for 47 min: THE STATE IS NOT KNOWN, the venue could not be read. Look there, then `risksvc assess`. "
        "not read: no venue feed is connected for account main"
    )


def test_what_was_read_in_part_has_no_sum() -> None:
    text = reminder_text(held(record(THEN), record(NOW, complete=False), problems=["account b: no feed"]))
    assert "PnL since it began not known USD, total exposure not known" in text
    assert "PnL -250.25" in text
    assert text.endswith("not read: account b: no feed")


def test_a_position_that_changed_meanwhile_has_no_number() -> None:
    text = reminder_text(held(record(THEN), record(position(1))))
    assert "PnL since it began not known" in text
    assert "BTC/USDT:USDT of main: 1, PnL not known (it was 2)" in text


def test_legs_that_changed_while_the_net_did_not_have_no_number() -> None:
    text = reminder_text(held(record(position(0, gross=D(4))), record(position(0, gross=D(6)))))
    assert "BTC/USDT:USDT of main: 0, PnL not known (it was 0)" in text


def test_a_position_that_is_gone_is_told_and_one_that_never_was_is_not() -> None:
    text = reminder_text(held(record(THEN), record(position(0), position(0, instrument=ETH))))
    assert "BTC/USDT:USDT of main: 0, PnL not known (it was 2)" in text
    assert ETH not in text


def test_a_position_that_came_later_has_no_number() -> None:
    text = reminder_text(held(None, record(NOW)))
    assert "BTC/USDT:USDT of main: 2, PnL not known, unrealised -350.25" in text


@pytest.mark.parametrize(
    ("then", "now", "inverse", "made"),
    [
        ({"unrealised_pnl": D(10)}, {"unrealised_pnl": D(30)}, True, D(20)),
        ({"unrealised_pnl": None}, {"value": D(19_000)}, False, D(-1_000)),
        ({}, {"unrealised_pnl": None, "value": D(21_000)}, False, D(1_000)),
        ({"unrealised_pnl": None}, {"value": D(19_000)}, True, None),
        ({"unrealised_pnl": None, "value": None}, {}, False, None),
        ({"unrealised_pnl": None}, {"value": None}, False, None),
    ],
)
def test_where_the_venue_tells_no_pnl_the_value_does_but_not_of_inverse_contracts(
    then: dict[str, Any],
    now: dict[str, Any],
    inverse: bool,  # noqa: FBT001 - a table's row
    made: Decimal | None,
) -> None:
    found = held(record(position(2, **then)), record(position(2, **now)), is_inverse=lambda *_: inverse)
    assert found.now is not None
    assert pnl_since(found, found.now.instruments[0]) == made


def test_what_is_not_known_is_never_a_number() -> None:
    text = reminder_text(held(record(THEN), record(position(2, unrealised_pnl=None, value=None, limit=None))))
    assert "2, PnL not known, unrealised not known, exposure not known" in text


def test_without_a_limit_there_is_no_share() -> None:
    assert "exposure 20,000.00" in (text := reminder_text(held(record(THEN), record(position(2, limit=None)))))
    assert "20,000.00 of" not in text


def test_a_long_list_is_cut_and_says_so() -> None:
    many = [position(2, instrument=f"A{number}/USDT:USDT") for number in range(25)]
    text = reminder_text(held(record(*many), record(*many)))
    assert "A19/USDT:USDT" in text
    assert "A20/USDT:USDT" not in text
    assert text.endswith("and 5 more: `risksvc assess`")
