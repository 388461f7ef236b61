"""What is counted and shown of reconciliation: every class from 0, each divergence once, the unmeasured never 0."""

import math

import pytest

from risksvc.core.divergences import DivergenceClass
from risksvc.core.types import Side
from risksvc.core.venue_events import BalancesReceived, CashFlow, CashFlowKind, FillKind, ReadFailed
from risksvc.gate.feeds import FeedLink
from tests.unit.core.an_account import account
from tests.unit.core.builders import given, started
from tests.unit.core.catalogue import ACCOUNT, BTC, SPOT, D, feed, limit
from tests.unit.gate.scraped import Scraped


@pytest.fixture
def scraped() -> Scraped:
    return Scraped(given())


def test_an_unexpected_fill_shows_as_a_divergence(scraped: Scraped) -> None:
    def rows() -> dict[tuple[str, str, str], float]:
        found = scraped.read()["risksvc_divergence_usd"]
        names = ("divergence_class", "instrument", "status")
        return {tuple(dict(labels)[name] for name in names): value for labels, value in found.items()}  # type: ignore[misc]

    assert rows() == {(each.value, "", ""): 0 for each in DivergenceClass}
    scraped.world.fill("nobody's", Side.BUY, 4)
    assert rows()["UNEXPECTED_FILL", BTC, "SUSPECT"] == 200_000
    assert ("UNEXPECTED_FILL", "", "") not in rows()
    scraped.world.read()
    assert rows()["UNEXPECTED_FILL", BTC, "DIVERGED"] == 200_000
    number = scraped.read()["risksvc_divergences"]
    assert sum(number.values()) == 1


def sightings(scraped: Scraped) -> dict[str, float]:
    rows = scraped.read()["risksvc_divergences_seen_total"]
    return {dict(labels)["divergence_class"]: value for labels, value in rows.items() if value}


def test_every_class_is_counted_from_0() -> None:
    rows = Scraped(started()).read()["risksvc_divergences_seen_total"]
    assert {dict(labels)["divergence_class"] for labels in rows} == {each.value for each in DivergenceClass}
    assert set(rows.values()) == {0}


def test_a_divergence_counts_once_from_its_first_sight_to_its_end(scraped: Scraped) -> None:
    world = scraped.world
    for _ in range(4):
        world.read(positions={BTC: 1})
        world.wait(1, fresh=False)
    assert sightings(scraped) == {"POSITION_DRIFT": 1}, "suspect, then diverged"
    world.wait(10)
    world.read(positions={BTC: 1})
    assert sightings(scraped) == {"POSITION_DRIFT": 2}, "it was over, and came again"


def test_what_diverges_at_once_counts_too(scraped: Scraped) -> None:
    scraped.world.fill("nobody's", Side.BUY, 4)
    scraped.world.read()
    scraped.world.read()
    assert sightings(scraped) == {"UNEXPECTED_FILL": 1}


@pytest.mark.parametrize("kind", [FillKind.LIQUIDATION, FillKind.ADL, FillKind.DELIVERY], ids=lambda kind: kind.value)
def test_what_the_venue_does_of_its_own_accord_counts_each_time(scraped: Scraped, kind: FillKind) -> None:
    scraped.world.hold("o", "0.4")
    made = scraped.world.fill("", Side.SELL, "0.1", kind=kind)
    scraped.world.tell(made)
    assert sightings(scraped) == {kind.value: 1}, "however often it is told"
    scraped.world.fill("", Side.SELL, "0.1", kind=kind)
    assert sightings(scraped)[kind.value] == 2


def test_an_asset_that_came_in_is_counted_and_no_difference(scraped: Scraped) -> None:
    scraped.world.fill("", Side.BUY, 5, instrument=SPOT, kind=FillKind.TRANSFER)
    scraped.world.read()
    assert sightings(scraped) == {"TRANSFER": 1}


