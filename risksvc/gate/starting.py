"""The pieces that `serve` wires, each made in one step: settings as overridden, identity, journal, store, limits.

Every failure here is a RiskError with one clear sentence: nothing has been served yet.
"""

import logging
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from risksvc.core.events import LimitsLoaded
from risksvc.gate.clock import Clock
from risksvc.gate.config_problems import LimitsFileError
from risksvc.gate.embedded_redis import EmbeddedRedis
from risksvc.gate.file_lock import private_folder
from risksvc.gate.gate_id_file import gate_id_file, read_gate_id
from risksvc.gate.journal import Journal
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.limits_file import load_limits
from risksvc.gate.limits_keeper import LimitsKeeper
from risksvc.gate.listeners import Listener
from risksvc.gate.owner import Owner
from risksvc.gate.recovery import recover
from risksvc.gate.replay import Replayed
from risksvc.gate.retention import Retention
from risksvc.gate.settings import Settings, load_settings
from risksvc.gate.state_folder import warning_of
from risksvc.gate.store_place import is_private, private_store, store_address
from risksvc.gate.tls import check_files

BY_START = "gate:start"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What `serve` was told, on top of the settings file. None: as the file says."""

    settings_path: Path
    limits_path: Path | None = None
    redis_url: str | None = None
    state_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Foundations:
    """What everything else stands on: settings, identity, the journal with the state that it gives, a clock."""

    settings: Settings
    gate_id: str
    journal: Journal
    replayed: Replayed
    clock: Clock


def found(start: Start) -> Foundations:
    """Reads, locks and replays; the caller closes the journal."""
    settings = read_settings(start)
    for listener in (settings.strategy, settings.operator, settings.venue):
        check_files(listener.tls)
    gate_id = identity(settings)
    journal, replayed = open_journal(settings)
    return Foundations(settings, gate_id, journal, replayed, clock_after(replayed))


def read_settings(start: Start) -> Settings:
    """The settings file, with what the command line says in its place."""
    settings = load_settings(start.settings_path)
    if start.limits_path is not None:
        settings = replace(settings, limits_path=start.limits_path.absolute())
    if start.state_dir is not None:
        settings = _moved(settings, start.state_dir.absolute())
    warning = warning_of(settings.state_dir)
    return replace(settings, warnings=(*settings.warnings, warning)) if warning else settings


def _moved(settings: Settings, state_dir: Path) -> Settings:
    """The state folder elsewhere, and the sockets that are relative to it."""

    def moved(listener: Listener) -> Listener:
        path = listener.path
        if path is None or not path.is_relative_to(settings.state_dir):
            return listener
        return replace(listener, path=state_dir / path.relative_to(settings.state_dir))

    return replace(
        settings,
        state_dir=state_dir,
        strategy=moved(settings.strategy),
        operator=moved(settings.operator),
        venue=moved(settings.venue),
    )


def identity(settings: Settings) -> str:
    """The gate's id: the settings', else the one made at the first start, kept in the state folder."""
    path = gate_id_file(private_folder(settings.state_dir))
    if settings.gate_id is not None:
        return settings.gate_id
    known = read_gate_id(settings.state_dir)
    if known is not None:
        return known
    made = f"gate-{secrets.token_hex(4)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{made}\n")
        file.flush()
        os.fsync(file.fileno())
    return made


def open_journal(settings: Settings) -> tuple[Journal, Replayed]:
    """The journal, recovered, and the state that it gives."""
    journal = Journal(
        settings.state_dir / "journal",
        durability=settings.durability.value,
        retention=Retention(settings.journal_keep_ns, settings.journal_max_bytes),
    )
    try:
        replayed = recover(journal)
    except BaseException:
        journal.close()
        raise
    report = journal.report
    if report.torn:
        _log.warning("the journal's tail was torn and cut: %s", report.torn)
    return journal, replayed


def clock_after(replayed: Replayed) -> Clock:
    """A clock that goes on where the journal ended."""
    clock = Clock(start_at_least=replayed.last + 1)
    if clock.ahead_of_wall:
        _log.warning(
            "the wall clock stands %d ms behind the journal; was it set back?", clock.ahead_of_wall // 1_000_000
        )
    return clock


def store_of(settings: Settings, redis_url: str | None) -> tuple[StoreAddress, EmbeddedRedis | None]:
    """The kill switch's store: the address said, the settings', or a private server to be started."""
    server = EmbeddedRedis(private_store(settings)) if is_private(settings, redis_url) else None
    return store_address(settings, redis_url), server


def load_first_limits(base: Foundations, owner: Owner) -> LimitsKeeper:
    """The limits file; where it can't be used, the limits of the journal, and without those no start."""
    keeper = LimitsKeeper(base.settings.limits_path)
    known = base.replayed.limits_loaded
    if known is not None and isinstance(known.input, LimitsLoaded):
        keeper.loaded_by, keeper.loaded_at = known.input.by, known.now
    try:
        loaded = load_limits(base.settings.limits_path)
    except LimitsFileError as error:
        if owner.state.limits is None:
            raise
        keeper.refused(error)
        _log.error("the limits file was refused, the limits of before stand: %s", error)
        return keeper
    if loaded.limits.hash == owner.state.limits_hash:
        keeper.text, keeper.warnings = loaded.text, loaded.warnings
        return keeper
    owner.submit(LimitsLoaded(loaded.limits, BY_START, "read at the start"))
    keeper.took(loaded, by=BY_START, at=base.clock.now())
    return keeper
