"""The settings file: read, validated whole, paths resolved; what each part of the service is started with comes out.

Relative paths are relative to the settings file; sockets to the state folder. Secrets are not read here: the settings
only know where they are (`risksvc.gate.secret_files`). Nothing is opened, made or connected.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from risksvc.core.config import RULES, AccountConfig, GateConfig, SecondPerson
from risksvc.core.limits import Limits
from risksvc.core.request_expiry import request_expiry
from risksvc.core.types import Nanoseconds
from risksvc.gate.config_problems import FileProblem, SettingsFileError, ordered
from risksvc.gate.config_schema import read_section
from risksvc.gate.engine.settings import EngineSettings
from risksvc.gate.incident.settings import IncidentSettings, hold_is_possible, incident_settings
from risksvc.gate.listen_schema import LISTENERS, ConnectSection, ListenerSection, ListenSection, PathSection
from risksvc.gate.listeners import Listener, endpoint_of, listener_of, other_gate
from risksvc.gate.operator_tokens import Operator
from risksvc.gate.redis_settings import RedisSettings, redis_settings
from risksvc.gate.secret_files import SecretSource
from risksvc.gate.settings_schema import (
    AccountKind,
    AccountSection,
    Durability,
    SettingsSection,
    VenueSection,
    max_age,
)
from risksvc.gate.settings_values import CREDENTIALS, MAX_SOCKET_PATH, SecretPlace
from risksvc.gate.yaml_lines import Document, KeyPath, UnreadableError, parse_document, read_document
from risksvc.tls.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Which exchange, by whose key. `exchange` is a ccxt id or "module:Name"; `key` is by ccxt's names (apiKey).

    `dead_man_ns`: without the venue process for so long, the venue cancels everything; 0: it does not.
    """

    exchange: str
    kind: AccountKind
    key: Mapping[str, SecretSource]
    base_url: str
    sandbox: bool
    allow_orders: bool
    dead_man_ns: Nanoseconds
    options: Mapping[str, object]
    urls: Mapping[str, object]
    quirks: Mapping[str, object]
    instruments: tuple[str, ...]
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often each thing is read at the venue. `fills_ns` 0: with the rest only."""

    positions_ns: Nanoseconds
    fills_ns: Nanoseconds
    marks_ns: Nanoseconds
    balances_ns: Nanoseconds
    deep_fills_ns: Nanoseconds
    markets_ns: Nanoseconds
    clock_ns: Nanoseconds
    stream_debounce_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One account: its venue, how often it is read, and what the core needs to know of that."""

    venue: VenueSettings
    cadence: Cadence
    config: AccountConfig
    incident: IncidentSettings = field(default_factory=IncidentSettings)


@dataclass(frozen=True, slots=True)
class Settings:
    """A valid settings file. Paths are absolute; `warnings` are one line each, and stop nothing.

    `gate_id` None: made at the first start. `redis` None: a private server in the state folder. `gates`: where the
    other gates listen for operators, by their ids. `operator_endpoint`, `venue_endpoint`: how this gate is reached.
    `contacts_path` None: nobody is told.
    """

    path: Path
    gate_id: str | None
    state_dir: Path
    limits_path: Path
    approval_validity_ns: Nanoseconds
    lease_ns: Nanoseconds
    poll_ns: Nanoseconds
    heartbeat_ns: Nanoseconds
    redis: RedisSettings | None
    gates: Mapping[str, Endpoint]
    strategy: Listener
    operator: Listener
    venue: Listener
    http: Listener
    operator_endpoint: Endpoint
    venue_endpoint: Endpoint
    accounts: Mapping[str, AccountSettings]
    operators: tuple[Operator, ...]
    second_person: SecondPerson
    cool_down_ns: Nanoseconds
    contacts_path: Path | None
    durability: Durability
    journal_keep_ns: Nanoseconds
    journal_max_bytes: int
    anchor_ns: Nanoseconds
    engine: EngineSettings
    warnings: tuple[str, ...]

    def gate_config(self, gate_id: str) -> GateConfig:
        """What the core needs of it. `gate_id`: this file's, or the one made at the first start."""
        return GateConfig(
            gate_id=gate_id,
            accounts={name: account.config for name, account in self.accounts.items()},
            approval_validity_ns=self.approval_validity_ns,
            second_person=self.second_person,
            cool_down_ns=self.cool_down_ns,
            rules=RULES,
        )

    def accounts_apart(self, limits: Limits) -> tuple[str, ...]:
        """A sentence for each account that only one of the two files has; no order of it can be approved."""
        unlimited = sorted(self.accounts.keys() - limits.accounts.keys())
        venueless = sorted(limits.accounts.keys() - self.accounts.keys())
        no_limits = "is in the settings, but not in the limits file: every order of it is denied"
        no_venue = "is in the limits file, but not in the settings: it has no venue, and every order of it is denied"
        return (
            *(f"account {name} {no_limits}" for name in unlimited),
            *(f"account {name} {no_venue}" for name in venueless),
        )


