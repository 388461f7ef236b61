"""The capability report: each rule by what ccxt, the table and the settings say, and what follows from it."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest

from risksvc.core.request_expiry import request_expiry
from risksvc.venue.abilities import Abilities, Finding, Verdict, abilities_of, feature_of, needs_symbol
from risksvc.venue.capability import NEEDED, RULES, findings, shortcomings, unusable
from risksvc.venue.guarded import build_exchange
from risksvc.venue.quirks import CAUTIOUS, QUIRKS, PageLimits, Quirks, ReadCosts, quirks_of
from tests.unit.venue.builders import BYBIT, settings

YES, PARTLY, NO = Verdict.YES, Verdict.PARTLY, Verdict.NO
# What a venue that can do everything offers in ccxt.
EVERYTHING = (
    "fetchPositions", "fetchOpenOrders", "fetchMyTrades", "fetchTickers", "fetchOrderBook", "fetchTime", "fetchOrder",
    "cancelOrder", "cancelAllOrders", "cancelAllOrdersAfter", "fetchBalance", "fetchLedger", "fetchFundingHistory",
    "spot",
)  # fmt: skip
FEATURES: Mapping[str, Any] = {"swap": {"linear": {"fetchMyTrades": {"limit": 100}}, "inverse": {"fetchMyTrades": {}}}}


TRIGGERS: Mapping[str, Any] = {"swap": {"linear": {"fetchOpenOrders": {"trigger": True}}}}


def able(*, lacks: tuple[str, ...] = (), **changes: Any) -> Abilities:  # noqa: ANN401 - any field
    given: dict[str, Any] = {
        "exchange_id": "bybit",
        "has": {name: True for name in EVERYTHING if name not in lacks},
        "features": FEATURES,
        "quirks": BYBIT,
        "expiry": request_expiry("bybit"),
        "sandbox": True,
        "rate_limit_ms": Decimal(10),
    }
    return Abilities(**{**given, **changes})


def row(name: str, of: Abilities) -> Finding:
    (found,) = [each for each in findings(of) if each.name == name]
    return found


def quirky(**changes: Any) -> Quirks:  # noqa: ANN401 - any field
    return replace(BYBIT, **changes)


def symbol_required(*methods: str) -> Mapping[str, Any]:
    return {"swap": {"linear": {method: {"symbolRequired": True} for method in methods}}}


def test_a_venue_that_can_do_all_is_told_so() -> None:
    short = {each.name for each in shortcomings(findings(able()))}
    assert short == {"position lag", "spot"}  # the lag is not measured; spot is an account of its own
    assert unusable(findings(able())) == ""


def test_a_row_for_each_rule_with_names_of_their_own() -> None:
    names = [each.name for each in findings(able())]
    assert len(names) == len(set(names)) == len(RULES)
    assert set(NEEDED) <= set(names)


def test_only_true_is_an_ability() -> None:
    for claimed in (False, None, "emulated", 1):
        assert row("positions", able(has={"fetchPositions": claimed})).verdict is NO


CASES: list[tuple[str, Abilities, Verdict, str]] = [
    ("positions", able(lacks=("fetchPositions",)), NO, "can't be read"),
    ("positions", able(features=symbol_required("fetchPositions")), PARTLY, "per instrument"),
    ("positions", able(spot=True), YES, "balances"),
    ("positions", able(spot=True, lacks=("fetchBalance",)), NO, "no balances"),
    ("positions", able(quirks=quirky(unreadable="broken")), NO, "broken"),
    ("open orders", able(lacks=("fetchOpenOrders",)), NO, "can't be read"),
    ("open orders", able(features=symbol_required("fetchOpenOrders")), NO, "none is named"),
    ("open orders", able(features=symbol_required("fetchOpenOrders"), named=("A", "B")), PARTLY, "for the 2 that"),
    ("conditional orders", able(), YES, "among the open orders"),
    ("conditional orders", able(quirks=QUIRKS["okx"], features=TRIGGERS), NO, "a list of their own"),
    ("conditional orders", able(quirks=CAUTIOUS, listed=False), PARTLY, "not known whether the open orders"),
    ("fills", able(lacks=("fetchMyTrades",)), NO, "can't be read"),
    ("fills", able(features=symbol_required("fetchMyTrades")), PARTLY, "for what is held"),
    ("fills", able(features=symbol_required("fetchMyTrades"), named=("A",)), PARTLY, "the 1 that are named"),
    ("fills", able(quirks=quirky(remarks={"fills": "and so on"})), PARTLY, "list; and so on"),
    ("fill history", able(), YES, "730 days"),
    ("fill history", able(quirks=CAUTIOUS), PARTLY, "taken to be 7 days"),
    ("page sizes", able(quirks=CAUTIOUS), PARTLY, "positions, open_orders"),
    ("page sizes", able(quirks=quirky(pages=PageLimits(0, 0)), features={}), PARTLY, "not known for fills"),
    ("kinds of execution", able(quirks=CAUTIOUS), NO, "LIQUIDATION, ADL, DELIVERY"),
    ("kinds of execution", able(quirks=QUIRKS["krakenfutures"]), PARTLY, "DELIVERY can't"),
    ("kinds of execution", able(spot=True), YES, "every execution is a trade"),
    ("sequence numbers", able(quirks=quirky(fill_seq_key="")), NO, "by time and quantity"),
    ("hedge mode", able(quirks=QUIRKS["woo"]), PARTLY, "fills do not"),
    ("hedge mode", able(quirks=CAUTIOUS), NO, "one position per instrument"),
    ("hedge mode", able(quirks=CAUTIOUS, listed=False), PARTLY, "netted"),
    ("hedge mode", able(quirks=CAUTIOUS, has={"setPositionMode": True}), PARTLY, "netted"),
    ("hedge mode", able(spot=True), YES, "does not apply"),
    ("spot", able(spot=True), YES, "read as a spot account"),
    ("spot", able(lacks=("spot",)), NO, "no spot market"),
    ("inverse", able(features={}), NO, "no inverse contracts"),
    ("inverse", able(linear_only=True), NO, "linear contracts only"),
    ("inverse", able(spot=True), YES, "does not apply"),
    ("marks", able(lacks=("fetchTickers",)), NO, "nothing can be valued"),
    ("marks", able(quirks=CAUTIOUS), NO, "every order is denied"),
    ("marks", able(quirks=CAUTIOUS, listed=False), PARTLY, "not known whether"),
    ("marks", able(quirks=CAUTIOUS, spot=True), PARTLY, "middle of bid and ask"),
    ("marks", able(quirks=CAUTIOUS, has={"fetchTickers": True, "fetchMarkPrices": True}), YES, "list of their own"),
    ("order book", able(lacks=("fetchOrderBook",)), NO, "can't be estimated"),
    ("clock", able(lacks=("fetchTime",)), NO, "tells no time"),
    ("private streams", able(quirks=CAUTIOUS), NO, "2,000 ms apart"),
    ("private streams", able(quirks=quirky(stream=("watchOrders",))), PARTLY, "orders only"),
    ("look-up by client id", able(quirks=CAUTIOUS), PARTLY, "never that it does not"),
    ("look-up by client id", able(quirks=QUIRKS["okx"]), YES, "proven absent"),
    ("look-up by client id", able(quirks=QUIRKS["okx"], lacks=("fetchOrder",)), PARTLY, "only in the lists"),
    ("look-up by venue id", able(lacks=("fetchOrder",)), NO, "searched for"),
    ("client order ids", able(), YES, "at most 36 of [A-Za-z0-9_-]"),
    ("client order ids", able(listed=False), PARTLY, "assumed"),
    ("client ids on fills", able(quirks=CAUTIOUS), NO, "looked up once"),
    ("reduce-only", able(spot=True), NO, "ordinary one"),
    ("reduce-only", able(quirks=quirky(enforces_reduce_only=False)), NO, "ordinary one"),
    ("reduce-only", able(listed=False), PARTLY, "not proven"),
    ("placing", able(quirks=quirky(places=())), NO, "not proven"),
    ("placing", able(quirks=quirky(places=("limit",))), PARTLY, "limit orders only"),
    ("placing", able(quirks=quirky(places_legs=False)), PARTLY, "none in hedge mode"),
    ("cancel", able(lacks=("cancelOrder",)), NO, "can't be cancelled"),
    ("cancel", able(quirks=CAUTIOUS), PARTLY, "looked up first"),
    ("cancel all", able(lacks=("cancelAllOrders",)), NO, "order by order"),
    ("dead-man switch", able(lacks=("cancelAllOrdersAfter",)), NO, "orders stay"),
    ("request expiry", able(), YES, "recvWindow, signed into every request"),
    ("request expiry", able(expiry=request_expiry("okx")), YES, "a header"),
    ("request expiry", able(expiry=request_expiry("deribit")), YES, "a parameter of each order"),
    ("request expiry", able(expiry=request_expiry("bitget")), NO, "may arrive after it"),
    ("balances", able(lacks=("fetchBalance",)), NO, "no equity check"),
    ("balances", able(), YES, "read for the equity check"),
    ("balances", able(quirks=CAUTIOUS), PARTLY, "equity is not checked"),
    ("balances", able(quirks=CAUTIOUS, spot=True), YES, "read for the equity check"),
    ("ledger", able(lacks=("fetchLedger",)), NO, "can't name the cause"),
    ("ledger", able(quirks=CAUTIOUS), PARTLY, "explain nothing"),
    ("funding history", able(lacks=("fetchFundingHistory",)), NO, "not listed"),
    ("sandbox", able(sandbox=False), NO, "no test network"),
]


@pytest.mark.parametrize(
    ("name", "of", "verdict", "words"), CASES, ids=[f"{number}-{case[0]}" for number, case in enumerate(CASES)]
)
def test_what_follows_from_it(name: str, of: Abilities, verdict: Verdict, words: str) -> None:
    found = row(name, of)
    assert found.verdict is verdict, found
    assert words in found.says, found


def test_every_rule_has_a_case_that_is_no_plain_yes() -> None:
    always = {"position lag", "rate limit"}
    assert {name for name, _, verdict, _ in CASES if verdict is not YES} | always == {
        each.name for each in findings(able())
    }


def test_a_no_that_can_be_mended_says_how() -> None:
    told = [found for name, of, _, _ in CASES if (found := row(name, of)).verdict is NO and not found.do]
    # Nothing to do about these: the gate copes by itself.
    assert {each.name for each in told} <= {"sequence numbers", "client ids on fills", "hedge mode", "reduce-only"}


# --- the cadence ---


@pytest.mark.parametrize(
    ("every_ms", "verdict", "words"),
    [
        (200, YES, "at least 200 ms of ccxt's throttle (20 x 10 ms): a cadence of 200 ms can be kept"),
        (199, NO, "a cadence of 199 ms can't be kept"),
    ],
)
def test_the_cadence_must_fit(every_ms: int, verdict: Verdict, words: str) -> None:
    found = row("rate limit", able(positions_every_ms=every_ms))
    assert found.verdict is verdict
    assert words in found.says
    assert (found.do == "cadence: {positions: 1s}") == (verdict is NO)


def test_lists_per_instrument_cost_a_request_each() -> None:
    of = able(features=symbol_required("fetchOpenOrders", "fetchMyTrades"), named=("A", "B", "C"))
    # positions 5, open orders 3 x 5, fills twice 3 x 5
    assert "(50 x 10 ms)" in row("rate limit", of).says


def test_a_spot_account_has_costs_of_its_own() -> None:
    # balances 1, open orders 5, fills twice 5
    assert "(16 x 10 ms)" in row("rate limit", able(spot=True)).says


def test_a_read_that_is_given_up_before_it_ends_is_said() -> None:
    slow = quirky(costs=ReadCosts(Decimal(800), Decimal(701), Decimal(1)))
    found = row("rate limit", able(quirks=slow, positions_every_ms=60_000))
    assert found.verdict is NO
    assert "it never completes" in found.says
    # What the last request costs delays nothing of this read.
    last = quirky(costs=ReadCosts(Decimal(1), Decimal(1), Decimal(1000)))
    assert row("rate limit", able(quirks=last, positions_every_ms=60_000)).verdict is YES


def test_binance_can_t_be_read_every_two_seconds_and_is_told_to_name_instruments() -> None:
    quirks = quirks_of("binanceusdm")
    exchange = build_exchange(settings(exchange="binanceusdm"), quirks, throttled=True)
    of = abilities_of(exchange, settings(exchange="binanceusdm"), quirks)
    assert row("rate limit", of).verdict is NO  # all instruments' open orders weigh 40
    assert row("fills", of).do.startswith("settings: venue.instruments")


# --- why it can't be used ---


def test_each_thing_that_is_missing_is_named_once() -> None:
    of = able(lacks=("fetchTickers", "fetchMyTrades"))
    assert unusable(findings(of)) == "fills: executions can't be read; marks: no list of tickers: nothing can be valued"


def test_a_no_elsewhere_keeps_nobody_out() -> None:
    assert unusable(findings(able(lacks=("fetchLedger", "cancelOrder", "fetchTime")))) == ""


def test_a_row_is_one_line() -> None:
    assert Finding("marks", NO, "none", "look").line == "marks: no: none -> look"
    assert Finding("marks", YES, "some").line == "marks: yes: some"


# --- what ccxt says ---


def test_features_of_inverse_swaps_stand_in_where_there_are_no_linear_ones() -> None:
    features = {"swap": {"inverse": {"fetchMyTrades": {"limit": 7}}}, "spot": {"fetchMyTrades": {"limit": 9}}}
    assert feature_of(features, "fetchMyTrades", "limit") == 7
    assert feature_of(features, "fetchMyTrades", "limit", spot=True) == 9
    assert feature_of({}, "fetchMyTrades", "limit") is None
    assert feature_of(None, "fetchMyTrades", "limit") is None


def test_this_project_s_table_decides_where_it_says_something() -> None:
    features = symbol_required("fetchMyTrades")
    assert needs_symbol(features, CAUTIOUS, "fetchMyTrades")
    assert not needs_symbol(features, replace(CAUTIOUS, symbol_required={"fetchMyTrades": False}), "fetchMyTrades")
    assert needs_symbol({}, replace(CAUTIOUS, symbol_required={"fetchMyTrades": True}), "fetchMyTrades")


@pytest.mark.parametrize("venue", sorted(name for name, entry in QUIRKS.items() if entry.stream))
def test_a_stream_that_the_table_names_is_one_that_ccxt_offers(venue: str) -> None:
    offered = getattr(ccxt.pro, venue)().has
    assert all(offered.get(name) is True for name in QUIRKS[venue].stream)


@pytest.mark.parametrize("venue", sorted(QUIRKS))
def test_a_remark_is_about_a_row_that_exists(venue: str) -> None:
    assert set(QUIRKS[venue].remarks) <= {each.name for each in findings(able())}
