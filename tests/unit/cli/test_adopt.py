import grpc
import pytest

from risksvc.v1 import operator_pb2, venue_pb2
from risksvc.v1.operator_pb2 import AdoptItem, AdoptResponse, ReconcileResponse
from tests.unit.cli.builders import BTC, read
from tests.unit.cli.fake_gate import Cli, FakeGate

ETH = "ETH/USDT:USDT"
WHY = ["--cause", "manual-trade", "--reason", "closed by hand"]
TRADE = AdoptItem(instrument=BTC, trade_id="77", description="bought 4.65")
ORDER = AdoptItem(instrument=BTC, venue_order_id="v-9")
DRIFT = AdoptItem(instrument=ETH, position_quantity="-3")
ADOPTED = AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_ADOPTED, adopted=3)


@pytest.fixture
def unexplained(gate: FakeGate) -> FakeGate:
    gate.script("Reconcile", ReconcileResponse(results=[read(agrees=False, unexplained=[TRADE, ORDER, DRIFT])]))
    gate.script("Adopt", ADOPTED)
    return gate


def bare(item: AdoptItem, owner: str = "") -> AdoptItem:
    """As it is sent: without its description."""
    copy = AdoptItem()
    copy.CopyFrom(item)
    copy.description = ""
    copy.owner = owner
    return copy


def test_without_items_it_lists_and_changes_nothing(cli: Cli, unexplained: FakeGate) -> None:
    result = cli("adopt")
    assert result.exit_code == 1
    for words in (
        "Unexplained in account main (3)",
        "trade:77",
        "order:v-9",
        f"position:{ETH}",
        "venue less ledger: -3",
    ):
        assert words in result.stdout, words
    assert "risksvc adopt --account main --all --owner '<STRATEGY>'" in result.stdout
    assert not unexplained.asked("Adopt")
    assert len(cli.json("adopt", code=1)["results"][0]["unexplained"]) == 3


def test_nothing_to_adopt(cli: Cli, gate: FakeGate) -> None:
    gate.script("Reconcile", ReconcileResponse(results=[read()]))
    assert "Everything is explained" in cli("adopt").stdout
    assert cli("adopt").exit_code == 0
    assert cli("adopt", "--all", *WHY).exit_code == 0
    assert cli.json("adopt", "--all", *WHY)["adopted"] == 0
    assert not gate.asked("Adopt")


def test_all_names_each(cli: Cli, unexplained: FakeGate) -> None:
    result = cli("adopt", "--all", "--owner", "mm", *WHY)
    [request] = unexplained.asked("Adopt")
    assert result.exit_code == 0
    assert request.account == "main"
    assert list(request.items) == [bare(item, "mm") for item in (TRADE, ORDER, DRIFT)]
    assert (request.cause, request.reason) == ("manual-trade", "closed by hand")
    assert result.stdout.index("trade:77") < result.stdout.index("ADOPTED  3 items")
    assert "risksvc reconcile" in result.stdout


def test_selected_items(cli: Cli, unexplained: FakeGate) -> None:
    cli("adopt", "trade:77", f"position:{ETH}", "trade:77", *WHY)
    assert list(unexplained.asked("Adopt")[0].items) == [bare(TRADE), bare(DRIFT)]


def test_all_of_one_instrument(cli: Cli, unexplained: FakeGate) -> None:
    cli("adopt", "--all", "--instrument", ETH, *WHY)
    assert list(unexplained.asked("Adopt")[0].items) == [bare(DRIFT)]


def test_an_item_that_is_not_unexplained(cli: Cli, unexplained: FakeGate) -> None:
    result = cli("adopt", "trade:78", *WHY)
    assert result.exit_code == 1
    assert "'trade:78' is not unexplained in account main" in result.stderr
    assert not unexplained.asked("Adopt")


def test_a_trade_id_of_two_instruments(cli: Cli, gate: FakeGate) -> None:
    twin = AdoptItem(instrument=ETH, trade_id="77")
    gate.script("Reconcile", ReconcileResponse(results=[read(unexplained=[TRADE, twin])]))
    gate.script("Adopt", ADOPTED)
    assert cli("adopt", "trade:77", *WHY).exit_code == 2
    assert cli("adopt", "trade:77", "--instrument", ETH, *WHY).exit_code == 0
    assert list(gate.asked("Adopt")[0].items) == [bare(twin)]


def test_several_accounts_need_one_named(cli: Cli, gate: FakeGate) -> None:
    results = [read(unexplained=[TRADE]), read(account="b", unexplained=[DRIFT])]
    gate.script("Reconcile", ReconcileResponse(results=results))
    result = cli("adopt", "--all", *WHY)
    assert result.exit_code == 2
    assert "several accounts (main, b)" in result.stderr


def test_an_account_that_can_not_be_read_is_not_adopted(cli: Cli, gate: FakeGate) -> None:
    failed = operator_pb2.ReconcileResult(account="main", problem="timed out")
    gate.script("Reconcile", ReconcileResponse(results=[failed]))
    result = cli("adopt", "--all", *WHY)
    assert result.exit_code == 3
    assert "account main could not be read: timed out" in result.stderr
    assert cli("adopt").exit_code == 3


