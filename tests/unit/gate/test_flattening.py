"""What an operator's flatten request becomes: a plan by the books, a start, a refusal, a proposal; how it is shown."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from risksvc.core.events import Input, Ticked
from risksvc.core.flatten.events import FlattenStyle, FlattenTarget
from risksvc.core.incident.events import CauseNamed
from risksvc.core.types import MalformedInputError, Side
from risksvc.gate.feeds import FeedError
from risksvc.gate.flatten.keeper import FlattenKeeper
from risksvc.gate.flatten.operations import flatten, get_flatten, stop_flatten
from risksvc.gate.incident.settings import IncidentSettings
from risksvc.gate.operating import known_accounts
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import operator_pb2, types_pb2, venue_pb2
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, D
from tests.unit.gate.flatten_rig import Rig
from tests.unit.gate.flatten_venue import book_of
from tests.unit.gate.steps import order

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp

MAIN = types_pb2.Scope(account=ACCOUNT)


class Looking:
    """Feeds of which one is connected, and looks at what the rig's venue holds. `fails`: it can't."""

    def __init__(self, rig: Rig, *, can_place: bool = True) -> None:
        self.rig, self.fails, self.complete = rig, "", True
        self._link = SimpleNamespace(can_place=can_place)
        self.command = rig.command

    def link(self, account: str) -> Any:  # noqa: ANN401 - a stand-in
        return self._link if account == ACCOUNT else None

    async def assess(
        self, account: str, instruments: Sequence[str], *, within_seconds: float
    ) -> venue_pb2.FeedAssessment:
        assert (account, within_seconds > 0) == (ACCOUNT, True)
        await asyncio.sleep(0)
        if self.fails:
            raise FeedError(self.fails)
        held = [
            venue_pb2.FeedPosition(instrument=symbol, quantity=str(quantity))
            for symbol, quantity in self.rig.venue.positions.items()
            if quantity
        ]
        books = [_book(one) for one in instruments]
        return venue_pb2.FeedAssessment(positions=held, books=books, complete=self.complete)


def _book(symbol: str) -> venue_pb2.FeedBook:
    book = book_of(symbol)
    sides = [[venue_pb2.BookLevel(price=str(one.price), quantity=str(one.quantity)) for one in side]
             for side in (book.bids, book.asks)]  # fmt: skip
    return venue_pb2.FeedBook(instrument=symbol, bids=sides[0], asks=sides[1])


class Gate:
    """A gate over a rig."""

    def __init__(self, *, can_place: bool = True, linked: tuple[tuple[str, ...], ...] = ()) -> None:
        self.rig = Rig()
        self.feeds = Looking(self.rig, can_place=can_place)
        accounts = {ACCOUNT: SimpleNamespace(incident=IncidentSettings(linked=linked))}
        self.app = cast(
            "GateApp",
            SimpleNamespace(
                settings=SimpleNamespace(accounts=accounts),
                owner=self.rig.owner,
                feeds=self.feeds,
                clock=self.rig.clock,
                counters=SimpleNamespace(internal_errors=0),
            ),
        )

    def ask(self, *, by: str = "olga", **fields: Any) -> pb.FlattenResponse:  # noqa: ANN401 - the request's fields
        return asyncio.run(flatten(self.app, pb.FlattenRequest(**fields), by))

    def show(self, flatten_id: str = "") -> pb.Flatten:
        return asyncio.run(get_flatten(self.app, pb.GetFlattenRequest(flatten_id=flatten_id), "olga")).flatten


def holding(**changes: Any) -> Gate:  # noqa: ANN401
    gate = Gate(**changes)
    gate.rig.hold(BTC, "0.5")
    gate.rig.hold(ETH, "-7", strategy=BETA)
    return gate


def reasons(answer: pb.FlattenResponse) -> list[str]:
    return [operator_pb2.RefusalReason.Name(one.reason)[15:] for one in answer.refusals]


# -- the plan -------------------------------------------------------------------------------------------------------


def test_a_plan_shows_every_part_with_its_slices_and_what_they_cost() -> None:
    gate = holding()
    gate.rig.rest(BTC, Side.BUY, "0.1", D(49_000))

    answer = gate.ask(scope=MAIN)

    assert not answer.problems
    assert not answer.by_hand
    assert [one.client_order_id for one in answer.cancels] == ["r2"]
    first, second = answer.plan
    assert (first.instrument, first.strategy, first.position, first.quantity) == (BTC, ALPHA, "0.5", "0.5")
    assert (list(first.slices), first.limit_price) == (["0.5"], "49995")
    assert (first.cost, first.cost_at_once) == ("2.5", "2.5")
    assert (second.instrument, second.strategy, second.side) == (ETH, BETA, types_pb2.SIDE_BUY)
    assert not gate.rig.owner.state.flattens.by_id, "a plan changes nothing"


def test_with_one_account_it_need_not_be_named() -> None:
    assert len(holding().ask().plan) == 2


def test_an_instrument_brings_the_other_leg_of_its_hedge() -> None:
    gate = holding(linked=((ETH, BTC),))
    scope = types_pb2.Scope(account=ACCOUNT, instrument=BTC)
    assert [list(one.linked_with) for one in gate.ask(scope=scope).plan] == [[ETH], [BTC]]


def test_a_look_that_is_not_whole_gives_no_plan() -> None:
    gate = holding()
    gate.feeds.complete = False
    assert not gate.ask(scope=MAIN).plan
    gate.feeds.fails = "it hangs"
    answer = gate.ask(scope=MAIN)
    assert not answer.plan
    assert answer.problems == ["positions: it hangs"]


def test_a_position_that_moved_since_the_last_read_is_told() -> None:
    gate = holding()
    gate.rig.venue.positions[BTC] = D("0.9")
    gate.rig.venue.positions["NEW/USDT:USDT"] = D(1)
    told = gate.ask(scope=MAIN).problems
    assert f"{BTC}: the venue shows 0.9 now, the last complete read confirmed 0.5" in told
    assert "NEW/USDT:USDT: the venue shows 1 now, the last complete read confirmed 0" in told
    only = gate.ask(scope=types_pb2.Scope(account=ACCOUNT, instrument=ETH)).problems
    assert not only


def test_a_position_of_which_ledger_and_venue_say_different_things_is_told() -> None:
    gate = holding()
    gate.rig.venue.positions[BTC] = D("0.3")
    gate.rig.read()
    answer = gate.ask(scope=MAIN)
    assert any("ledger and venue differ (0.3 to 0.5): only the smaller end" in one for one in answer.problems)
    assert answer.plan[0].quantity == "0.3"


def test_before_the_first_read_and_before_adoption_it_says_so() -> None:
    gate = holding()
    book = gate.rig.owner.state.accounts[ACCOUNT]
    book.adopted = False
    assert any("not been adopted" in one for one in gate.ask(scope=MAIN).problems)
    book.snapshot_as_of = None
    assert any("no complete read" in one for one in gate.ask(scope=MAIN).problems)


def test_parts_that_offset_each_other_are_named() -> None:
    gate = holding()
    gate.rig.hold(BTC, "-0.2", strategy=BETA)
    assert any("offset each other" in one for one in gate.ask(scope=MAIN).problems)
    assert not gate.ask(scope=types_pb2.Scope(account=ACCOUNT, strategy=ALPHA)).problems


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scope": types_pb2.Scope(account="other")}, "not an account"),
        ({"participation": "101"}, "at most 100"),
        ({"collar": "51"}, "at most 50"),
        ({"execute": True}, "reason"),
        ({"confirm_proposal_id": "p1", "reason": "x"}, "leave all else empty"),
    ],
)
def test_what_can_not_be_read_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(MalformedInputError, match=says):
        holding().ask(**fields)


# -- starting -------------------------------------------------------------------------------------------------------


def test_what_is_started_is_what_was_asked_with_the_mids_of_its_books() -> None:
    gate = holding()
    gate.rig.halt()
    answer = gate.ask(
        scope=MAIN, execute=True, reason="drill", style=pb.FLATTEN_STYLE_MARKET, participation="5", collar="1"
    )
    assert answer.flatten_id == "g1-f1"
    asked = gate.rig.run_state().asked
    assert (asked.style, asked.target) == (FlattenStyle.MARKET, FlattenTarget.ZERO)
    assert (asked.participation, asked.collar) == (D(5), D(1))
    assert {one.instrument: one.price for one in asked.mids} == {BTC: D(50_000), ETH: D(25_000)}
    shown = gate.show()
    assert (shown.phase, list(shown.by), shown.reason) == (pb.FLATTEN_PHASE_READING, ["olga"], "drill")
    assert gate.show("g1-f1") == shown


def test_without_a_halt_it_is_refused_with_the_plan() -> None:
    answer = holding().ask(scope=MAIN, execute=True, reason="drill")
    assert reasons(answer) == ["NOT_HALTED"]
    assert answer.plan


def test_a_feed_that_may_not_place_leaves_the_orders_to_a_person() -> None:
    gate = holding(can_place=False)
    gate.rig.halt()
    answer = gate.ask(scope=MAIN, execute=True, reason="drill")
    assert reasons(answer) == ["ORDERS_NOT_ALLOWED"]
    assert answer.by_hand
    assert answer.plan
    assert not gate.rig.owner.state.flattens.by_id


def test_the_authorised_size_is_proposed_and_confirmed() -> None:
    gate = holding()
    gate.rig.halt()
    (incident,) = gate.rig.owner.state.incidents.by_id
    gate.rig.owner.submit(CauseNamed(incident, "a bug", fixed=True, by="olga"))
    asked: dict[str, Any] = {"scope": MAIN, "target": pb.FLATTEN_TARGET_AUTHORISED}
    assert len(gate.ask(**asked).plan) == 0, "what is held is intended"
    answer = gate.ask(**asked, execute=True, reason="drill")
    assert answer.proposal_id == "p1"
    assert reasons(gate.ask(confirm_proposal_id="p1")) == ["SAME_PERSON"]
    assert gate.ask(confirm_proposal_id="p1", by="rita").flatten_id == "g1-f1"


def test_stopping_ends_what_has_nothing_under_way() -> None:
    gate = holding()
    gate.rig.halt()
    flatten_id = gate.ask(scope=MAIN, execute=True, reason="drill").flatten_id
    request = pb.StopFlattenRequest(flatten_id=flatten_id, reason="enough")
    stopped = asyncio.run(stop_flatten(gate.app, request, "rita"))
    assert stopped.flatten.phase == pb.FLATTEN_PHASE_GAPS
    assert stopped.flatten.gaps[0] == "stopped by rita: enough"
    assert asyncio.run(stop_flatten(gate.app, request, "rita")).refusals


def test_one_that_is_not_known_is_refused() -> None:
    gate = holding()
    with pytest.raises(MalformedInputError, match="no flatten has been started"):
        gate.show()
    gate.rig.halt()
    gate.rig.request()
    with pytest.raises(MalformedInputError, match="known: g1-f1"):
        gate.show("x")


# -- carried on -----------------------------------------------------------------------------------------------------


async def test_the_keeper_carries_on_what_runs_and_ends_when_told_to() -> None:
    gate = holding()
    gate.rig.halt()
    gate.rig.request()
    keeper = FlattenKeeper(gate.app)
    gate.rig.owner.listeners.append(keeper.heard)
    keeping = asyncio.ensure_future(keeper.run())

    async def time_passes() -> None:
        while gate.rig.run_state().runs:
            await asyncio.sleep(0.001)
            await gate.rig.changed(0.2)

    async with asyncio.timeout(30):
        await time_passes()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    gate.rig.judge()
    shown = (await get_flatten(gate.app, pb.GetFlattenRequest(), "olga")).flatten
    assert shown.phase == pb.FLATTEN_PHASE_FLAT
    assert len(shown.certificate.reads) == 2
    assert {one.state for one in shown.orders} == {"FILLED"}


async def test_an_executor_that_fails_is_counted_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = holding()
    gate.rig.halt()
    gate.rig.request()
    tried: list[str] = []

    async def fails(_executor: object) -> None:
        tried.append("again")
        await asyncio.sleep(0)
        raise RuntimeError("a bug")

    monkeypatch.setattr("risksvc.gate.flatten.executor.FlattenExecutor.run", fails)
    monkeypatch.setattr("risksvc.gate.flatten.keeper.AGAIN_SECONDS", 0)
    monkeypatch.setattr("risksvc.gate.flatten.keeper.LOOK_SECONDS", 0.01)
    keeping = asyncio.ensure_future(FlattenKeeper(gate.app).run())
    async with asyncio.timeout(10):
        while len(tried) < 3:  # noqa: ASYNC110 - what is awaited is what a task does by itself
            await asyncio.sleep(0.01)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert gate.app.counters.internal_errors >= 2


@pytest.mark.parametrize(("event", "moves"), [(order(), False), (Ticked(), True)])
async def test_a_check_moves_no_flatten_so_that_a_flood_of_them_is_no_work(event: Input, *, moves: bool) -> None:
    gate = holding()
    gate.rig.owner.state.flattens.running["g1-f1"] = None
    keeper = FlattenKeeper(gate.app)
    waiting = asyncio.ensure_future(keeper.changed(10))
    await asyncio.sleep(0)
    keeper.heard(event, (), 0)
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert bool(done) is moves
    waiting.cancel()


@pytest.mark.parametrize("name", ["x" * 200_000, "\U0001f642" * 3_000])
def test_an_oversize_name_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(MalformedInputError, match="is not an account") as refused:
        known_accounts(holding().app, name)
    assert len(str(refused.value)) < 500