def test_bookings_are_counted_once_however_often_they_are_told(scraped: Scraped) -> None:
    kinds = [CashFlowKind.FUNDING, CashFlowKind.FUNDING, CashFlowKind.TRANSFER, CashFlowKind.FEE]
    at_ms = scraped.world.now // 10**6
    flows = [CashFlow(f"f{number}", "USDT", kind, D(-1), at_ms) for number, kind in enumerate(kinds)]
    for told in (flows[:2], flows, flows):
        now = scraped.world.now
        scraped.world.apply(BalancesReceived(ACCOUNT, now, now // 10**6, (), tuple(told)))
    assert sightings(scraped) == {"FUNDING": 2, "TRANSFER": 1}


def test_failed_reads_are_counted_by_what_was_read_and_conditions_shown(scraped: Scraped) -> None:
    for what in ("positions", "positions", "marks", "anything else", "and more"):
        scraped.world.apply(ReadFailed(ACCOUNT, what, "timed out"))
    rows = scraped.read()["risksvc_reads_failed_total"]
    counted = {dict(labels)["what"]: value for labels, value in rows.items()}
    assert (counted["positions"], counted["marks"], counted["other"], counted["fills"]) == (2, 1, 2, 0)
    assert sightings(scraped) == {"UNREADABLE_VENUE": 1}
    labels = {"account": ACCOUNT, "instrument": "", "divergence_class": "UNREADABLE_VENUE", "status": "SUSPECT"}
    assert scraped.one("risksvc_divergences", **labels) == 1
    assert scraped.one("risksvc_divergence_usd", **labels) == 0


def test_an_instrument_that_the_venue_did_not_list_is_a_condition_of_its_own(scraped: Scraped) -> None:
    scraped.world.apply(ReadFailed(ACCOUNT, "positions", "not listed", "NEW/USDT:USDT"))
    labels = {"account": ACCOUNT, "instrument": "", "divergence_class": "UNKNOWN_INSTRUMENT", "status": "SUSPECT"}
    assert scraped.one("risksvc_divergences", **labels) == 1
    assert sightings(scraped) == {"UNKNOWN_INSTRUMENT": 1}
    scraped.world.read()
    labels["status"] = ""
    assert scraped.one("risksvc_divergences", **labels) == 0, "a good read ends it"
    assert sightings(scraped) == {"UNKNOWN_INSTRUMENT": 1}, "its end is no sight of it"


def test_money_that_nobody_explains_counts_once_it_alerts() -> None:
    held = account()
    scraped = Scraped(held.world)
    names = ("risksvc_equity_difference_usd", "risksvc_equity_tolerance_usd")
    held.read()
    assert [scraped.one(name, account=ACCOUNT) for name in names] == [0, 25]
    held.wallet["USDT"] -= 300
    for seen in (0, 0, 1, 1):
        held.pass_time()
        held.read()
        assert sightings(scraped).get("EQUITY_MISMATCH", 0) == seen, "the third check in a row alerts"
    assert scraped.one(names[0], account=ACCOUNT) == -300
    labels = {"account": ACCOUNT, "instrument": "", "divergence_class": "EQUITY_MISMATCH", "status": "DIVERGED"}
    assert scraped.one("risksvc_divergences", **labels) == 1
    assert scraped.one("risksvc_divergence_usd", **labels) == 300
    unchecked = Scraped(started())
    assert all(math.isnan(unchecked.one(name, account=ACCOUNT)) for name in names)


def test_a_residual_above_its_limit_counts_once_though_it_halts_later() -> None:
    scraped = Scraped(given(max_residual=limit("0.009"), account={"spot_baseline": {"LTC": D(5)}}))
    scraped.world.read(positions={"LTC": "5"})
    for _ in range(3):
        scraped.world.read(positions={"LTC": "4.9999"})
    assert sightings(scraped) == {"UNATTRIBUTED_RESIDUAL": 1}
    assert scraped.one("risksvc_residual_usd", account=ACCOUNT) == 0.01
    labels = {"account": ACCOUNT, "instrument": "", "divergence_class": "UNATTRIBUTED_RESIDUAL", "status": "DIVERGED"}
    assert scraped.one("risksvc_divergence_usd", **labels) == 0.01


def test_what_was_measured_of_the_venue(scraped: Scraped) -> None:
    lag, settle = "risksvc_position_lag_seconds", "risksvc_settle_seconds"
    book = scraped.world.book
    book.measured_lag_ms, book.residual = 350, D("-2.5")
    assert (scraped.one(lag, account=ACCOUNT), scraped.one(settle, account=ACCOUNT)) == (0.35, 2)
    assert scraped.one("risksvc_residual_usd", account=ACCOUNT) == -2.5
    unmeasured = Scraped(started())
    assert math.isnan(unmeasured.one(lag, account=ACCOUNT))
    assert math.isnan(unmeasured.one("risksvc_residual_usd", account=ACCOUNT))


def test_a_stream_that_the_feed_does_not_follow_is_neither_up_nor_down(scraped: Scraped) -> None:
    name = "risksvc_stream_connected"
    assert math.isnan(scraped.one(name, account=ACCOUNT))
    scraped.world.apply(feed(has_stream=True))
    assert scraped.one(name, account=ACCOUNT) == 0
    scraped.link = FeedLink(ACCOUNT, "venue 1", can_cancel=False, connected_at=0, stream_connected=True)
    assert scraped.one(name, account=ACCOUNT) == 1
