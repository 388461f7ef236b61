"""The guard around ccxt: good-looking nothing is an error, keys go nowhere but where they were told."""

import json
import re

import ccxt.async_support
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.abilities import has_test_network
from risksvc.venue.failures import ReadFailure, StartError, WriteOutcome, cancel_outcome, read_failure, redacted
from risksvc.venue.guarded import build_exchange, check_body, exchange_class_of, exchange_id_of
from risksvc.venue.quirks import Envelope, quirks_of
from tests.unit.venue.builders import BYBIT, settings

GOOD = json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": []}, "time": 1})


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "{}",
        "[]",
        '"OK"',
        "0",
        "<html>busy</html>",
        GOOD[: len(GOOD) // 2],
        '{"retCode": 0, "result": null, "time": 1}',
        '{"retCode": 0, "result": [], "time": 1}',
        '{"retCode": 0, "time": 1}',
        '{"result": {"list": []}}',
        None,
    ],
    ids=str,
)
def test_a_good_status_with_nothing_in_it_is_a_bad_response(body: str | None) -> None:
    with pytest.raises(ccxt_errors.BadResponse):
        check_body(200, body, BYBIT.envelope)


@pytest.mark.parametrize(
    ("code", "body"),
    [(200, GOOD), (200, '{"retCode": 10001, "retMsg": "no"}'), (500, ""), (403, "null")],
)
def test_answers_and_errors_are_left_to_ccxt(code: int, body: str) -> None:
    check_body(code, body, BYBIT.envelope)


@pytest.mark.parametrize("code", [100, 199, 300, 304])
def test_a_status_that_is_neither_is_refused(code: int) -> None:
    with pytest.raises(ccxt_errors.BadResponse):
        check_body(code, GOOD, BYBIT.envelope)


def test_without_a_known_frame_a_list_or_an_object_with_something_in_it_is_needed() -> None:
    check_body(200, "[]", None)
    check_body(200, '{"a": 1}', None)
    for body in ("{}", "null", "1", ""):
        with pytest.raises(ccxt_errors.BadResponse):
            check_body(200, body, None)


def test_numbers_stay_text_and_nothing_is_retried() -> None:
    exchange = build_exchange(settings(), BYBIT, throttled=True)
    assert exchange.number is str
    assert exchange.options["maxRetriesOnFailure"] == 0
    assert exchange.enableRateLimit is True
    assert exchange.parse_number("0.1") == "0.1"
    assert build_exchange(settings(), BYBIT, throttled=False).enableRateLimit is False


@pytest.mark.parametrize("code", [400, 404, 406, 412, 418, 429, 499, 500, 599])
def test_every_error_status_raises(code: int) -> None:
    exchange = build_exchange(settings(), quirks_of("binanceusdm"), throttled=False)
    with pytest.raises(ccxt_errors.BaseError):
        exchange.handle_http_status_code(code, "reason", "url", "GET", "{}")


@pytest.mark.parametrize(
    "exchange_id", ["bybit", "binanceusdm", "okx", "bitget", "krakenfutures", "hyperliquid", "gate"]
)
def test_with_a_base_url_every_address_is_there(exchange_id: str) -> None:
    config = settings(exchange=exchange_id, base_url="http://127.0.0.1:7000/")
    exchange = build_exchange(config, quirks_of(exchange_id), throttled=False)

    def leaves(value: object) -> list[str]:
        return [leaf for each in value.values() for leaf in leaves(each)] if isinstance(value, dict) else [str(value)]

    found = leaves(exchange.urls["api"])
    assert found
    assert all(re.match(r"(http|ws)://127\.0\.0\.1:7000(/|$)", leaf) for leaf in found), found


def test_an_address_that_cannot_be_moved_ends_the_start() -> None:
    config = settings(base_url="http://127.0.0.1:7000", urls={"api": {"odd": 7}})
    with pytest.raises(StartError, match="could not be pointed"):
        build_exchange(config, BYBIT, throttled=False)


