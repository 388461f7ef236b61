"""`risksvc assess`: what a person reads under stress, what a script learns, what to type next; and without a gate."""

import socket
from pathlib import Path

import grpc
import pytest

from risksvc.cli.exit_codes import ExitCode
from risksvc.v1 import types_pb2
from risksvc.v1.incident_pb2 import AccountAssessment, AssessedOrder, AssessResponse, InstrumentAssessment
from risksvc.v1.operator_pb2 import GetExposureResponse
from tests.unit.cli.builders import BTC, account_part, instrument_part, strategy_part
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate


def instrument(**changes: object) -> InstrumentAssessment:
    """Inside its band and limit, believed as it is."""
    values: dict[str, object] = {
        "instrument": BTC,
        "quantity": "0.5",
        "entry_price": "48000",
        "unrealised_pnl": "1000",
        "value": "25000",
        "believed": "0.5",
        "limit": "50000",
        "utilisation": "50",
        "ratio": "100",
        "mark": "50000",
        "mark_age_ms": 40,
        "bid": "49990",
        "ask": "50010",
        "spread_bps": "4",
        "depth": "12",
        "exit_cost_now": "5.001",
        "exit_cost_sliced": "2.5",
        "slices": 3,
        "beyond_book": "0",
    }
    return InstrumentAssessment(**{**values, **changes})  # type: ignore[arg-type]


def account(*instruments: InstrumentAssessment, **changes: object) -> AccountAssessment:
    values: dict[str, object] = {
        "account": "main",
        "currency": "USD",
        "total": "25000",
        "total_limit": "150000",
        "exit_cost_now": "5.001",
        "exit_cost_sliced": "2.5",
    }
    return AccountAssessment(instruments=instruments, **{**values, **changes})  # type: ignore[arg-type]


def page(*accounts: AccountAssessment, **changes: object) -> AssessResponse:
    values: dict[str, object] = {"at_ns": 1_800_000_000 * 10**9, "took_ms": 180, "complete": True}
    return AssessResponse(accounts=accounts, **{**values, **changes})  # type: ignore[arg-type]


def shown(cli: Cli, gate: FakeGate, answer: AssessResponse, *words: str) -> str:
    gate.script("Assess", answer)
    result = cli("assess", *words)
    assert result.exit_code == (0 if answer.complete else 3)
    return str(result.stdout)


def test_one_page(cli: Cli, gate: FakeGate) -> None:
    text = shown(
        cli, gate, page(account(instrument()), incident_id="g1-i1"), "--account", "main", "--incident", "g1-i1"
    )
    request = gate.asked("Assess")[0]
    assert (request.account, request.incident_id) == ("main", "g1-i1")
    assert gate.deadlines["Assess"] > 8, "longer than the gate gives its feeds"
    for words in (
        f"{BTC}  +0.5, long at 48,000 on average",
        "believed      +0.5",
        "worth         25,000.00, unrealised PnL +1,000.00",
        "limit         25,000.00 of 50,000.00",
        "intended      100 % of the intended size",
        "mark 50,000 (40 ms old), 49,990 / 50,010, spread 4 bp, 12 within 1 %",
        "to leave      5.01 now, 2.50 in 3 slices",
        "open orders: none",
        "total exposure 25,000.00 of 150,000.00",
        "recorded in incident g1-i1, which also says who was told",
        "risksvc decide --incident g1-i1",
    ):
        assert words in text, words
    assert "OUTSIDE" not in text
    assert "flatten" not in text.partition("Next:")[2].partition("decide")[0]


def test_outside_the_band_leads_to_flatten(cli: Cli, gate: FakeGate) -> None:
    worse = instrument(quantity="-4.15", value="-207500", believed="0", ratio="", outside_band=True)
    text = shown(cli, gate, page(account(worse, total="207500"), incident_id="g1-i1"))
    for words in (
        f"{BTC} of main is OUTSIDE ITS BAND (nothing is intended): the course is FLATTEN, whatever the market does",
        f"{BTC} of main: BELIEVED 0, AT THE VENUE -4.15: the venue is right",
        "WHICH IS WRONG",
        "207,500.00 of 50,000.00 OVER IT",
        f"{BTC} of main is OVER ITS LIMIT: 207,500.00 of 50,000.00",
        "risksvc decide --incident g1-i1",
        "-4.15, short",
    ):
        assert words in text, words
    assert "risksvc flatten" not in text  # by `decide`: it records, and names what has to go
    alone = shown(cli, gate, page(account(worse, total="207500")))
    assert f"risksvc flatten --account main --instrument {BTC}  #" in alone


