"""How peers failed in public, as far as the core is concerned: each is a test that this gate does not."""

import dataclasses

import pytest

from risksvc.core import events, venue_events
from risksvc.core.denials import DenialReason
from risksvc.core.limits import OrderLimits, StrategyLimits
from risksvc.core.outputs import Adopted, ClearsGranted, Decision, NoticeKind, StepRefused
from risksvc.core.types import Order, Scope, Side, TradingState
from tests.unit.core.builders import World, given, reasons, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, INVERSE, D, instrument, limit


def holding(quantity: str | int = "0.5") -> World:
    world = given()
    world.hold("h", quantity)
    return world


# -- nautilus_trader #4946, #4011: an order passed a limit because the account was unknown, or of another kind --------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account": "unknown"}, DenialReason.ACCOUNT_UNKNOWN),
        ({"strategy": "unknown"}, DenialReason.STRATEGY_UNKNOWN),
        ({"instrument": "unknown"}, DenialReason.INSTRUMENT_UNKNOWN),
    ],
)
def test_peer_nautilus_trader_unknown_is_denied(change: dict[str, str], reason: DenialReason) -> None:
    assert reasons(given().buy(3_000, 50_000, **change))[0] is reason


def test_peer_nautilus_trader_missing_mark_is_denied() -> None:
    world = unread()
    world.read()
    assert DenialReason.MARK_MISSING in reasons(world.buy(3_000, 50_000))


@pytest.mark.parametrize("symbol", [BTC, INVERSE])
def test_peer_nautilus_trader_no_kind_of_instrument_skips_a_check(symbol: str) -> None:
    rows = {symbol: instrument(order=OrderLimits(max_order_notional=limit(10)))}
    decision = given(instruments=rows).buy(3_000, 50_000, instrument=symbol)
    assert reasons(decision)[:2] == [DenialReason.MAX_ORDER_NOTIONAL, DenialReason.MAX_NET_EXPOSURE]


# -- nautilus_trader #3622, #4736, #3476, #3493: drift repaired by overwriting belief; after three tries it looked away


def test_peer_nautilus_trader_drift_overwrites_neither_side() -> None:
    world = holding()
    world.believe("0.5")
    for _ in range(10):
        world.read(positions={BTC: "0.8"})
    line, belief = world.line(), world.part().belief
    assert (line.ledger, line.venue) == (D("0.5"), D("0.8"))
    assert belief is not None
    assert belief.quantity == D("0.5")


def test_peer_nautilus_trader_never_gives_up_silently() -> None:
    world = holding()
    for _ in range(200):
        world.read(positions={BTC: "0.8"})
    suspicion = next(iter(world.line().suspicions.values()))
    assert (suspicion.reads, suspicion.diverged) == (200, True)
    assert world.state() is TradingState.HALTED
    assert isinstance(world.resume(*world.halts()), StepRefused)


# -- nautilus_trader #4617, Lean.Brokerages.Alpaca #66, ccxt #15606, #19666: a failed or empty read taken for flat ----


def test_peer_nautilus_trader_failed_query_is_not_flat() -> None:
    world = holding()
    for _ in range(5):
        world.apply(venue_events.ReadFailed(ACCOUNT, "positions", "HTTP 502"))
    assert world.line().low == world.line().high == D("0.5")


def test_peer_ccxt_empty_positions_are_not_flat() -> None:
    world = holding()
    world.read(positions={})
    assert world.line().high == D("0.5")
    assert world.line().ledger == D("0.5")
    assert DenialReason.INSTRUMENT_SUSPECT in reasons(world.buy("0.1", 50_000))


def test_peer_alpaca_failed_reads_grow_old_and_close_the_gate() -> None:
    world = holding()
    world.wait(31, fresh=False)
    world.apply(venue_events.ReadFailed(ACCOUNT, "positions", "timeout"))
    world.marks()
    assert DenialReason.SNAPSHOT_STALE in reasons(world.buy("0.1", 50_000))
    assert DenialReason.SNAPSHOT_STALE in reasons(world.sell("0.1", 50_000, reduce_only=True))


# -- Lean.Brokerages.InteractiveBrokers #156: a liquidation by the broker went unseen for hours -----------------------


def test_peer_interactive_brokers_liquidation_halts_at_once() -> None:
    world = holding()
    world.fill("", Side.SELL, "0.5", kind=venue_events.FillKind.LIQUIDATION)
    assert world.triggers() == ["LIQUIDATION"]


def test_peer_interactive_brokers_liquidation_that_looks_like_a_trade_halts_within_one_read() -> None:
    world = holding()
    world.fill("", Side.SELL, "0.5", venue_order_id="not ours")
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


