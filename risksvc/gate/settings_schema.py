"""The settings file as it is written: every key, and what it may hold.

What each means is said in `templates/risksvc.yaml`, for the people who write it. `risksvc.gate.settings` resolves paths
and hands the parts on. Limits are not here: they change more often, and under other eyes.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from risksvc.core.config import SecondPerson
from risksvc.core.types import MILLISECOND, ONE, SECOND, Nanoseconds
from risksvc.gate.config_problems import shown
from risksvc.gate.config_schema import Listed, Named, Section, raw_mapping, raw_value
from risksvc.gate.config_values import (
    DAY,
    MINUTE,
    AnyNumber,
    Currency,
    DurationRange,
    Name,
    NumberRange,
    Percent,
    SizeRange,
    Symbol,
    ZeroOrMore,
    choice,
    duration_text,
    refused,
)
from risksvc.gate.engine.settings import EngineSection
from risksvc.gate.incident.settings import CalendarSection, FlattenSection, LinkedGroups, RoleName, shared_legs
from risksvc.gate.listen_schema import ConnectSection, GateAddressSection, ListenSection
from risksvc.gate.redis_settings import RedisSection
from risksvc.gate.settings_values import (
    BaseUrl,
    ClassPath,
    Exchange,
    FilePath,
    KeyPlaces,
    Options,
    TokenHash,
    Truth,
    key_faults,
)
from risksvc.gate.yaml_lines import KeyPath

VERSION = "1"
# What is promised: no approval can be used later than this after a halt.
BOUND_NS = 500 * MILLISECOND
# A strategy stops by itself after so many heartbeats that did not come.
MISSED_HEARTBEATS = 3
HOUR = 60 * MINUTE

APPROVAL_VALIDITY, LEASE, POLL = 100 * MILLISECOND, 300 * MILLISECOND, 100 * MILLISECOND
HEARTBEAT = 100 * MILLISECOND
POSITIONS_EVERY, MARKS_EVERY = 2 * SECOND, SECOND
BALANCES_EVERY, CLOCK_EVERY = 30 * SECOND, 5 * MINUTE
STREAM_DEBOUNCE = 250 * MILLISECOND
MAX_AGE = 6 * SECOND  # of a snapshot and of marks, or this many cadences where they are slow:
MAX_AGE_CADENCES = 3
STALE_DENIED_AFTER = 30 * SECOND
JOURNAL_KEEP, JOURNAL_MAX_BYTES = 30 * DAY, 20 * 1024**3
ANCHOR_EVERY = 10 * SECOND

_MOMENT = DurationRange(10 * MILLISECOND, SECOND)
_CADENCE = DurationRange(100 * MILLISECOND, MINUTE)
_AGE = DurationRange(100 * MILLISECOND, HOUR)

Moment = Annotated[Nanoseconds, PlainValidator(_MOMENT)]
Cadence = Annotated[Nanoseconds, PlainValidator(_CADENCE)]
Sometimes = Annotated[Nanoseconds, PlainValidator(DurationRange(0, MINUTE))]
SlowCadence = Annotated[Nanoseconds, PlainValidator(DurationRange(SECOND, 24 * HOUR))]
Age = Annotated[Nanoseconds, PlainValidator(_AGE)]
Window = Annotated[Nanoseconds, PlainValidator(DurationRange(100 * MILLISECOND, MINUTE))]
DeadMan = Annotated[Nanoseconds, PlainValidator(DurationRange(5 * SECOND, 10 * MINUTE))]
Keep = Annotated[Nanoseconds, PlainValidator(DurationRange(SECOND, 3650 * DAY))]
MaxSize = Annotated[int, PlainValidator(SizeRange(256 * 1024**2, 1024**5))]
AnchorEvery = Annotated[Nanoseconds, PlainValidator(DurationRange(SECOND, HOUR))]
Settle = Annotated[Nanoseconds, PlainValidator(DurationRange(0, MINUTE))]
CoolDown = Annotated[Nanoseconds, PlainValidator(DurationRange(SECOND, HOUR))]
Reads = Annotated[int, PlainValidator(NumberRange(ONE, high=10 * ONE, whole=True)), AfterValidator(int)]


class Durability(Enum):
    """What a journaled decision survives before it is answered: the death of the process, or a power failure."""

    PROCESS = "process"
    POWER = "power"


class AccountKind(Enum):
    """What an account holds: contracts, or assets themselves."""

    DERIVATIVES = "derivatives"
    SPOT = "spot"


def _version(value: object) -> str:
    if value != VERSION:
        raise refused(f"{shown(value)} is not a version that this risksvc reads; allowed: {VERSION}")
    return VERSION


def _duration(section: dict[str, Any], key: str, default: Nanoseconds) -> Nanoseconds | None:
    """A duration as written, its default, or None where it can't be read (which is told elsewhere)."""
    return raw_value(DurationRange(0, 24 * HOUR), section[key]) if key in section else default