def test_what_is_not_known_is_said_and_never_zero(cli: Cli, gate: FakeGate) -> None:
    unknown = InstrumentAssessment(instrument=BTC, believed="2", mark_age_ms=-1, problems=["what is held is NOT KNOWN"])
    broken = account(unknown, problem="positions: HTTP 503", total="", exit_cost_now="", remarks=["book: X: HTTP 503"])
    text = shown(cli, gate, page(broken, account(account="other", problem="positions: no feed"), complete=False))
    for words in (
        "account main NOT READ WHOLE: what is missing is UNKNOWN, not flat: positions: HTTP 503",
        f"account main: NOT KNOWN, which is not flat: {BTC}",
        f"{BTC}  unknown",
        "worth         unknown, unrealised PnL unknown",
        "no mark",
        "to leave      unknown",
        "open orders: unknown",
        "total exposure unknown of 150,000.00",
        "not known: book: X: HTTP 503",
        "risksvc assess --direct",
    ):
        assert words in text, words
    assert "flat: nothing is held" not in text
    assert "recorded nowhere: no incident is open" in text


def test_a_flat_account(cli: Cli, gate: FakeGate) -> None:
    text = shown(cli, gate, page(account()))
    assert "flat: nothing is held, nothing works, nothing is believed" in text
    assert "Next:" not in text


def test_believed_and_not_held(cli: Cli, gate: FakeGate) -> None:
    text = shown(cli, gate, page(account(instrument(quantity="0", value="0", ratio="", entry_price=""))))
    assert f"{BTC}  flat" in text
    assert "BELIEVED +0.5, AT THE VENUE 0" in text


def test_details_of_a_position(cli: Cli, gate: FakeGate) -> None:
    row = instrument(
        quantity="0",
        long_quantity="2",
        short_quantity="2",
        liquidation_price="31000",
        liquidation_distance="38.04",
        minutes_to_close=3156,
        beyond_book="1.5",
        slices=0,
    )
    text = shown(cli, gate, page(account(row)))
    for words in (
        "0, net of long 2 and short 2",
        "liquidation   at 31,000, 38.1 % away",
        "closes        in 3,156 min (2 d 4 h)",
        "THE BOOK DOES NOT TAKE 1.5 OF IT NOW",
        "2.50 in slices",
    ):
        assert words in text, words
    far = {"liquidation_price": "1", "liquidation_distance": "24968571.8"}
    text = shown(cli, gate, page(account(instrument(limit="", mark_age_ms=-1, **far))))
    assert "over 100 % away" in text
    assert "25,000.00, no limit is known" in text
    assert "mark 50,000 (age not known)" in text
    assert "risksvc halt --reason" in text, "something is held, and no incident is open"


def test_many_instruments_get_a_row_each(cli: Cli, gate: FakeGate) -> None:
    names = [f"X{number}/USDT:USDT" for number in range(6)]
    rows = [instrument(instrument=name, minutes_to_close=7, liquidation_distance="12.34") for name in names]
    odd = instrument(
        quantity="", value="", spread_bps="", depth="", mark_age_ms=-1, beyond_book="2", problems=["no book"]
    )
    text = shown(cli, gate, page(account(*rows, odd, total="200000")))
    row = next(line for line in text.splitlines() if line.startswith("X3"))
    for words in (
        "+0.5",
        "48,000",
        "25,000.00",
        "50 %",
        "100 %",
        "+1,000.00",
        "12.4 %",
        "40 ms",
        "4 bp",
        "5.01",
        "7 min",
    ):
        assert words in row, words
    row = next(line for line in text.splitlines() if line.startswith(BTC) and "no book" in line)
    assert "unknown" in row
    assert "the book does not take 2 now, no book" in row
    assert "account main is OVER ITS TOTAL: 200,000.00 of 150,000.00 OVER IT" in text


def test_what_is_flat_takes_one_line(cli: Cli, gate: FakeGate) -> None:
    flat = [
        instrument(instrument=f"X{number}", quantity="0", believed=believed) for number, believed in ((1, ""), (2, "0"))
    ]
    text = shown(cli, gate, page(account(*flat)))
    assert "flat: X1, X2" in text
    assert "to leave      " not in text


def test_open_orders(cli: Cli, gate: FakeGate) -> None:
    orders = [
        AssessedOrder(instrument=BTC, client_order_id="c1", side=types_pb2.SIDE_SELL, quantity="1", filled="0.2"),
        AssessedOrder(
            instrument=BTC, venue_order_id="v9", quantity="1", trigger_price="40000", reduce_only=True, unexplained=True
        ),
    ]
    text = shown(cli, gate, page(account(instrument(), open_orders=orders)))
    assert "2 open orders at the venue" in text
    row = next(line for line in text.splitlines() if "v9" in line)
    assert "40,000" in row
    assert "NO APPROVAL EXPLAINS IT" in row