def load_settings(path: Path) -> Settings:
    """Reads the file as it is now. Raises SettingsFileError with every mistake, and nothing else."""
    try:
        document = read_document(path)
    except UnreadableError as error:
        raise SettingsFileError((error.problem,)) from error
    return _loaded(document, path)


def parse_settings(text: str, *, path: Path) -> Settings:
    """The same for a text that is not a file; `path` is what errors name and relative paths start from."""
    try:
        document = parse_document(text, file=path)
    except UnreadableError as error:
        raise SettingsFileError((error.problem,)) from error
    return _loaded(document, path)


def _loaded(document: Document, path: Path) -> Settings:
    section, problems = read_section(SettingsSection, document)
    if section is None:
        raise SettingsFileError(ordered(problems, file=path))
    return _Resolver(path.absolute().parent, section, document).settings(path)


@dataclass(frozen=True, slots=True)
class _Resolver:
    """Turns what is written into what is used: paths made absolute, gaps filled."""

    folder: Path
    section: SettingsSection
    document: Document

    def settings(self, path: Path) -> Settings:
        section = self.section
        problems = ordered((*self._long_sockets(), *self._shared_addresses(), *self._no_tls_there()), file=path)
        if problems:
            raise SettingsFileError(problems)
        return Settings(
            path=path,
            gate_id=section.gate.id,
            state_dir=self._state_dir,
            limits_path=self.folder / section.limits,
            approval_validity_ns=section.gate.approval_validity_ns,
            lease_ns=section.gate.lease_ns,
            poll_ns=section.gate.poll_ns,
            heartbeat_ns=section.watch.heartbeat_ns,
            redis=None if section.redis is None else redis_settings(section.redis, self.folder),
            gates={name: other_gate(written, self.folder) for name, written in section.gates.items()},
            strategy=self._listener("strategy"),
            operator=self._listener("operator"),
            venue=self._listener("venue"),
            http=self._listener("http"),
            operator_endpoint=endpoint_of(self._listener("operator"), section.connect.operator, self.folder),
            venue_endpoint=endpoint_of(self._listener("venue"), section.connect.venue, self.folder),
            accounts={name: self._account(name, account) for name, account in sorted(section.accounts.items())},
            operators=tuple(
                Operator(each.name, each.token_sha256, tuple(role.value for role in each.roles))
                for each in section.operators
            ),
            second_person=section.second_person,
            cool_down_ns=section.cool_down_ns,
            contacts_path=None if section.contacts is None else self.folder / section.contacts,
            durability=section.journal.durability,
            journal_keep_ns=section.journal.keep_ns,
            journal_max_bytes=section.journal.max_bytes,
            anchor_ns=section.journal.anchor_ns,
            engine=section.engine.read(),
            warnings=tuple(str(self.document.problem(key, text)) for key, text in _warnings(section)),
        )

    @property
    def _state_dir(self) -> Path:
        return self.folder / self.section.gate.state_dir

    def _listener(self, name: str) -> Listener:
        written: ListenerSection = getattr(self.section.listen, name)
        return listener_of(name, written, folder=self.folder, state_dir=self._state_dir)

    def _long_sockets(self) -> Iterator[FileProblem]:
        for key in LISTENERS:
            listener = self._listener(key)
            length = len(bytes(listener.path)) if listener.path is not None else 0
            if length > MAX_SOCKET_PATH:
                yield self.document.problem(
                    ("listen", key),
                    f"{listener.path} has {length} bytes; a socket's path has at most {MAX_SOCKET_PATH}. Choose a "
                    "shorter gate.state_dir, or write an absolute path here",
                )

    def _shared_addresses(self) -> Iterator[FileProblem]:
        first: dict[str, str] = {}
        for key in LISTENERS:
            target = self._listener(key).target
            other = first.setdefault(target, key)
            if other != key and not target.endswith(":0"):
                message = f"{target} is listen.{other} too; each needs its own, since each lets others in"
                yield self.document.problem(("listen", key), message)

    def _no_tls_there(self) -> Iterator[FileProblem]:
        """A file that says how to trust a listener which shows no certificate."""
        for name in ("operator", "venue"):
            path: PathSection = getattr(self.section.connect, name)
            if path.tls is not None and path.address is None and self._listener(name).tls is None:
                message = f"listen.{name} has no tls; give it one, or write the address that is meant beside this"
                yield self.document.problem(("connect", name, "tls"), message)

    def _account(self, name: str, written: AccountSection) -> AccountSettings:
        snapshot, marks = written.snapshot_max_age_ns, written.mark_max_age_ns
        config = AccountConfig(
            venue_window_ns=written.venue_window_ns,
            settle_ns=written.settle_ns,
            drift_reads=written.drift_reads,
            snapshot_max_age_ns=max_age(written.cadence.positions_ns) if snapshot is None else snapshot,
            mark_max_age_ns=max_age(written.cadence.marks_ns) if marks is None else marks,
            stale_denied_after_ns=written.stale_denied_after_ns,
            spot_baseline=dict(sorted(written.spot_baseline.items())),
            equity_tolerance=written.equity_tolerance,
            equity_tolerance_floor=written.equity_tolerance_floor,
        )
        return AccountSettings(
            venue=self._venue(name, written.venue),
            cadence=Cadence(**{each.name: getattr(written.cadence, each.name) for each in fields(Cadence)}),
            config=config,
            incident=incident_settings(written.calendar, written.linked, written.flatten),
        )

    def _venue(self, account: str, written: VenueSection) -> VenueSettings:
        return VenueSettings(
            exchange=written.exchange or written.class_path or "",
            kind=written.kind,
            key={CREDENTIALS[name]: self._secret(account, name, place) for name, place in written.key.items()},
            base_url=written.base_url or "",
            sandbox=written.sandbox,
            allow_orders=written.allow_orders,
            dead_man_ns=written.dead_man_ns or 0,
            options=written.options,
            urls=written.urls,
            quirks=written.quirks,
            instruments=written.instruments,
            stream=written.stream,
        )

    def _secret(self, account: str, name: str, place: SecretPlace) -> SecretSource:
        key = f"accounts.{account}.venue.key.{name}"
        if place.file:
            return SecretSource(f"{key}_file", file=self.folder / place.file)
        return SecretSource(f"{key}_env", variable=place.variable)