# -- the gate -----------------------------------------------------------------------------------------------------


class GateSection(Section):
    """The gate itself: who it is, where its memory is, how fast a halt takes effect."""

    id: Name | None = None
    state_dir: FilePath = "state"
    approval_validity_ns: Moment = Field(default=APPROVAL_VALIDITY, alias="approval_validity")
    lease_ns: Moment = Field(default=LEASE, alias="lease")
    poll_ns: Moment = Field(default=POLL, alias="poll")

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """What keeps the promise about halts."""
        poll, lease = _duration(section, "poll", POLL), _duration(section, "lease", LEASE)
        validity = _duration(section, "approval_validity", APPROVAL_VALIDITY)
        if poll is not None and lease is not None and 2 * poll > lease:
            why = "one poll that fails would end the lease, and everything would be denied"
            yield ("poll",), f"{duration_text(poll)} is above half of lease {duration_text(lease)}: {why}"
        if lease is not None and validity is not None and lease + validity > BOUND_NS:
            total, most = duration_text(lease + validity), duration_text(BOUND_NS)
            why = "after a halt, an approval can be used until both have passed"
            yield ("lease",), f"lease + approval_validity is {total}, at most {most} is allowed: {why}"


# -- accounts -----------------------------------------------------------------------------------------------------


class VenueSection(Section):
    """Which exchange, by whose key. Only the venue process uses it."""

    exchange: Exchange | None = None
    kind: Annotated[AccountKind, PlainValidator(choice(AccountKind))] = AccountKind.DERIVATIVES
    class_path: ClassPath | None = Field(default=None, alias="class")
    key: KeyPlaces = Field(default_factory=dict)
    base_url: BaseUrl | None = None
    sandbox: Truth = False
    allow_orders: Truth = False
    dead_man_ns: DeadMan | None = Field(default=None, alias="dead_man")
    options: Options = Field(default_factory=dict)
    urls: Options = Field(default_factory=dict)
    quirks: Options = Field(default_factory=dict)
    instruments: Listed[Symbol] = ()
    stream: Truth = True

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """One exchange; ccxt's own all need a key to read an account."""
        for name, message in key_faults(section.get("key")):
            yield ("key", name), message
        if ("exchange" in section) == ("class" in section):
            yield (), "needs one of exchange (a ccxt id) and class (module:Name)"
        if "exchange" in section and not section.get("key"):
            yield ("key",), "is missing; name where the key is: {api_key_file, secret_file}. A read-only key suffices"
        if "base_url" in section and section.get("sandbox") == "true":
            yield ("sandbox",), "can't be combined with base_url, which already says where the exchange is"


class CadenceSection(Section):
    """How often the account is read. `positions` is one complete read: fills, positions and orders, fills."""

    positions_ns: Cadence = Field(default=POSITIONS_EVERY, alias="positions")
    fills_ns: Sometimes = Field(default=0, alias="fills")
    marks_ns: Cadence = Field(default=MARKS_EVERY, alias="marks")
    balances_ns: SlowCadence = Field(default=BALANCES_EVERY, alias="balances")
    deep_fills_ns: SlowCadence = Field(default=MINUTE, alias="deep_fills")
    markets_ns: SlowCadence = Field(default=HOUR, alias="markets")
    clock_ns: SlowCadence = Field(default=CLOCK_EVERY, alias="clock")
    stream_debounce_ns: Moment = Field(default=STREAM_DEBOUNCE, alias="stream_debounce")

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """What is read with everything else needs no slower read of its own."""
        positions = _duration(section, "positions", POSITIONS_EVERY)
        fills = _duration(section, "fills", 0)
        if fills is None or positions is None:
            return
        if 0 < fills < _CADENCE.low:
            yield (
                ("fills",),
                f"{duration_text(fills)} is too often; allowed: 0, {duration_text(_CADENCE.low)} and more",
            )
        if fills >= positions:
            why = "a complete read includes the fills"
            yield ("fills",), f"{duration_text(fills)} must be shorter than positions {duration_text(positions)}: {why}"


