"""The contacts file as it is written: every key, and what it may hold.

What it is for is said in `templates/contacts.yaml`, for the people who write it. Rule: an address of a channel may hold
a secret, so no error shows one; `risksvc.gate.telling.contacts_file` masks what else could.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator

from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Section, as_list, raw_mapping
from risksvc.gate.config_values import Name, refused
from risksvc.gate.settings_values import FilePath, Variable
from risksvc.gate.yaml_lines import KeyPath

VERSION = "1"
ROLES = ("traders", "engineering", "risk", "compliance", "leadership")
SUPPORT = "exchange_support"
MOST_CHANNELS = 200  # of the whole file: each is a thread of the notifier while it is tried
_PLACES = ("url", "url_file", "url_env")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://\S+")
_LONGEST_TEXT = 64
_EXAMPLES = (
    "allowed: an apprise URL such as mailtos://... or slack://... or its place: {url_file: PATH}, {url_env: NAME}"
)


def scheme_of(address: str) -> str | None:
    """The kind of channel, in lower case: all of an address that may be shown. None: it is not an address."""
    match = _SCHEME.fullmatch(address)
    return None if match is None else match[1].lower()


def _version(value: object) -> str:
    if value != VERSION:
        raise refused(f"{shown(value)} is not a version that this risksvc reads; allowed: {VERSION}")
    return VERSION


def _address(value: object) -> str:
    if not isinstance(value, str) or scheme_of(value) is None:
        raise refused(f"is not a channel's address (not shown: it may hold a secret); {_EXAMPLES}")
    return str(value)


def _words(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > _LONGEST_TEXT or not text.isprintable() or "://" in text:
        raise refused(f"must be words on one line, at most {_LONGEST_TEXT} characters, and no address")
    return text


def _channels(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise refused(f"must be a list of channels; {_EXAMPLES}")
    return as_list(value)


Words = Annotated[str, PlainValidator(_words)]


class ChannelSection(Section):
    """One channel: its address, or where that is; `name` tells two of a kind apart."""

    url: Annotated[str, PlainValidator(_address)] | None = None
    url_file: FilePath | None = None
    url_env: Variable | None = None
    name: Name | None = None

    @classmethod
    def written(cls, value: object) -> object:
        """An address alone is the channel."""
        if value is None or isinstance(value, list):
            raise refused(f"must be a channel; {_EXAMPLES}")
        return {"url": value} if isinstance(value, str) else value

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """One address, in one place."""
        written = [key for key in _PLACES if key in section]
        if not written:
            yield ("url",), f"is missing; {_EXAMPLES}"
        if "://" in str(section.get("url_file", "")):
            yield ("url_file",), "holds an address (not shown); it must name the file that the address is in"
        for key in written[1:]:
            yield (key,), f"is a second address; keep {written[0]}, or make it a channel of its own"


Channels = Annotated[tuple[ChannelSection, ...], BeforeValidator(_channels)]


class PersonSection(Section):
    """One person."""

    name: Words
    phone: Words | None = None
    channels: Channels = ()


class SupportSection(Section):
    """A venue's support line: a named person there, and what they know us by."""

    venue: Words
    name: Words
    phone: Words | None = None
    contact: Words | None = None
    participant_id: Words
    channels: Channels = ()

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """It must be possible to reach it."""
        if "phone" not in section and "contact" not in section:
            yield ("phone",), "is missing; write phone, or contact (a chat handle): how this person is reached at once"


def _items(value: object) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise refused("must be a list; each item begins with `- name:`")
    return as_list(value)


Persons = Annotated[tuple[PersonSection, ...], BeforeValidator(_items)]
Support = Annotated[tuple[SupportSection, ...], BeforeValidator(_items)]


class ContactsSection(Section):
    """The whole file."""

    version: Annotated[str, PlainValidator(_version)]
    traders: Persons = ()
    engineering: Persons = ()
    risk: Persons = ()
    compliance: Persons = ()
    leadership: Persons = ()
    exchange_support: Support = ()

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """In one role each name once; not more channels than the notifier tries at once."""
        count = 0
        for role in (*ROLES, SUPPORT):
            listed = section.get(role)
            persons = [raw_mapping(one) for one in listed] if isinstance(listed, list) else []
            names = Counter(text for one in persons if isinstance(text := one.get("name"), str))
            for index, person in enumerate(persons):
                channels = person.get("channels")
                count += len(channels) if isinstance(channels, list) else 0
                if isinstance(person.get("name"), str) and names[person["name"]] > 1:
                    yield (role, index, "name"), "is there twice in this role; deliveries are recorded by name"
        if count > MOST_CHANNELS:
            yield (), f"has {count} channels; at most {MOST_CHANNELS} are allowed"
