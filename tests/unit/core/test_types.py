"""The one parser of decimals, and how they are written."""

from decimal import Decimal

import pytest

from risksvc.core.types import (
    MalformedInputError,
    PositionRange,
    RiskError,
    Scope,
    Side,
    parse_decimal,
    parse_positive,
    plain,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"), ("-0", "0"), ("12", "12"), ("-0.5", "-0.5"), ("007", "7"), ("1.10", "1.1"),
        ("9" * 15 + "." + "9" * 18, "9" * 15 + "." + "9" * 18),
    ],
)  # fmt: skip
def test_plain_digits_are_read_exactly(text: str, value: str) -> None:
    assert parse_decimal(text, field="quantity") == Decimal(value)
    assert plain(parse_decimal(text, field="quantity")) == value


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1 ", " 1", "+1", "--1", "1.", ".5", "1.2.3", "1e5", "1E-5", "NaN", "sNaN", "Infinity", "-inf", "0x1",
        "1_000", "1,5", "1" * 16, "0." + "1" * 19, "\u0663", "\uff11", "1\n", "\x00", "½", "None",
    ],
)  # fmt: skip
def test_everything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(MalformedInputError, match="plain digits") as caught:
        parse_decimal(text, field="quantity")
    assert caught.value.field == "quantity"
    assert isinstance(caught.value, RiskError)


def test_a_long_text_is_shown_short() -> None:
    with pytest.raises(MalformedInputError) as caught:
        parse_decimal("9" * 500, field="quantity")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["0", "-1", "-0.0"])
def test_what_must_be_above_zero_is(text: str) -> None:
    with pytest.raises(MalformedInputError, match="above 0"):
        parse_positive(text, field="price")


def test_above_zero_passes() -> None:
    assert parse_positive("0.000000000000000001", field="price") == Decimal("1e-18")


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("-0.00", "0"), ("1E+3", "1000"), ("1.500", "1.5"), ("100", "100"), ("-2E-7", "-0.0000002")],
)
def test_decimals_are_written_plainly(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


def test_a_float_can_not_slip_in() -> None:
    with pytest.raises(Exception, match="FloatOperation"):
        Decimal("0.1") < 0.2  # noqa: B015


def test_sides_have_a_sign() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


def test_what_is_immutable_is_told_apart_by_its_value() -> None:
    one, same, other = PositionRange(Decimal(1), Decimal(2)), PositionRange(Decimal(1), Decimal("2.0")), Scope("main")
    assert one == same
    assert hash(one) == hash(same)
    assert other != Scope("other")
    assert {one: "found"}[same] == "found"
    with pytest.raises(AttributeError):
        one.other = 1  # type: ignore[attr-defined]