class AccountSection(Section):
    """One account: its venue, and how long to wait for it."""

    venue: VenueSection
    cadence: CadenceSection = CadenceSection.model_validate(None)
    venue_window_ns: Window = Field(default=SECOND, alias="venue_window")
    settle_ns: Settle = Field(default=2 * SECOND, alias="settle")
    drift_reads: Reads = 3
    snapshot_max_age_ns: Age | None = Field(default=None, alias="snapshot_max_age")
    mark_max_age_ns: Age | None = Field(default=None, alias="mark_max_age")
    stale_denied_after_ns: Age = Field(default=STALE_DENIED_AFTER, alias="stale_denied_after")
    spot_baseline: Named[Currency, AnyNumber] = Field(default_factory=dict)
    equity_tolerance: Percent = Decimal("0.5")
    equity_tolerance_floor: ZeroOrMore = Decimal(25)
    calendar: CalendarSection | None = None
    linked: LinkedGroups = ()
    flatten: FlattenSection = FlattenSection.model_validate(None)

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """What is read must stay fresh until it is read again."""
        yield from shared_legs(section.get("linked"))
        cadence = raw_mapping(section.get("cadence"))
        for read, key, default in (
            ("positions", "snapshot_max_age", POSITIONS_EVERY),
            ("marks", "mark_max_age", MARKS_EVERY),
        ):
            every = _duration(cadence, read, default)
            age = _duration(section, key, max_age(every or 0))
            denied = _duration(section, "stale_denied_after", STALE_DENIED_AFTER)
            if every is not None and age is not None and age <= every:
                why = "or everything is stale before it is read again"
                yield (key,), f"{duration_text(age)} must be longer than cadence.{read} {duration_text(every)}, {why}"
            if denied is not None and age is not None and denied < age:
                why = "what is stale may first only reduce, and is then denied"
                yield ("stale_denied_after",), f"{duration_text(denied)} is below {key} {duration_text(age)}; {why}"


def max_age(every: Nanoseconds) -> Nanoseconds:
    """How old a read may be that comes at this cadence, where the file does not say."""
    return max(MAX_AGE, MAX_AGE_CADENCES * every)


# -- the rest -----------------------------------------------------------------------------------------------------


class OperatorSection(Section):
    """A person, known by a token."""

    name: Name
    token_sha256: TokenHash
    roles: Listed[RoleName] = ()

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Tokens themselves are never written."""
        if "token" in section:
            yield ("token",), "is never written here; write token_sha256, which `risksvc operator token NAME` prints"


class WatchSection(Section):
    """What strategies hear while nothing happens."""

    heartbeat_ns: Moment = Field(default=HEARTBEAT, alias="heartbeat")


class JournalSection(Section):
    """How firmly decisions are written down before they are answered, how long they are kept, how often vouched for."""

    durability: Annotated[Durability, PlainValidator(choice(Durability))] = Durability.PROCESS
    keep_ns: Keep = Field(default=JOURNAL_KEEP, alias="keep")
    max_bytes: MaxSize = Field(default=JOURNAL_MAX_BYTES, alias="max_size")
    anchor_ns: AnchorEvery = Field(default=ANCHOR_EVERY, alias="anchor")


def _some(accounts: dict[str, Any]) -> dict[str, Any]:
    if not accounts:
        raise refused("must name at least one account")
    return accounts


class SettingsSection(Section):
    """The whole file."""

    version: Annotated[str, PlainValidator(_version)]
    gate: GateSection = GateSection.model_validate(None)
    limits: FilePath = "limits.yaml"
    redis: RedisSection | None = None
    gates: Named[Name, GateAddressSection] = Field(default_factory=dict)
    listen: ListenSection = ListenSection.model_validate(None)
    connect: ConnectSection = ConnectSection.model_validate(None)
    accounts: Annotated[Named[Name, AccountSection], AfterValidator(_some)]
    operators: Listed[OperatorSection] = ()
    second_person: Annotated[SecondPerson, PlainValidator(choice(SecondPerson))] = SecondPerson.REQUIRED
    cool_down_ns: CoolDown = Field(default=MINUTE, alias="cool_down")
    contacts: FilePath | None = None
    watch: WatchSection = WatchSection.model_validate(None)
    journal: JournalSection = JournalSection.model_validate(None)
    engine: EngineSection = EngineSection.model_validate(None)

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Who acts must be known, and a silent gate noticed within a lease."""
        yield from _shared_by_operators(section.get("operators"))
        lease = _duration(raw_mapping(section.get("gate")), "lease", LEASE)
        heartbeat = _duration(raw_mapping(section.get("watch")), "heartbeat", HEARTBEAT)
        if lease is not None and heartbeat is not None and MISSED_HEARTBEATS * heartbeat > lease:
            why = "strategies stop after three missed heartbeats, which must not take longer than the lease"
            yield ("watch", "heartbeat"), f"{duration_text(heartbeat)} is above a third of gate.lease: {why}"


def _shared_by_operators(operators: object) -> Iterator[tuple[KeyPath, str]]:
    listed = operators if isinstance(operators, list) else []
    for key in ("name", "token_sha256"):
        texts = [raw_mapping(operator).get(key) for operator in listed]
        shared = Counter(text for text in texts if isinstance(text, str))
        for index, text in enumerate(texts):
            if isinstance(text, str) and shared[text] > 1:
                yield ("operators", index, key), "is the same for two operators; who acts must be known"
