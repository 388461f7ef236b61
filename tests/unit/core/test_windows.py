"""What a read may show: by time, by the venue's own counter, leg by leg; and what a lucky fit is worth."""

from risksvc.core.adoption import describe, unexplained_items
from risksvc.core.events import AdoptItem
from risksvc.core.outputs import NoticeKind, ReadAgain
from risksvc.core.types import MILLISECOND, Side
from risksvc.core.venue_events import Fill, Leg, VenuePosition
from risksvc.core.windows import NOTHING_HELD, Held, window_of
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, BTC, SOL, D, feed

DRIFT, MISSING = ("POSITION_DRIFT", ""), ("MISSING_FILL", "")


def fill(at_ms: int, sequence: int = 0, leg: Leg | None = None) -> Fill:
    return Fill(BTC, f"t{at_ms}", Side.BUY, D(1), D(50_000), at_ms, sequence=sequence, leg=leg)


def moments(*fills: Fill, sequence: int = 0, from_ms: int = 10, to_ms: int = 20) -> list[int]:
    changes = [(one, one.quantity) for one in fills]
    window = window_of(NOTHING_HELD, changes, from_ms=from_ms, to_ms=to_ms, sequence=sequence)
    return [int(moment.held.net) for moment in window.moments]


def test_a_read_may_show_every_moment_of_its_window_and_none_outside() -> None:
    assert moments() == [0]
    assert moments(fill(5), fill(9)) == [2]
    assert moments(fill(5), fill(12), fill(15)) == [1, 2, 3]
    assert moments(fill(5), fill(12), fill(25)) == [1, 2]


def test_where_the_venue_counts_a_read_shows_one_moment() -> None:
    counted = [fill(5, 1), fill(12, 2), fill(15, 4), fill(16, 4)]
    assert moments(*counted, sequence=1) == [1]
    assert moments(*counted, sequence=3) == [2]
    assert moments(*counted, sequence=4) == [4]
    # A fill without the counter: the window decides.
    assert moments(*counted, fill(17), sequence=3) == [1, 2, 3, 4, 5]


def test_the_lag_is_the_least_that_explains_what_was_seen() -> None:
    changes = [(one, one.quantity) for one in (fill(11), fill(14))]
    window = window_of(NOTHING_HELD, changes, from_ms=0, to_ms=30, sequence=0)

    def lag(quantity: int) -> int:
        return window.lag_ms(Held(D(quantity)), start_ms=20, tolerance=D(0), legs=False)

    assert (lag(2), lag(1), lag(0)) == (0, 6, 9)
    assert lag(7) == -1


def test_measured_lag_is_kept_at_its_largest() -> None:
    world = given()
    assert world.buy("0.2", 50_000, client_order_id="a").approved
    made = world.make_fill("a", Side.BUY, "0.2")
    world.tell(made)
    world.now += 400 * MILLISECOND
    world.read(positions={})  # still what was before the fill
    assert world.line().low == world.line().high == D("0.2")
    assert 380 <= world.book.measured_lag_ms <= 400
    world.executed(made)
    world.read()
    assert world.book.measured_lag_ms >= 380


# -- a lucky fit --------------------------------------------------------------------------------------------------


def drifting() -> World:
    """The venue holds 0.3 more than the ledger's 0.5, and a read has shown it."""
    world = given()
    world.hold("a", "0.5")
    world.read(positions={BTC: "0.8"})
    assert DRIFT in world.line().suspicions
    return world


def test_a_read_that_fits_by_chance_neither_clears_nor_counts() -> None:
    world = drifting()
    assert world.buy("0.3", 50_000, client_order_id="b").approved is False  # the instrument is SUSPECT
    # A fill of 0.3 that was under way: the venue's 1.1 fits no moment without the drift, 0.8 fits by chance.
    world.tell(world.make_fill("c", Side.BUY, "0.3", venue_order_id="x"))
    world.read(positions={BTC: "0.8"})
    suspicion = world.line().suspicions[DRIFT]
    assert suspicion.ambiguous
    assert suspicion.reads == 1
    assert world.line().high == D("1.1")


def test_what_fits_while_the_difference_would_not_is_explained() -> None:
    world = drifting()
    world.read(positions={BTC: "0.5"})
    assert DRIFT not in world.line().suspicions
    assert [one.kind for one in world.notices()] == [NoticeKind.SUSPECT_CLEARED]


def test_a_difference_asks_for_another_read() -> None:
    world = given()
    world.hold("a", "0.5")
    assert ReadAgain(ACCOUNT) in world.read(positions={BTC: "0.8"})
    assert ReadAgain(ACCOUNT) not in world.read()


