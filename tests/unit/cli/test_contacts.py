"""`risksvc contacts`: the file's mistakes, who is told now, and whether a test reached everybody."""

from pathlib import Path

import pytest

from risksvc.v1 import incident_pb2 as pb
from tests.unit.cli.fake_gate import Cli, FakeGate

GOOD = Path(__file__).resolve().parents[2] / "fixtures" / "contacts" / "good.yaml"
TOM = pb.Contact(role="traders", name="Tom", phone="+41 1", channels=["slack", "mailto"])
EVE = pb.Contact(role="exchange_support", name="Eve", phone="@eve", participant_id="P-77", venue="bybit")
TAKEN = pb.MessageDelivery(recipient="Tom", channel="slack", attempts=1, delivered_at_ns=1)
REFUSED = pb.MessageDelivery(recipient="Tom", channel="mailto", attempts=3, error="status 500")
GIVEN_UP = pb.MessageDelivery(recipient="Tom", channel="mailto", attempts=9, gave_up=True)


def test_check_of_a_good_file(cli_alone: Cli) -> None:
    result = cli_alone("contacts", "check", str(GOOD))
    assert result.exit_code == 0
    assert "valid; 5 recipients by 6 channels; nothing was sent" in result.stdout
    assert "risksvc contacts test --reason" in result.stdout
    document = cli_alone.json("contacts", "check", str(GOOD))
    assert document["valid"]
    assert document["recipients"][0] == {
        "name": "Tom Trader",
        "roles": ["traders", "risk"],
        "channels": ["mailto", "pager"],
    }


def test_check_tells_every_mistake_and_no_address(cli_alone: Cli) -> None:
    path = GOOD.parent / "bad_everything_at_once.yaml"
    result = cli_alone("contacts", "check", str(path))
    assert result.exit_code == 1
    assert f"{path}:2: trader: unknown key (did you mean 'traders'?)" in result.stdout
    assert "NOT VALID, 6 mistakes" in result.stdout
    assert "TOKEN" not in result.output
    document = cli_alone.json("contacts", "check", str(path), code=1)
    assert not document["valid"]
    assert len(document["errors"]) == 6


def test_check_tells_which_channel_would_tell_nobody(cli_alone: Cli) -> None:
    file = Path("contacts.yaml")
    file.write_text(
        "version: 1\nrisk:\n  - {name: R, channels: ['nonsense://TOKENA', {url_env: NOPE}, 'json://127.0.0.1']}\n"
    )
    result = cli_alone("contacts", "check", "contacts.yaml")
    assert result.exit_code == 1
    assert "R by nonsense: apprise does not know such a channel" in result.stdout
    assert "contacts.yaml:3: risk[0].channels[1]: the environment variable NOPE is not set" in result.stdout
    assert "valid, but 2 channels would tell nobody" in result.stdout
    assert "warning: contacts.yaml:3: risk[0]: R has no phone" in result.stdout
    assert "TOKEN" not in result.output
    assert len(cli_alone.json("contacts", "check", "contacts.yaml", code=1)["errors"]) == 2


def test_check_of_the_settings_file(cli_alone: Cli) -> None:
    cli_alone("init")
    assert "contacts.yaml: valid; 0 recipients" in cli_alone("contacts", "check").stdout
    settings = Path("risksvc.yaml")
    settings.write_text(settings.read_text().replace("contacts: contacts.yaml", ""))
    result = cli_alone("contacts", "check")
    assert result.exit_code == 1
    assert "names no contacts file: nobody is told of incidents" in result.stderr
    assert "contacts: contacts.yaml" in result.stderr


def test_show(cli: Cli, gate: FakeGate) -> None:
    answer = pb.GetContactsResponse(
        contacts=[TOM, EVE],
        path="/etc/contacts.yaml",
        problems=["contacts.yaml:1: risk: nobody is listed"],
        last_deliveries=[TAKEN, REFUSED],
        undelivered=1,
        notifier_up=True,
    )
    gate.script("GetContacts", answer)
    result = cli("contacts", "show")
    assert result.exit_code == 0
    for words in ("Tom", "slack, mailto", "@eve", "P-77", "bybit", "nobody is listed", "not yet", "status 500"):
        assert words in result.stdout, words
    assert "1 message not delivered yet" in result.stdout
    assert cli.json("contacts", "show")["notifier_up"] is True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (pb.GetContactsResponse(), "Nobody is told of incidents. Contacts file: none is named in the settings"),
        (pb.GetContactsResponse(path="/c.yaml", contacts=[EVE]), "Contacts file: /c.yaml"),
    ],
)
def test_show_where_nobody_is_told(cli: Cli, gate: FakeGate, answer: pb.GetContactsResponse, words: str) -> None:
    gate.script("GetContacts", answer)
    result = cli("contacts", "show")
    assert result.exit_code == 1
    assert words in result.stdout


def test_a_test_that_reached_everybody(cli: Cli, gate: FakeGate) -> None:
    gate.script("TestContacts", pb.TestContactsResponse(deliveries=[TAKEN]))
    result = cli("contacts", "test", "--reason", "first of the month")
    assert result.exit_code == 0
    assert "1 of 1 channels took it" in result.stdout
    assert gate.asked("TestContacts")[0].reason == "first of the month"
    assert gate.deadlines["TestContacts"] > 20
    assert cli.json("contacts", "test", "--reason", "x")["deliveries"]


def test_a_test_that_did_not(cli: Cli, gate: FakeGate) -> None:
    gate.script("TestContacts", pb.TestContactsResponse(deliveries=[TAKEN, REFUSED, GIVEN_UP]))
    result = cli("contacts", "test", "--reason", "x")
    assert result.exit_code == 1
    for words in ("1 of 3 channels took it", "gave up", "no answer yet", "risksvc contacts check"):
        assert words in result.stdout, words


def test_a_test_of_nobody(cli: Cli, gate: FakeGate) -> None:
    gate.script("TestContacts", pb.TestContactsResponse())
    result = cli("contacts", "test", "--reason", "x")
    assert result.exit_code == 1
    assert "Nobody was told" in result.stdout