class InHouse(ccxt.async_support.bybit):  # type: ignore[misc]
    """A venue of one's own."""


@pytest.mark.parametrize("venue", ["mexc", "kraken", "kucoinfutures"])
def test_a_test_network_that_does_not_exist_ends_the_start(venue: str) -> None:
    with pytest.raises(StartError, match=f"{venue} has no test network in ccxt"):
        build_exchange(settings(exchange=venue, sandbox=True), quirks_of(venue), throttled=False)


@pytest.mark.parametrize("venue", ["okx", "bitget", "krakenfutures", "gate"])
def test_a_test_network_has_addresses(venue: str) -> None:
    exchange = build_exchange(settings(exchange=venue, sandbox=True), quirks_of(venue), throttled=False)
    assert exchange.urls["api"]
    assert has_test_network(exchange)


def test_a_class_can_be_named_by_module() -> None:
    found = exchange_class_of(f"{__name__}:InHouse")
    assert found is InHouse
    assert exchange_id_of(found) == "bybit"


@pytest.mark.parametrize("name", ["nowhere", "no.module:Thing", f"{__name__}:Nothing", "pathlib:Path", ":X"])
def test_a_class_that_does_not_exist_says_so(name: str) -> None:
    with pytest.raises(StartError, match="exchange"):
        exchange_class_of(name)


def test_texts_are_cut_and_cleaned() -> None:
    assert redacted("a\nb SECRET", ["SECRET"]) == "a b ***"
    assert redacted("?apiKey=abc&x=1&signature=dead", []) == "?apiKey=***&x=1&signature=***"
    assert len(redacted("x" * 9_999, [])) == 300


@pytest.mark.parametrize(
    ("error", "permanent", "pause", "clock"),
    [
        (ccxt_errors.AuthenticationError("x"), True, 0, False),
        (ccxt_errors.RateLimitExceeded("x"), False, 1_000, False),
        (ccxt_errors.DDoSProtection("x"), False, 1_000, False),
        (ccxt_errors.InvalidNonce("x"), False, 0, True),
        (ccxt_errors.ExchangeNotAvailable("x"), False, 0, False),
        (ValueError("x"), False, 0, False),
    ],
    ids=repr,
)
def test_what_a_failed_read_calls_for(error: Exception, *, permanent: bool, pause: int, clock: bool) -> None:
    failure = read_failure("positions", error)
    assert (failure.permanent, failure.pause_ms, failure.clock_off) == (permanent, pause, clock)
    assert read_failure("fills", failure) is failure
    assert isinstance(failure, ReadFailure)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ccxt_errors.OrderNotFound("110001"), WriteOutcome.NOTHING_TO_DO),
        (ccxt_errors.PermissionDenied("10005"), WriteOutcome.REFUSED),
        (ccxt_errors.BadRequest("10001"), WriteOutcome.REFUSED),
        (ccxt_errors.InvalidOrder("110008"), WriteOutcome.REFUSED),
        (ccxt_errors.RateLimitExceeded("10006"), WriteOutcome.REFUSED),
        (ccxt_errors.RequestTimeout("x"), WriteOutcome.UNKNOWN),
        (ccxt_errors.ExchangeNotAvailable("502"), WriteOutcome.UNKNOWN),
        (ccxt_errors.BadResponse("null"), WriteOutcome.UNKNOWN),
        (ccxt_errors.ExchangeError("10016"), WriteOutcome.UNKNOWN),
        (ValueError("parsing"), WriteOutcome.UNKNOWN),
    ],
    ids=repr,
)
def test_what_an_error_of_a_cancel_proves(error: Exception, outcome: WriteOutcome) -> None:
    assert cancel_outcome(error) is outcome


def test_envelopes_of_other_venues() -> None:
    okx = quirks_of("okx").envelope
    assert okx == Envelope("code", ("0",), "data", (list,))
    check_body(200, '{"code": "0", "data": []}', okx)
    with pytest.raises(ccxt_errors.BadResponse):
        check_body(200, '{"code": "0", "data": null}', okx)