# -- hummingbot #2534, #2497: the kill switch fired and orders went on; unset, it started again by itself -------------


def test_peer_hummingbot_nothing_is_approved_after_a_halt() -> None:
    world = holding()
    world.buy("0.01", 50_000, client_order_id="before")
    world.halt(Scope())
    attempts = [
        world.buy("0.01", 50_000),
        world.sell("0.01", 50_000, reduce_only=True),
        world.buy("0.01", 50_000, client_order_id="before"),
        world.amend("before", Side.BUY, "0.02", 50_000),
        world.buy("0.01", 50_000, strategy=BETA),
        world.buy(1, 25_000, instrument=ETH),
    ]
    assert all(DenialReason.HALTED in reasons(decision) for decision in attempts)


def test_peer_hummingbot_no_halt_runs_out_and_no_restart_or_reload_undoes_one() -> None:
    world = given()
    world.halt()
    for _ in range(30):
        world.wait(86_400)
        world.tick()
    world.load()
    world.apply(events.GateStarted(world.config))
    world.refresh()
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.HALTED]


def test_peer_hummingbot_a_resume_clears_only_the_halts_that_it_names() -> None:
    world = given()
    seen = world.halt()
    unseen = world.halt()
    world.wait(1)
    assert isinstance(world.resume(seen), ClearsGranted)
    assert world.halts() == [unseen]


# -- nautilus_trader #4761, freqtrade forceexit: the halt blocked its own flatten --------------------------------------


def test_peer_freqtrade_the_flatten_passes_while_halted() -> None:
    world = holding()
    world.halt(Scope())
    assert world.exit(Side.SELL, "0.5").approved


# -- go-trader #1462: resting orders filled again after "flat" ---------------------------------------------------------


def test_peer_go_trader_a_resting_order_counts_after_the_position_is_closed() -> None:
    world = holding()
    world.buy("0.4", 49_000, client_order_id="rest")
    world.read([world.row("rest", Side.BUY, "0.4", 49_000)])
    world.exit(Side.SELL, "0.5", client_order_id="out")
    world.fill("out", Side.SELL, "0.5")
    assert world.line().ledger == 0
    assert world.book.total == 20_000
    assert world.line().worst.high == D("0.4")


# -- Vibe-Trading #1233: a restart sent the flatten again and turned the account round --------------------------------


def test_peer_vibe_trading_a_flatten_that_is_asked_for_again_turns_nothing_round() -> None:
    world = holding()
    world.halt()
    first = world.exit(Side.SELL, "0.5", client_order_id="out")
    world.apply(events.GateStarted(world.config))
    world.lease()
    world.read()
    world.marks()
    again = world.exit(Side.SELL, "0.5", client_order_id="out")
    assert again == first
    assert reasons(world.exit(Side.SELL, "0.5")) == [DenialReason.NOT_REDUCING]
    world.fill("out", Side.SELL, "0.5")
    assert reasons(world.exit(Side.SELL, "0.5")) == [DenialReason.NOT_REDUCING]
    assert reasons(world.exit(Side.SELL, "0.5", client_order_id="out"))[0] is DenialReason.CLIENT_ORDER_ID_REUSED


# -- MetaMask/core #9719: reduce-only rejected in most closes (stale size, rounded up); #9674: IOC "ok" is not filled --


def test_peer_metamask_a_stale_or_rounded_size_is_denied_with_what_is_left() -> None:
    world = holding()
    world.sell("0.3", 50_000, reduce_only=True)
    stale = world.sell("0.5", 50_000, reduce_only=True)
    assert (reasons(stale), stale.denials[0].limit) == ([DenialReason.NOT_REDUCING], D("0.2"))
    rounded = world.sell("0.20049", 50_000, reduce_only=True)
    assert reasons(rounded) == [DenialReason.QUANTITY_OFF_STEP, DenialReason.NOT_REDUCING]


def test_peer_metamask_an_acknowledged_order_is_not_a_filled_one() -> None:
    world = holding()
    world.sell("0.5", 50_000, reduce_only=True, client_order_id="ioc")
    world.report("ioc", events.OrderReport.ACKNOWLEDGED, venue_id="v1")
    assert world.position() == D("0.5")
    assert world.line().ledger == D("0.5")


# -- Forven #92: one bad read halted the book --------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [{}, {BTC: "0.4"}, {BTC: 50}, {BTC: -50}, {BTC: "0.5", "NEW": 1}])
def test_peer_forven_one_bad_read_is_suspect_and_halts_nothing(seen: dict[str, str | int]) -> None:
    world = holding()
    world.read(positions={key: D(quantity) for key, quantity in seen.items()})
    world.marks()
    assert world.halts() == []
    assert any(notice.kind is NoticeKind.SUSPECT for notice in world.told)
    world.read()
    assert all(not line.suspicions for line in world.book.lines.values())
    assert world.buy("0.01", 50_000).approved