def test_directly_the_orders_to_place_by_hand_are_named(cli: Cli, gate: FakeGate) -> None:
    legs = instrument(quantity="1", long_quantity="3", short_quantity="2", slices=1)
    rows = [instrument(), instrument(instrument="ETH", quantity="-7"), legs, instrument(instrument="X", quantity="0")]
    text = shown(cli, gate, page(account(*rows), direct=True))
    for words in (
        f"main: sell 0.5 {BTC} in 3 slices, reduce-only",
        "main: buy 7 ETH in 3 slices, reduce-only",
        f"main: sell 3 {BTC}, reduce-only",
        f"main: buy 2 {BTC}, reduce-only",
    ):
        assert words in text, words
    assert " X in" not in text
    assert "By hand" not in shown(cli, gate, page(account(), direct=True))


def test_one_that_was_not_recorded_says_why(cli: Cli, gate: FakeGate) -> None:
    text = shown(cli, gate, page(account(instrument()), not_recorded="the gate is closed"))
    assert "NOT RECORDED: the gate is closed" in text


def test_json_is_the_answer_itself(cli: Cli, gate: FakeGate) -> None:
    gate.script("Assess", page(account(instrument()), complete=False))
    document = cli.json("assess", code=int(ExitCode.UNDECIDED))
    assert document["complete"] is False
    assert document["accounts"][0]["instruments"][0]["quantity"] == "0.5"


def test_a_gate_that_can_not_names_the_way_without_it(cli: Cli, gate: FakeGate) -> None:
    gate.script("Assess", grpc.StatusCode.UNAVAILABLE)
    result = cli("assess", "--account", "main")
    assert result.exit_code == 3
    assert "risksvc assess --direct --account main" in result.stderr
    gate.script("Assess", grpc.StatusCode.INVALID_ARGUMENT)
    result = cli("assess")
    assert (result.exit_code, "--direct" in result.stderr) == (2, False)


# -- without the gate ----------------------------------------------------------------------------------------------

SETTINGS = """\
version: 1
accounts:
  main:
    venue:
      exchange: bybit
      base_url: {url}
      key: {{api_key_file: key, secret_file: secret}}
    spot_baseline: {{}}
  other:
    venue:
      exchange: bybit
      base_url: {url}
      key: {{api_key_file: missing, secret_file: secret}}
"""
SECRET = "s3cret-of-mine"  # noqa: S105 - to be looked for in what is printed


@pytest.fixture
def settings() -> Path:
    """Two accounts at a venue where nobody listens, one of them with an unreadable key; no limits file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name in ("key", "secret"):
        Path(name).write_text(SECRET)
        Path(name).chmod(0o600)
    path = Path("risksvc.yaml")
    path.write_text(SETTINGS.format(url=url))
    return path


def test_directly_everything_may_be_down_and_is_unknown(cli_alone: Cli, settings: Path) -> None:
    result = cli_alone("assess", "--direct")
    assert result.exit_code == 3
    for words in (
        "straight from the venue, without the gate",
        "account main NOT READ WHOLE",
        "account other NOT READ WHOLE",
        "positions: not read: markets:",
        "limits are not known",
        "beliefs are not known",
        "risksvc assess --direct",
    ):
        assert words in result.stdout, words
    assert SECRET not in result.output


def test_directly_a_named_account_must_be_readable_and_known(cli_alone: Cli, settings: Path) -> None:
    assert cli_alone("assess", "--direct", "--account", "other").exit_code == 4
    assert cli_alone("assess", "--direct", "--account", "nobody").exit_code == 2
    assert cli_alone("assess", "--direct", "--incident", "i1").exit_code == 2


def test_directly_beliefs_come_from_a_gate_that_answers(cli: Cli, gate: FakeGate, settings: Path) -> None:
    believing = instrument_part(strategies=[strategy_part(believed_position="3"), strategy_part(believed_position="")])
    gate.script("GetExposure", GetExposureResponse(accounts=[account_part(instruments=[believing])]))
    document = cli.json("assess", "--direct", "--account", "main", code=3, RISKSVC_OPERATOR_ADDRESS=gate.address)
    (one,) = document["accounts"]
    assert [(row["instrument"], row["believed"], row["quantity"]) for row in one["instruments"]] == [(BTC, "3", "")]
    assert not any("beliefs are not" in remark for remark in one["remarks"])
    gate.script("GetExposure", grpc.StatusCode.UNAVAILABLE)
    document = cli.json("assess", "--direct", "--account", "main", code=3, RISKSVC_TOKEN=TOKEN)
    assert any("beliefs are not known" in remark for remark in document["accounts"][0]["remarks"])
