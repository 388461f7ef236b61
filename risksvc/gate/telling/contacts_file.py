"""The contacts file: who is told of an incident, by which channels, and whom to call at the exchange.

Read, validated whole; a file with a mistake gives no contacts, and every mistake at once. Rule 1: no secret leaves this
module: of an address only its scheme is shown, and an error shows not even that of a broken one. Rule 2: an address
that is kept elsewhere stays there: it is looked at here to learn its kind, and read again by who sends. Rule 3: a
person who stands in several roles is told once by each channel.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from risksvc.gate.config_problems import ConfigFileError, FileProblem, ordered
from risksvc.gate.config_schema import read_section
from risksvc.gate.secret_files import SecretError, SecretSource, read_secret
from risksvc.gate.telling.contacts_schema import (
    ROLES,
    SUPPORT,
    ChannelSection,
    ContactsSection,
    PersonSection,
    scheme_of,
)
from risksvc.gate.yaml_lines import Document, KeyPath, UnreadableError, parse_document, read_document

UNKNOWN_KIND = "unknown"
# Kinds whose address holds no secret unless it has a password or a parameter that is named like one.
_OPEN_KINDS = frozenset(
    {"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "syslog", "rsyslog", "dbus"}
)
_SECRET_PARAMETER = re.compile(r"pass|token|secret|key|auth|sig", re.IGNORECASE)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^\s'\"]*")


class ContactsFileError(ConfigFileError):
    """The contacts file can't be used: whoever was told before is told still."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell somebody. `label` is unique for its recipient; no `url`: the address is where `source` says."""

    label: str
    kind: str
    source: SecretSource | None = None
    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is told. `roles`: the first is what metrics count under. `phone` empty: none is known."""

    name: str
    roles: tuple[str, ...]
    phone: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class SupportLine:
    """Whom to call at a venue, and what they know us by."""

    venue: str
    name: str
    reach: str
    participant_id: str


@dataclass(frozen=True, slots=True)
class Contacts:
    """A valid contacts file. `warnings`: what is missing; `unusable`: channels whose address can't be read now."""

    path: Path
    recipients: tuple[Recipient, ...]
    support: tuple[SupportLine, ...]
    warnings: tuple[FileProblem, ...] = ()
    unusable: tuple[FileProblem, ...] = ()

    @property
    def addressed(self) -> tuple[Recipient, ...]:
        """Those who have a channel."""
        return tuple(one for one in self.recipients if one.channels)


def load_contacts(path: Path, environment: Mapping[str, str] | None = None) -> Contacts:
    """Reads the file as it is now. Raises ContactsFileError with every mistake, and nothing else.

    `environment`: the process's own where none is given.
    """
    try:
        document = read_document(path)
    except UnreadableError as error:
        raise ContactsFileError((masked(error.problem),)) from None
    return _loaded(document, path, environment)


def parse_contacts(text: str, *, path: Path, environment: Mapping[str, str] | None = None) -> Contacts:
    """The same for a text that is not a file; `path` is what errors name."""
    try:
        document = parse_document(text, file=path)
    except UnreadableError as error:
        raise ContactsFileError((masked(error.problem),)) from None
    return _loaded(document, path, environment)


def masked(problem: FileProblem) -> FileProblem:
    """Whatever looks like an address, anywhere in it, is cut to its scheme."""
    return replace(problem, key=_cut(problem.key), message=_cut(problem.message))


def _cut(text: str) -> str:
    return _ADDRESS.sub(r"\1...", text)


def _loaded(document: Document, path: Path, environment: Mapping[str, str] | None) -> Contacts:
    section, problems = read_section(ContactsSection, document)
    if section is None:
        raise ContactsFileError(ordered((masked(one) for one in problems), file=path))
    reader = _Reader(document, path, environment)
    recipients = tuple(_merged(reader.recipients(section)))
    support = tuple(
        SupportLine(one.venue, one.name, one.phone or one.contact or "", one.participant_id)
        for one in section.exchange_support
    )
    warnings = (*_missing(document, section), *reader.warnings)
    return Contacts(path, recipients, support, warnings=tuple(sorted(warnings, key=_place)), unusable=reader.unusable)


def _place(problem: FileProblem) -> tuple[int, str]:
    return problem.line, problem.key