# -- envoyproxy/ratelimit #462, #1191: the store down for a moment, and closed for ever after --------------------------


def test_peer_envoyproxy_ratelimit_it_recovers_by_itself_when_the_store_is_back() -> None:
    world = given()
    world.lease(0.3)
    world.apply(events.LeaseLost(store_lost=False, why="READONLY"))
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.KILL_SWITCH_UNREACHABLE]
    world.lease(0.3)
    assert world.buy("0.1", 50_000).approved


# -- ccxt: a retry after a timeout placed the order four times; "canceled, filled 0" while executed (#28210) ----------


def test_peer_ccxt_an_order_with_an_unknown_outcome_stays_reserved() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", events.OrderReport.SENT)
    world.wait(3_600)
    world.tick()
    assert world.book.total == 25_000
    assert reasons(world.buy("0.6", 50_000)) == [DenialReason.HEADROOM_RESERVED]


def test_peer_ccxt_an_order_placed_four_times_counts_four_times_and_halts() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    rows = [world.row("a", Side.BUY, "0.2", 50_000, venue_order_id=f"v{number}") for number in range(4)]
    world.read(rows)
    assert world.book.total == 40_000
    assert world.triggers() == ["UNEXPECTED_ORDER"]
    for number in range(4):
        world.fill("a", Side.BUY, "0.2", venue_order_id=f"v{number}")
    assert world.line().ledger == D("0.8")
    assert world.position() == D("0.2")


def test_peer_ccxt_fills_are_truth_when_the_status_says_cancelled_and_nothing_filled() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.look_up(
        world.row("a", Side.BUY, "0.5", 50_000, status=venue_events.VenueStatus.CANCELLED, venue_order_id="v1")
    )
    world.fill("", Side.BUY, "0.5", venue_order_id="v1")
    assert world.position() == D("0.5")
    assert [notice.kind for notice in world.notices()] == [NoticeKind.LATE_FILL]


def test_peer_ccxt_a_blind_retry_under_the_same_id_is_one_reservation() -> None:
    world = given()
    for _ in range(4):
        assert world.buy("0.5", 50_000, client_order_id="a").approved
    assert world.book.total == 25_000


# -- SEC Release 34-70694 (Knight): orders that nobody had asked for, for 45 minutes ----------------------------------


def test_peer_knight_an_order_at_the_venue_that_nobody_asked_for_halts_on_one_read() -> None:
    world = given()
    world.read([world.row("old-code", Side.BUY, "0.1", 50_000, venue_order_id="v1")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_peer_knight_every_decision_names_the_limits_that_made_it() -> None:
    world = given(name="v1")
    assert world.buy("0.1", 50_000).limits_hash == "v1"
    world.load(name="v2")
    assert world.buy("9", 50_000).limits_hash == "v2"


# -- FCA/PRA v. Citi 2024: 711 warnings in one pop-up, all overridable ------------------------------------------------


def test_peer_citi_no_field_anywhere_overrides_a_denial() -> None:
    said = [events.OrderChecked, events.ReducingOrderChecked, Order, events.ResumeProposed, events.ResumeConfirmed]
    said += [events.AdoptRequested, events.AdoptConfirmed, events.HaltRequested, StrategyLimits, Decision]
    names = {field.name for one in said for field in dataclasses.fields(one)}
    words = ("override", "force", "bypass", "ignore", "skip", "ack", "confirm", "acknowledge_warning")
    assert not {name for name in names for word in words if word in name}


def test_peer_citi_every_denial_is_hard_whoever_asks_again() -> None:
    world = given()
    for _ in range(3):
        assert not world.buy("1.001", 50_000, client_order_id="a").approved
    assert not world.buy("1.001", 50_000, client_order_id="b").approved
    assert world.line().working.buy == 0


# -- the seed: the tracker believed flat, the venue was 200,000 net long for eleven days ------------------------------


def test_peer_seed_the_tracker_is_flat_and_the_venue_is_long() -> None:
    world = given()
    world.believe(0)
    world.fill("", Side.BUY, 4, venue_order_id="nobody")
    world.read()
    assert world.state() is TradingState.HALTED
    assert {halt.severity.name for halt in world.halts()} == {"P0"}
    item = events.AdoptItem(BTC, trade_id="t1", owner=ALPHA)
    assert world.adopt(item) == Adopted(1)
    assert world.believe(0).agrees
    world.wait(3)
    assert not world.believe(0).agrees