def test_a_proposal(cli: Cli, unexplained: FakeGate) -> None:
    unexplained.script("Adopt", AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_PROPOSED, proposal_id="p-3"))
    result = cli("adopt", "--all", *WHY)
    assert result.exit_code == 0
    assert "exposure would grow" in result.stdout
    assert "risksvc adopt --confirm p-3" in result.stdout


def test_confirming_names_the_proposal_and_nothing_else(cli: Cli, gate: FakeGate) -> None:
    gate.script("Adopt", ADOPTED)
    assert cli("adopt", "--confirm", "p-3").exit_code == 0
    assert gate.asked("Adopt") == [operator_pb2.AdoptRequest(confirm_proposal_id="p-3")]


@pytest.mark.parametrize(
    ("reason", "command"),
    [
        ("ITEM_MISMATCH", "risksvc adopt"),
        ("OWNER_UNKNOWN", "risksvc limits show"),
        ("NO_SNAPSHOT", "risksvc reconcile"),
    ],
)
def test_refused(cli: Cli, unexplained: FakeGate, reason: str, command: str) -> None:
    refusal = operator_pb2.Refusal(reason=operator_pb2.RefusalReason.Value(f"REFUSAL_REASON_{reason}"), message="no")
    unexplained.script("Adopt", AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_REFUSED, refusals=[refusal]))
    result = cli("adopt", "--all", *WHY)
    assert result.exit_code == 1
    assert reason in result.stdout
    assert command in result.stdout


def test_an_outcome_that_is_not_said_adopted_nothing(cli: Cli, unexplained: FakeGate) -> None:
    unexplained.script("Adopt", AdoptResponse())
    result = cli("adopt", "--all", *WHY)
    assert result.exit_code == 3
    assert "treat nothing as adopted" in result.stdout


def test_permission_denied(cli: Cli, unexplained: FakeGate) -> None:
    unexplained.script("Adopt", grpc.StatusCode.PERMISSION_DENIED)
    assert cli("adopt", "--all", *WHY).exit_code == 4


@pytest.mark.parametrize(
    "words",
    [
        ["--all"],
        ["--all", "--cause", "manual-trade"],
        ["trade:77", "--reason", "x"],
        ["trade:77", "--all", *WHY],
        ["--all", "--confirm", "p-3", *WHY],
        ["--all", "--owner", "<STRATEGY>", *WHY],
        ["--all", "--cause", "<manual-trade, first-start, lost-journal>", "--reason", "x"],
    ],
)
def test_adopt_used_wrongly_asks_nothing(cli: Cli, gate: FakeGate, words: list[str]) -> None:
    assert cli("adopt", *words).exit_code == 2
    assert not gate.requests


# -- lost orders and legs -----------------------------------------------------------------------------------------

LOST = AdoptItem(instrument=BTC, lost_client_order_id="c-7")
LEGS = [
    AdoptItem(instrument=BTC, position_quantity="1", leg=venue_pb2.POSITION_LEG_LONG),
    AdoptItem(instrument=BTC, position_quantity="-2", leg=venue_pb2.POSITION_LEG_SHORT),
]


@pytest.fixture
def hedged(gate: FakeGate) -> FakeGate:
    gate.script("Reconcile", ReconcileResponse(results=[read(agrees=False, unexplained=[LOST, *LEGS, TRADE])]))
    gate.script("Adopt", ADOPTED)
    return gate


def test_a_lost_order_is_adopted_by_its_client_order_id(cli: Cli, hedged: FakeGate) -> None:
    assert cli("adopt", "--lost-order", "c-7", *WHY).exit_code == 0
    assert list(hedged.asked("Adopt")[0].items) == [bare(LOST)]
    result = cli("adopt", "--lost-order", "c-8", *WHY)
    assert result.exit_code == 1
    assert "'lost:c-8' is not unexplained" in result.output


def test_lost_orders_and_legs_are_listed_as_they_are_typed(cli: Cli, hedged: FakeGate) -> None:
    text = cli("adopt").stdout
    for words in (
        "--lost-order c-7",
        "that it is finished",
        f"position:{BTC} --leg long",
        f"position:{BTC} --leg short",
    ):
        assert words in text, words


def test_of_two_legs_one_is_named(cli: Cli, hedged: FakeGate) -> None:
    result = cli("adopt", f"position:{BTC}", *WHY)
    assert result.exit_code == 2
    assert "add --leg" in result.output
    cli("adopt", f"position:{BTC}", "trade:77", "--leg", "short", *WHY)
    assert list(hedged.asked("Adopt")[0].items) == [bare(LEGS[1]), bare(TRADE)]


def test_a_lost_order_is_not_named_beside_all(cli: Cli, hedged: FakeGate) -> None:
    assert cli("adopt", "--all", "--lost-order", "c-7", *WHY).exit_code == 2
    assert not hedged.requests