class _Reader:
    """Makes recipients of sections, and notes what is wrong with their addresses."""

    def __init__(self, document: Document, path: Path, environment: Mapping[str, str] | None) -> None:
        self._document = document
        self._folder = path.absolute().parent
        self._environment = environment
        self._found: list[FileProblem] = []
        self._unusable: list[FileProblem] = []

    @property
    def warnings(self) -> tuple[FileProblem, ...]:
        return tuple(self._found)

    @property
    def unusable(self) -> tuple[FileProblem, ...]:
        return tuple(self._unusable)

    def recipients(self, section: ContactsSection) -> Iterator[Recipient]:
        for role in ROLES:
            persons: tuple[PersonSection, ...] = getattr(section, role)
            for index, person in enumerate(persons):
                channels = tuple(self._channels((role, index), person.channels))
                yield Recipient(person.name, (role,), person.phone or "", channels)
        for index, line in enumerate(section.exchange_support):
            channels = tuple(self._channels((SUPPORT, index), line.channels))
            yield Recipient(line.name, (SUPPORT,), line.phone or line.contact or "", channels)

    def _channels(self, place: KeyPath, written: tuple[ChannelSection, ...]) -> Iterator[Channel]:
        for index, section in enumerate(written):
            yield self._channel((*place, "channels", index), section)

    def _channel(self, place: KeyPath, section: ChannelSection) -> Channel:
        problem = self._document.problem(place, "")
        if section.url is not None:
            kind = scheme_of(section.url) or UNKNOWN_KIND
            if _holds_secret(section.url):
                text = f"a {kind} address with a secret stands in this file; keep it in a file of its own: url_file"
                self._found.append(replace(problem, message=text))
            return Channel(section.name or kind, kind, url=section.url)
        file = None if section.url_file is None else self._folder / section.url_file
        source = SecretSource(problem.key, file=file, variable=section.url_env or "")
        kind = self._kind_of(source, problem)
        return Channel(section.name or kind, kind, source)

    def _kind_of(self, source: SecretSource, problem: FileProblem) -> str:
        try:
            kind = scheme_of(read_secret(source, self._environment))
        except SecretError as error:
            text = str(error).removeprefix(f"{source.key}: ")
            self._unusable.append(replace(problem, message=text))
            return UNKNOWN_KIND
        if kind is None:
            where = source.file or f"the environment variable {source.variable}"
            text = f"{where} does not hold a channel's address (not shown); allowed: one apprise URL and nothing else"
            self._unusable.append(replace(problem, message=text))
        return kind or UNKNOWN_KIND


def _holds_secret(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.password:
            return True
    except ValueError:
        return True
    named = any(_SECRET_PARAMETER.search(name) for name, _ in parse_qsl(parts.query))
    return named or (scheme_of(url) or "") not in _OPEN_KINDS


def _merged(every: Iterator[Recipient]) -> Iterator[Recipient]:
    """One recipient for each name; a channel that is written in two roles is one."""
    by_name: dict[str, Recipient] = {}
    for one in every:
        known = by_name.get(one.name)
        if known is None:
            by_name[one.name] = one
            continue
        seen = {_address(channel) for channel in known.channels}
        new = tuple(channel for channel in one.channels if _address(channel) not in seen)
        by_name[one.name] = Recipient(
            one.name, (*known.roles, *one.roles), known.phone or one.phone, (*known.channels, *new)
        )
    for one in by_name.values():
        yield replace(one, channels=tuple(_told_apart(one.channels)))


def _address(channel: Channel) -> tuple[object, ...]:
    if channel.source is None:
        return (channel.url,)
    return (channel.source.file, channel.source.variable)


def _told_apart(channels: tuple[Channel, ...]) -> Iterator[Channel]:
    taken: dict[str, int] = {}
    for channel in channels:
        count = taken[channel.label] = taken.get(channel.label, 0) + 1
        yield channel if count == 1 else replace(channel, label=f"{channel.label}-{count}")


def _missing(document: Document, section: ContactsSection) -> Iterator[FileProblem]:
    """What the file leaves open without being wrong."""
    roles: dict[str, tuple[PersonSection, ...]] = {role: getattr(section, role) for role in ROLES}
    everybody = [person for persons in roles.values() for person in persons]
    told = {person.name for person in everybody if person.channels}
    called = {person.name for person in everybody if person.phone}
    for role, persons in roles.items():
        if not persons:
            yield document.problem((role,), "nobody is listed: this role hears of an incident from somebody else, late")
        for index, person in enumerate(persons):
            if person.name not in told:
                yield document.problem((role, index), f"{person.name} has no channel and is told nothing")
            if person.name not in called:
                text = f"{person.name} has no phone: when the channels fail nobody can call"
                yield document.problem((role, index), text)
    if not section.exchange_support:
        text = "nobody is listed: find out who answers at your exchange, and your participant id, before you need it"
        yield document.problem((SUPPORT,), text)
