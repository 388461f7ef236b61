"""Every mistake in a contacts file, by its own fixture: the line, the key, what is allowed; and never an address."""

from pathlib import Path

import pytest

from risksvc.gate.telling.contacts_file import ContactsFileError, load_contacts, parse_contacts

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "contacts"

EXAMPLES = (
    "allowed: an apprise URL such as mailtos://... or slack://... or its place: {url_file: PATH}, {url_env: NAME}"
)
ROLES = "allowed: version, traders, engineering, risk, compliance, leadership, exchange_support"
IS_IN_A_FILE = "(not shown); it must name the file that the address is in"
REACH = "write phone, or contact (a chat handle): how this person is reached at once"
NAMES = "is not a name; allowed: letters, digits, _ and -, a letter or digit first, at most 64"

# fixture -> every problem in it: line, key, message
MISTAKES: dict[str, list[tuple[int, str, str]]] = {
    "bad_address_as_key": [
        (4, "traders[0].channels[0].slack://...", "unknown key; allowed: url, url_file, url_env, name"),
        (4, "traders[0].channels[0].url", f"is missing; {EXAMPLES}"),
    ],
    "bad_channel_is_a_list": [
        (4, "traders[0].channels[0]", f"must be a channel; {EXAMPLES}"),
    ],
    "bad_channel_is_no_address": [
        (4, "traders[0].channels[0]", f"is not a channel's address (not shown: it may hold a secret); {EXAMPLES}"),
    ],
    "bad_channel_name": [
        (4, "traders[0].channels[0].name", f"'my pager' {NAMES}"),
    ],
    "bad_channel_with_two_addresses": [
        (4, "traders[0].channels[0].url_file", "is a second address; keep url, or make it a channel of its own"),
    ],
    "bad_channel_without_address": [
        (4, "traders[0].channels[0].url", f"is missing; {EXAMPLES}"),
    ],
    "bad_channels_not_a_list": [
        (4, "traders[0].channels", f"must be a list of channels; {EXAMPLES}"),
    ],
    "bad_empty": [
        (0, "", "is empty; `risksvc init` writes a commented file to start from"),
    ],
    "bad_everything_at_once": [
        (1, "version", "'2' is not a version that this risksvc reads; allowed: 1"),
        (2, "trader", f"unknown key (did you mean 'traders'?); {ROLES}"),
        (4, "risk[0].name", "is missing; it must be written"),
        (5, "risk[0].channels[0]", f"is not a channel's address (not shown: it may hold a secret); {EXAMPLES}"),
        (5, "risk[0].channels[1].url_file", "is a second address; keep url, or make it a channel of its own"),
        (6, "exchange_support", "must be a list; each item begins with `- name:`"),
    ],
    "bad_file_is_an_address": [
        (
            4,
            "traders[0].channels[0].url_file",
            f"holds an address {IS_IN_A_FILE}",
        ),
    ],
    "bad_missing_version": [
        (1, "version", "is missing; it must be written"),
    ],
    "bad_misspelled_role": [
        (2, "trader", f"unknown key (did you mean 'traders'?); {ROLES}"),
    ],
    "bad_name_is_an_address": [
        (3, "traders[0].name", "must be words on one line, at most 64 characters, and no address"),
    ],
    "bad_name_twice_in_a_role": [
        (3, "traders[0].name", "is there twice in this role; deliveries are recorded by name"),
        (4, "traders[1].name", "is there twice in this role; deliveries are recorded by name"),
    ],
    "bad_person_is_text": [
        (3, "traders[0]", "must be a mapping of keys to values; found 'slack://...'"),
    ],
    "bad_person_without_name": [
        (3, "traders[0].name", "is missing; it must be written"),
    ],
    "bad_persons_not_a_list": [
        (2, "traders", "must be a list; each item begins with `- name:`"),
    ],
    "bad_phone_too_long": [
        (4, "traders[0].phone", "must be words on one line, at most 64 characters, and no address"),
    ],
    "bad_support_not_a_list": [
        (2, "exchange_support", "must be a list; each item begins with `- name:`"),
    ],
    "bad_support_without_id": [
        (3, "exchange_support[0].participant_id", "is missing; it must be written"),
    ],
    "bad_support_without_reach": [
        (
            3,
            "exchange_support[0].phone",
            f"is missing; {REACH}",
        ),
    ],
    "bad_too_many_channels": [
        (0, "", "has 210 channels; at most 200 are allowed"),
    ],
    "bad_unknown_key_of_a_person": [
        (4, "traders[0].telephone", "unknown key (did you mean 'phone'?); allowed: name, phone, channels"),
    ],
    "bad_variable": [
        (4, "traders[0].channels[0].url_env", "must be the name of an environment variable, like BYBIT_SECRET"),
    ],
    "bad_version": [
        (1, "version", "'2' is not a version that this risksvc reads; allowed: 1"),
    ],
}


def test_every_fixture_is_listed_and_every_listed_one_exists() -> None:
    assert {path.stem for path in FIXTURES.glob("bad_*.yaml")} == MISTAKES.keys()


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(name: str) -> None:
    path = FIXTURES / f"{name}.yaml"
    with pytest.raises(ContactsFileError) as caught:
        load_contacts(path)
    assert [(one.line, one.key, one.message) for one in caught.value.errors] == MISTAKES[name]
    assert {one.file for one in caught.value.errors} == {str(path)}
    assert "TOKEN" not in str(caught.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ContactsFileError, match="can't be read: No such file"):
        load_contacts(FIXTURES / "nothing.yaml")


def test_a_text_that_is_no_yaml_shows_no_address() -> None:
    with pytest.raises(ContactsFileError, match="is not YAML") as caught:
        parse_contacts("traders: [slack://TOKENA/TOKENB", path=Path("contacts.yaml"))
    assert "TOKEN" not in str(caught.value)
