"""What is told of an event of the engine: which topics, which rows, and that they agree with what REST answers."""

from decimal import Decimal

from risksvc.venue.paper import forced
from risksvc.venue.paper.account_data import execution_list, open_orders, order_history, position_list, wallet_balance
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.pushes import Notes, batches, of_category
from risksvc.venue.paper.wire import Row
from tests.unit.venue.paper.builders import Venue

D = Decimal


class Heard:
    """A venue that somebody listens to."""

    def __init__(self) -> None:
        self.venue = Venue()
        self.woken = 0
        self.notes = Notes(self._wake)
        self.notes.audience.add("main")
        self.venue.engine.watch(self.notes)

    def _wake(self) -> None:
        self.woken += 1

    def take(self) -> dict[str, list[Row]]:
        noted = self.notes.take().get("main")
        return {} if noted is None else dict(batches(self.venue.engine, self.venue.account, noted))

    def call(self, **params: str) -> Call:
        return Call(engine=self.venue.engine, params=params, now_ms=self.venue.now_ms, account=self.venue.account)


def test_a_fill_is_told_with_the_rows_that_rest_answers_with() -> None:
    heard = Heard()
    heard.venue.order("Buy", "3", link_id="mine")
    told = heard.take()
    assert list(told) == ["order", "execution", "position", "wallet"]
    (order,) = told["order"]
    assert (order["orderStatus"], order["cumExecQty"], order["category"]) == ("Filled", "3", "linear")
    (listed,) = order_history(heard.call(category="linear"))["list"]
    assert order == {"category": "linear", **listed}
    assert told["execution"] == execution_list(heard.call(category="linear"))["list"][::-1]
    (position,) = told["position"]
    (held,) = position_list(heard.call(category="linear", settleCoin="USDT"))["list"]
    assert position.pop("entryPrice") == held.pop("avgPrice")
    assert position == held
    assert told["wallet"] == wallet_balance(heard.call(accountType="UNIFIED"))["list"]
    assert heard.woken == 1


def test_each_part_of_an_event_is_told_once_but_every_execution() -> None:
    heard = Heard()
    heard.venue.order("Buy", "5")
    told = heard.take()
    assert len(told["execution"]) == 3, "one for each level that was taken"
    assert len(told["order"]) == len(told["position"]) == len(told["wallet"]) == 1
    assert heard.take() == {}


def test_an_order_that_rests_is_told_without_a_fill() -> None:
    heard = Heard()
    order = heard.venue.order("Buy", "1", "49000")
    told = heard.take()
    assert list(told) == ["order", "wallet"], "the wallet keeps its margin back"
    (listed,) = open_orders(heard.call(category="linear", settleCoin="USDT"))["list"]
    assert told["order"] == [{"category": "linear", **listed}]
    heard.venue.amend(order, price="48000")
    assert heard.take()["order"][0]["price"] == "48000"
    heard.venue.cancel(order)
    assert heard.take()["order"][0]["orderStatus"] == "Cancelled"


def test_a_partial_fill_of_a_resting_order_is_told() -> None:
    heard = Heard()
    heard.venue.order("Sell", "9", "50100")
    heard.take()
    heard.venue.price("50110")
    told = heard.take()
    assert told["order"][0]["orderStatus"] == "PartiallyFilled"
    assert told["execution"][0]["isMaker"] is True


def test_a_reducing_order_that_is_cut_is_told() -> None:
    heard = Heard()
    heard.venue.order("Buy", "2")
    resting = heard.venue.order("Sell", "2", "51000", reduce_only=True)
    heard.take()
    heard.venue.order("Sell", "1.5")
    cut = next(row for row in heard.take()["order"] if row["orderId"] == resting.order_id)
    assert cut["qty"] == "0.5"


def test_what_nobody_asked_for_is_told_with_its_type() -> None:
    heard = Heard()
    engine, account = heard.venue.engine, heard.venue.account
    heard.venue.order("Buy", "2")
    heard.take()
    forced.fund(engine, engine.market("BTCUSDT"), D("0.0001"), accounts=[account])
    told = heard.take()
    assert ([row["execType"] for row in told["execution"]], "order" in told) == (["Funding"], False)
    assert {"position", "wallet"} <= set(told)
    forced.deleverage(engine, account, "BTCUSDT", qty=D(1))
    assert [row["execType"] for row in heard.take()["execution"]] == ["AdlTrade"]
    forced.liquidate(engine, account, "BTCUSDT", qty=D("0.5"))
    told = heard.take()
    assert told["execution"][0]["execType"] == "BustTrade"
    assert told["order"][0]["createType"] == "CreateByLiq"
    forced.transfer(engine, account, "USDT", D(-100))
    assert list(heard.take()) == ["wallet"]


def test_a_position_that_is_gone_is_told_as_flat() -> None:
    heard = Heard()
    heard.venue.order("Buy", "1")
    heard.take()
    heard.venue.order("Sell", "1")
    (position,) = heard.take()["position"]
    assert (position["side"], position["size"]) == ("", "0")


def test_nothing_is_noted_of_an_account_that_nobody_listens_to() -> None:
    heard = Heard()
    heard.notes.audience = {"other"}
    heard.venue.order("Buy", "1")
    assert (heard.notes.take(), heard.woken) == ({}, 0)


def test_rows_are_picked_by_category() -> None:
    rows: list[Row] = [{"category": "linear", "n": 1}, {"category": "spot", "n": 2}]
    assert of_category(rows, "") == rows
    assert of_category(rows, "spot") == rows[1:]
    assert of_category(rows, "inverse") == []