# -- what is allowed and worth a thought --------------------------------------------------------------------------


_ALONE = (
    "one operator alone can't clear a P0 or global halt, nor put a hold in force; list a second, or write "
    "second_person: none"
)
_NO_HOLD = (
    "nobody can put a hold in force: it takes two, one with the role engineering and one with risk (where the "
    "second_person is none, one with both); `roles: [engineering]` below a name gives one"
)


def _warnings(section: SettingsSection) -> Iterator[tuple[KeyPath, str]]:
    yield from _about_people(section)
    for name, account in section.accounts.items():
        exchange = account.venue.exchange or ""
        if exchange and not request_expiry(exchange).bounded:
            why = "an order that was approved before a halt and hangs on its way may be accepted there at any time"
            yield ("accounts", name, "venue", "exchange"), f"{exchange} refuses no order for being late: {why}"
    yield from _about_ports(section.listen, section.connect)


def _about_ports(listen: ListenSection, connect: ConnectSection) -> Iterator[tuple[KeyPath, str]]:
    for key in ("strategy", "venue"):
        written = getattr(listen, key)
        if not written.address.socket and (written.tls is None or written.tls.client_ca is None):
            yield ("listen", key), "a port: every user of this machine can connect; a unix socket has permissions"
    asks = {key: tls.client_ca for key in LISTENERS if (tls := getattr(listen, key).tls) is not None and tls.client_ca}
    if "venue" in asks and asks.get("strategy") == asks["venue"]:
        why = "every strategy's certificate could speak as a venue process; give them authorities of their own"
        yield ("listen", "venue", "tls", "client_ca"), f"is that of listen.strategy too: {why}"
    if "operator" in asks and (connect.operator.tls is None or connect.operator.tls.certificate is None):
        why = "no command that reads this file, halt included, shows one: write certificate and key there"
        yield ("listen", "operator", "tls", "client_ca"), f"asks for what connect.operator.tls does not name: {why}"


def _about_people(section: SettingsSection) -> Iterator[tuple[KeyPath, str]]:
    alone = section.second_person is SecondPerson.NONE
    if not section.operators:
        yield (
            ("operators",),
            "nobody is listed: nobody can halt, resume or look; `risksvc operator token NAME` adds one",
        )
    elif not alone and len(section.operators) == 1:
        yield ("operators",), _ALONE
    elif not hold_is_possible([one.roles for one in section.operators], alone=alone):
        yield ("operators",), _NO_HOLD
    if alone:
        yield ("second_person",), "none: one person alone clears P0 and global halts, after the cool-down"
