from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import (
    CancelAllResponse,
    GetExposureResponse,
    ListOpenOrdersResponse,
    ListReservationsResponse,
    ReconcileResponse,
)
from tests.unit.cli.builders import (
    BTC,
    account_part,
    divergence,
    instrument_part,
    order,
    read,
    reservation,
    strategy_part,
)
from tests.unit.cli.fake_gate import Cli, FakeGate


def exposure_of(*instruments: operator_pb2.InstrumentExposure, **changes: object) -> GetExposureResponse:
    return GetExposureResponse(accounts=[account_part(instruments=list(instruments), **changes)])


# -- positions ----------------------------------------------------------------------------------------------------


def test_positions_three_ways(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetExposure", GetExposureResponse(accounts=[account_part()]))
    result = cli("positions", "--account", "main")
    assert result.exit_code == 0
    assert gate.asked("GetExposure")[0].account == "main"
    header = next(line for line in result.stdout.splitlines() if line.startswith("instrument"))
    assert header.split()[1:4] == ["venue", "ledger", "belief"]
    row = next(line for line in result.stdout.splitlines() if line.startswith(BTC))
    assert row.split()[1:4] == ["+0.5", "+0.5", "+0.5"]
    assert "venue, ledger and belief agree" in result.stdout


def test_positions_that_differ(cli: Cli, gate: FakeGate) -> None:
    wrong = instrument_part(
        venue_position="4.65",
        unattributed="4.15",
        position_low="0.5",
        position_high="4.65",
        strategies=[strategy_part(believed_position="0")],
    )
    gate.script("GetExposure", exposure_of(wrong))
    text = cli("positions").stdout
    for words in (
        "VENUE ≠ LEDGER",
        "between +0.5 … +4.65",
        "mm BELIEVES OTHERWISE",
        "+4.15 UNATTRIBUTED",
        "1 of 1 differ",
    ):
        assert words in text, words


def test_what_nobody_said_is_not_zero(cli: Cli, gate: FakeGate) -> None:
    silent = instrument_part(strategies=[strategy_part(), strategy_part(strategy="arb", believed_position="")])
    gate.script("GetExposure", exposure_of(silent))
    text = cli("positions").stdout
    assert "+0.5 + ?" in text
    assert "not said" in text
    assert "arb HAS NOT SAID" in text
    assert "venue and ledger agree; 1 belief not said" in text


def test_an_account_that_was_never_read_is_not_flat(cli: Cli, gate: FakeGate) -> None:
    unread = instrument_part(venue_position="", ledger_position="0", value="0", strategies=[])
    gate.script("GetExposure", exposure_of(unread, snapshot_age_ms=-1))
    text = cli("positions").stdout
    for words in ("NO COMPLETE READ YET", "unknown", "VENUE NOT READ", "nothing was compared"):
        assert words in text, words
    assert "0.00" not in text
    assert "NO COMPLETE READ YET" in cli("exposure").stdout
    gate.script("GetExposure", exposure_of())
    assert "flat: nothing is held" in cli("positions").stdout


def test_no_such_account(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetExposure", GetExposureResponse())
    for command in ("positions", "exposure"):
        assert "no such account" in cli(command, "--account", "x").stdout


def test_flat_instruments_are_counted_not_listed(cli: Cli, gate: FakeGate) -> None:
    zero = dict.fromkeys(
        ("venue_position", "ledger_position", "position_low", "position_high", "worst_low", "worst_high", "exposure"),
        "0",
    )
    flat = [instrument_part(instrument=f"C{number}/USDT:USDT", strategies=[], **zero) for number in range(3)]
    gate.script("GetExposure", exposure_of(instrument_part(), *flat))
    assert "flat in 3 more instruments" in cli("positions").stdout
    assert "nothing held and nothing works in 3 more instruments" in cli("exposure").stdout
    assert "C1/" not in cli("positions").stdout + cli("exposure").stdout
    silent = instrument_part(strategies=[strategy_part(ledger_position="0", believed_position="1")], **zero)
    gate.script("GetExposure", exposure_of(silent))
    assert "mm BELIEVES OTHERWISE" in cli("positions").stdout


# -- exposure -----------------------------------------------------------------------------------------------------


def test_exposure_is_rounded_up_never_down(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetExposure", GetExposureResponse(accounts=[account_part()]))
    text = cli("exposure").stdout
    assert "43,000.01 of 150,000.00 USD" in text
    assert "87 %" in text
    assert "+0.5 … +1" in text


def test_outside_the_band_says_flatten(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetExposure", exposure_of(instrument_part(strategies=[strategy_part(band_high="0.4")])))
    assert "OUTSIDE ITS BAND: flatten" in cli("exposure").stdout
    gate.script("GetExposure", exposure_of(instrument_part(strategies=[strategy_part(band_high="0.5")])))
    assert "OUTSIDE" not in cli("exposure").stdout


def test_exposure_in_json_keeps_decimals_as_text(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetExposure", GetExposureResponse(accounts=[account_part()]))
    for command in ("exposure", "positions"):
        document = cli.json(command)
        assert document["accounts"][0]["total"] == "43000.001"
        assert document["accounts"][0]["instruments"][0]["venue_position"] == "0.5"


# -- orders, reservations, cancel-all -----------------------------------------------------------------------------


def test_orders(cli: Cli, gate: FakeGate) -> None:
    orders = [order(), order(client_order_id="", strategy="", explained=False, limit_price="")]
    gate.script("ListOpenOrders", ListOpenOrdersResponse(orders=orders))
    result = cli("orders", "--account", "main")
    assert result.exit_code == 0
    for words in ("2 orders can still fill", "UNEXPLAINED", "market", "v-1", "risksvc adopt", "risksvc cancel-all"):
        assert words in result.stdout, words
    assert cli.json("orders")["orders"][0]["side"] == "SIDE_BUY"
    gate.script("ListOpenOrders", ListOpenOrdersResponse())
    assert "No order can still fill" in cli("orders").stdout


def test_of_very_many_orders_the_unexplained_come_first(cli: Cli, gate: FakeGate) -> None:
    many = [order(client_order_id=f"c-{number}") for number in range(300)]
    gate.script("ListOpenOrders", ListOpenOrdersResponse(orders=[*many, order(client_order_id="odd", explained=False)]))
    text = cli("orders").stdout
    assert "... and 101 more; --json has them all" in text
    assert text.index("odd") < text.index("c-0")
    assert "c-250" not in text


def test_reservations(cli: Cli, gate: FakeGate) -> None:
    items = [reservation(), reservation(status="UNKNOWN", reserved="0.25")]
    gate.script("ListReservations", ListReservationsResponse(reservations=items))
    text = cli("reservations").stdout
    for words in (
        "2 reservations hold 64,501.00",
        "UNKNOWN",
        "1 min 30 s",
        "all its fills are known",
        "risksvc reconcile",
    ):
        assert words in text, words
    assert cli.json("reservations")["reservations"][1]["status"] == "UNKNOWN"
    gate.script("ListReservations", ListReservationsResponse())
    assert "Nothing is reserved" in cli("reservations").stdout


def test_cancel_all_by_hand_exits_1(cli: Cli, gate: FakeGate) -> None:
    gate.script("CancelAll", CancelAllResponse(by_hand=[order()], problem="the key is read-only"))
    result = cli("cancel-all", "--reason", "cause unknown", "--account", "main", "--include-protective")
    [request] = gate.asked("CancelAll")
    assert (request.reason, request.scope.account, request.include_protective) == ("cause unknown", "main", True)
    assert result.exit_code == 1
    assert "CANCEL BY HAND at the venue (1)" in result.stdout
    assert "the key is read-only" in result.stdout
    assert "risksvc orders --account main" in result.stdout
    assert gate.deadlines["CancelAll"] > 5


def test_cancel_all(cli: Cli, gate: FakeGate) -> None:
    gate.script("CancelAll", CancelAllResponse(cancelled=[order()]))
    assert cli("cancel-all", "--reason", "drill").exit_code == 0
    assert cli("cancel-all").exit_code == 2
    gate.script("CancelAll", CancelAllResponse())
    assert "no order to cancel" in cli("cancel-all", "--reason", "drill").stdout
    assert cli.json("cancel-all", "--reason", "drill")["kept"] == []


# -- reconcile ----------------------------------------------------------------------------------------------------


def test_reconcile_agrees(cli: Cli, gate: FakeGate) -> None:
    gate.script("Reconcile", ReconcileResponse(results=[read()]))
    result = cli("reconcile")
    assert result.exit_code == 0
    assert "AGREES  account main" in result.stdout
    assert "risksvc status  # what is still halted" in result.stdout
    assert gate.deadlines["Reconcile"] > 5


def test_reconcile_disagrees(cli: Cli, gate: FakeGate) -> None:
    item = operator_pb2.AdoptItem(instrument=BTC, trade_id="77", description="bought 4.65 at 43,000")
    answer = read(agrees=False, divergences=[divergence()], unexplained=[item])
    gate.script("Reconcile", ReconcileResponse(results=[answer]))
    result = cli("reconcile")
    assert result.exit_code == 1
    for words in ("DIFFERS  account main", "UNEXPECTED_FILL", "trade:77", "bought 4.65", "risksvc adopt"):
        assert words in result.stdout, words
    assert cli.json("reconcile", code=1)["results"][0]["agrees"] is False


def test_a_read_that_failed_is_never_taken_for_flat(cli: Cli, gate: FakeGate) -> None:
    failed = operator_pb2.ReconcileResult(account="main", problem="positions: timed out")
    gate.script("Reconcile", ReconcileResponse(results=[failed]))
    result = cli("reconcile")
    assert result.exit_code == 3
    assert "NO READ  account main: positions: timed out" in result.stdout
    assert "never taken for flat" in result.stdout
    gate.script("Reconcile", ReconcileResponse(results=[failed, read(account="b", agrees=False)]))
    assert cli("reconcile").exit_code == 1
    gate.script("Reconcile", ReconcileResponse())
    assert cli("reconcile").exit_code == 3