def test_a_read_that_takes_exposure_away_without_a_fill_is_unconfirmed_and_never_flat() -> None:
    world = given()
    world.hold("a", "0.5")
    world.read(positions={})
    suspicion = world.line().suspicions[DRIFT]
    assert suspicion.unconfirmed
    assert (world.line().low, world.line().high) == (D(0), D("0.5"))
    world.read(positions={BTC: "0.9"})
    assert not world.line().suspicions[DRIFT].unconfirmed


def test_the_counter_finds_a_drift_that_a_window_would_hide() -> None:
    world = given()
    assert world.buy("0.4", 50_000, client_order_id="a").approved
    for number in range(1, 5):
        made = world.make_fill("a", Side.BUY, "0.1", sequence=number, venue_order_id="v")
        world.executed(made)
        world.tell(made)
    world.read(shown=[VenuePosition(BTC, D("0.3"), sequence=4)])  # 0.3 was held, at 3
    assert DRIFT in world.line().suspicions
    world.read(shown=[VenuePosition(BTC, D("0.3"), sequence=3)])
    assert DRIFT not in world.line().suspicions


# -- hedge mode ---------------------------------------------------------------------------------------------------


def hedged() -> World:
    world = given()
    world.apply(feed(hedge_mode=True))
    world.marks()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    assert world.sell("0.2", 50_000, client_order_id="b").approved
    for id_, side, quantity, leg in (("a", Side.BUY, "0.5", Leg.LONG), ("b", Side.SELL, "0.2", Leg.SHORT)):
        world.tell(world.make_fill(id_, side, quantity, leg=leg))
    world.now += 3_000 * MILLISECOND
    world.read(shown=[legs("0.5", "0.2")])
    return world


def legs(long: str, short: str) -> VenuePosition:
    return VenuePosition(BTC, D(long) - D(short), long=D(long), short=D(short))


def test_both_legs_are_held_against_the_ledger() -> None:
    world = hedged()
    line = world.line()
    assert (line.ledger, line.long, line.short) == (D("0.3"), D("0.5"), D("0.2"))
    assert not line.suspicions
    world.read(shown=[legs("0.6", "0.3")])  # the net is the same
    assert "0.6 long and 0.3 short" in line.suspicions[DRIFT].message
    assert line.low == line.high == D("0.3")


def test_a_leg_is_adopted_by_itself() -> None:
    world = hedged()
    world.read(shown=[legs("0.6", "0.3")])
    both = [(D("0.1"), Leg.LONG), (D("-0.1"), Leg.SHORT)]
    assert [(one.position_quantity, one.leg) for one in unexplained_items(world.book)] == both
    assert "(long leg)" in describe(next(unexplained_items(world.book)))
    wrong = AdoptItem(BTC, position_quantity=D("0.1"))
    assert "venue less ledger is 0 now" in str(world.adopt(wrong))
    world.adopt(AdoptItem(BTC, position_quantity=D("0.1"), leg=Leg.LONG))
    assert DRIFT in world.line().suspicions
    assert [one.leg for one in unexplained_items(world.book)] == [Leg.SHORT]
    world.adopt(AdoptItem(BTC, position_quantity=D("-0.1"), leg=Leg.SHORT))
    assert not world.line().suspicions
    assert (world.line().ledger, world.line().adopted) == (D("0.3"), D(0))
    world.read(shown=[legs("0.6", "0.3")])
    assert not world.line().suspicions


def test_where_nothing_was_read_nothing_differs() -> None:
    world = given()
    assert world.buy(1, 100, instrument=SOL).approved
    world.line(SOL).venue = None
    assert "venue less ledger is 0 now" in str(world.adopt(AdoptItem(SOL, position_quantity=D(1))))


def test_a_reduce_only_order_acts_on_its_leg_and_counts_as_an_ordinary_one() -> None:
    world = hedged()
    assert world.buy("0.2", 50_000, client_order_id="c", reduce_only=True).approved
    assert world.line().working.buy == D("0.2")
    too_much = world.buy("0.1", 50_000, client_order_id="d", reduce_only=True)
    assert [one.reason.name for one in too_much.denials] == ["NOT_REDUCING"]
    assert world.sell("0.5", 50_000, client_order_id="e", reduce_only=True).approved


def test_legs_survive_being_folded_away() -> None:
    world = hedged()
    for _ in range(2):
        world.now += 120_000 * MILLISECOND
        world.marks()
        world.read(shown=[legs("0.5", "0.2")])
    line = world.line()
    assert not line.recent
    assert (line.base, line.base_long, line.base_short) == (D("0.3"), D("0.5"), D("0.2"))
    assert not line.suspicions
