"""What one gate process is made of: the parts that its services, its HTTP side and its metrics share.

Only wiring: no behaviour lives here. Everything is used under the one lock (`engine.shared_loop`); `owner.submit` is
the only way to change the gate's state, `owner.state` may be read between two steps and is never written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from risksvc.core.types import Nanoseconds
from risksvc.gate.clock import Clock
from risksvc.gate.engine.settings import Standing
from risksvc.gate.feeds import Feeds
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.limits_keeper import LimitsKeeper
from risksvc.gate.owner import Owner
from risksvc.gate.publishing import HaltPublisher
from risksvc.gate.settings import Settings
from risksvc.gate.snapshot_keeper import SnapshotStats
from risksvc.gate.telling.notifying import Notifying
from risksvc.gate.tls import CertificateStanding
from risksvc.gate.watching import Watchers


@dataclass(slots=True)
class Counters:
    """Counted by the process itself, for status and metrics; everything else is counted by listening to the owner.

    `malformed` counts refused requests, `expired` those dropped because their deadline had passed, `late_loops` how
    often the event loop lagged so far that the lease was given up, `anchor_failures` anchors of the journal not told,
    `assessments_incomplete` looks at the venue that were not whole,
    `hold_reminders_blind` those reminders of a hold that could not say how everything stands.
    """

    malformed: int = 0
    expired: int = 0
    internal_errors: int = 0
    late_loops: int = 0
    feed_messages_refused: int = 0
    anchor_failures: int = 0
    assessments: int = 0
    assessments_incomplete: int = 0
    hold_reminders: int = 0
    hold_reminders_blind: int = 0


@dataclass(slots=True, kw_only=True)
class GateApp:
    """One running gate.

    `owner`: state and the way to change it; append to `owner.listeners` to hear every Input with its Outputs.
    `limits`: what file is in force, reloads, failures. `kill_switch`: lease and store. `publisher`: halts on their
    way out. `feeds`: connected venue feeds. `watchers`: strategies that follow their trading state. `notifying`: who
    is told of incidents, and how that goes. `snapshots`: how they stand. `addresses`: what listens where, by listener
    name ("strategy", "operator", "venue", "http"). `engine`: who serves strategies. `certificates`: how those of
    listeners with TLS stand, by listener name. `serving`: started, and not draining.
    """

    gate_id: str
    version: str
    settings: Settings
    clock: Clock
    owner: Owner
    kill_switch: KillSwitchFollower
    publisher: HaltPublisher
    limits: LimitsKeeper
    feeds: Feeds
    watchers: Watchers
    notifying: Notifying
    started_at: Nanoseconds
    counters: Counters = field(default_factory=Counters)
    snapshots: SnapshotStats = field(default_factory=SnapshotStats)
    addresses: Mapping[str, str] = field(default_factory=dict)
    certificates: dict[str, CertificateStanding] = field(default_factory=dict)
    engine: Standing = field(default_factory=Standing)
    serving: bool = False
