"""The contacts file: who is told by what, what is only warned of, and that no address is ever shown."""

from pathlib import Path

import pytest

from risksvc.gate import templates
from risksvc.gate.telling.contacts_file import UNKNOWN_KIND, Contacts, load_contacts, parse_contacts

GOOD = Path(__file__).resolve().parents[2] / "fixtures" / "contacts" / "good.yaml"
TELLING = "slack://TOKENA/TOKENB/TOKENC"


def load(text: str, *, environment: dict[str, str] | None = None, path: Path = Path("contacts.yaml")) -> Contacts:
    return parse_contacts(f"version: 1\n{text}", path=path, environment=environment or {})


def channels(contacts: Contacts, name: str) -> list[tuple[str, str]]:
    person = next(one for one in contacts.recipients if one.name == name)
    return [(channel.label, channel.kind) for channel in person.channels]


def test_a_whole_file() -> None:
    contacts = load_contacts(GOOD)
    assert [(one.name, one.roles) for one in contacts.recipients] == [
        ("Tom Trader", ("traders", "risk")),
        ("Ed Engineer", ("engineering",)),
        ("Rita Risk", ("risk",)),
        ("Carl Compliance", ("compliance",)),
        ("Lea Leader", ("leadership",)),
        ("Eve Exchange", ("exchange_support",)),
    ]
    assert channels(contacts, "Tom Trader") == [("mailto", "mailto"), ("pager", "json")]
    assert [(one.venue, one.name, one.reach, one.participant_id) for one in contacts.support] == [
        ("bybit", "Eve Exchange", "@eve", "P-77")
    ]
    assert [one.name for one in contacts.addressed] == [one.name for one in contacts.recipients[:-1]]
    assert contacts.warnings == contacts.unusable == ()


def test_the_template_lists_nobody_and_is_valid() -> None:
    contacts = parse_contacts(templates.contacts_text(), path=Path("contacts.yaml"))
    assert contacts.recipients == ()
    assert len(contacts.warnings) == 6


def test_the_template_s_examples_are_valid() -> None:
    lines = templates.contacts_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#") and "[]" not in line)
    for role, first, many in (("traders", "Tom Trader", 7), ("exchange_support", "venue: bybit", 4)):
        begin = next(number for number, line in enumerate(lines) if first in line)
        example = [line.removeprefix("#") for line in lines[begin : begin + many] if line.startswith("#   ")]
        text += f"\n{role}:\n" + "\n".join(example)
    contacts = parse_contacts(text, path=Path("contacts.yaml"), environment={"RISKSVC_TOM_TELEGRAM": "tgram://1/2"})
    assert channels(contacts, "Tom Trader") == [(UNKNOWN_KIND, UNKNOWN_KIND), ("tgram", "tgram"), ("mail", "mailto")]
    assert contacts.support[0].participant_id == "12345678"


def test_two_channels_of_a_kind_are_told_apart() -> None:
    contacts = load("risk:\n  - {name: R, channels: ['json://a/1', 'json://a/2', {url: 'json://a/3', name: json}]}")
    assert channels(contacts, "R") == [("json", "json"), ("json-2", "json"), ("json-3", "json")]


def test_a_person_in_two_roles_is_told_once_by_each_channel() -> None:
    person = "[{name: R, phone: '%s', channels: ['json://a/1', {url_env: R}]}]"
    both = f"traders: {person % '1'}\nrisk: {person % '2'}"
    [only] = load(both, environment={"R": "json://b"}).recipients
    assert only.roles == ("traders", "risk")
    assert only.phone == "1"
    assert [channel.label for channel in only.channels] == ["json", "json-2"]


# -- secrets ------------------------------------------------------------------------------------------------------


def test_an_address_is_looked_up_for_its_kind_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{TELLING}\n")
    (tmp_path / "secret").chmod(0o600)
    text = "risk: [{name: R, phone: '1', channels: [{url_file: secret}, {url_env: R}]}]"
    contacts = load(text, environment={"R": "tgram://TOKEND/5"}, path=tmp_path / "contacts.yaml")
    assert channels(contacts, "R") == [("slack", "slack"), ("tgram", "tgram")]
    assert "TOKEN" not in repr(contacts)
    assert contacts.unusable == ()


def test_a_written_address_is_not_in_the_repr() -> None:
    contacts = load(f"risk: [{{name: R, channels: ['{TELLING}']}}]")
    assert "TOKEN" not in repr(contacts)
    assert contacts.recipients[0].channels[0].url == TELLING


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        (TELLING, True),
        ("mailto://u:TOKEN@example.com", True),
        ("json://example.com/?token=TOKEN", True),
        ("json://[TOKEN", True),
        ("https://hooks.example.com/TOKEN", True),
        ("mailto://example.com?from=a@example.com&to=b@example.com", False),
        ("json://127.0.0.1:8080/hook", False),
    ],
)
def test_a_secret_in_the_file_is_warned_of(url: str, *, warned: bool) -> None:
    contacts = load(f"risk: [{{name: R, phone: '1', channels: ['{url}']}}]")
    told = [str(one) for one in contacts.warnings if "channels" in one.key]
    assert bool(told) is warned
    assert all(one.startswith("contacts.yaml:2: risk[0].channels[0]: a ") for one in told)
    assert "TOKEN" not in "".join(told)


@pytest.mark.parametrize(
    ("channel", "why"),
    [
        ("{url_file: nothing}", "can't be read: No such file or directory"),
        ("{url_env: NOTHING}", "the environment variable NOTHING is not set"),
        ("{url_env: HALF}", "the environment variable HALF does not hold a channel's address (not shown)"),
        ("{url_file: open}", "every user of this machine has access to"),
    ],
)
def test_an_address_that_can_not_be_read_is_told_and_the_rest_stands(tmp_path: Path, channel: str, why: str) -> None:
    (tmp_path / "open").write_text(TELLING)
    (tmp_path / "open").chmod(0o644)
    text = f"risk: [{{name: R, phone: '1', channels: [{channel}, 'json://a/1']}}]"
    contacts = load(text, environment={"HALF": "TOKEN only"}, path=tmp_path / "contacts.yaml")
    assert channels(contacts, "R") == [(UNKNOWN_KIND, UNKNOWN_KIND), ("json", "json")]
    [problem] = contacts.unusable
    assert problem.key == "risk[0].channels[0]"
    assert why in problem.message
    assert "TOKEN" not in str(problem)


# -- what is missing ----------------------------------------------------------------------------------------------


def test_what_is_missing_is_warned_of() -> None:
    contacts = load("risk: [{name: R}]\ntraders: [{name: T, phone: '1'}]")
    told = {(one.key, one.message) for one in contacts.warnings}
    assert {key for key, text in told if text.startswith("nobody is listed")} == {
        "engineering",
        "compliance",
        "leadership",
        "exchange_support",
    }
    assert ("risk[0]", "R has no channel and is told nothing") in told
    assert ("risk[0]", "R has no phone: when the channels fail nobody can call") in told
    assert ("traders[0]", "T has no channel and is told nothing") in told
    assert ("traders[0]", "T has no phone: when the channels fail nobody can call") not in told
