"""Is this server fit to hold halts? Read from INFO, so that no user needs CONFIG (which would tell passwords); pure.

A check has three answers: fine, wrong (with what to type), or not told by this server, which some hosted ones do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Check(Enum):
    """What is looked at; the label of the metrics."""

    EVICTION = "eviction"
    APPEND_ONLY = "append_only"
    AOF_WRITES = "aof_writes"
    ROLE = "role"
    REPLICAS = "replicas"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `problem`: empty where it is fine; `unknown`: the server does not tell."""

    check: Check
    problem: str = ""
    unknown: bool = False

    @property
    def wrong(self) -> bool:
        """It is told, and not as it must be."""
        return bool(self.problem) and not self.unknown


@dataclass(frozen=True, slots=True)
class Inspection:
    """One server, inspected once. `run_id`: which start of it."""

    run_id: str
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in words, with what to type."""
        return tuple(each.problem for each in self.findings if each.wrong)

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """What this server does not tell."""
        return tuple(each.check for each in self.findings if each.unknown)


def inspect_server(info: Mapping[str, Any], lives_ms: Mapping[str, int], *, replicas: int) -> Inspection:
    """`info`: INFO's default sections; `lives_ms`: PTTL by key (-1: never expires, -2: no such key)."""
    found = [Finding(check, *_told(rule(info))) for check, rule in _RULES]
    found.append(Finding(Check.REPLICAS, *_told(_replicas(info, wanted=replicas))))
    found.append(Finding(Check.EXPIRY, _expiry(lives_ms)))
    return Inspection(str(info.get("run_id", "")), tuple(found))


def _told(problem: str | None) -> tuple[str, bool]:
    return ("", False) if problem == "" else (problem or "", problem is None)


def _eviction(info: Mapping[str, Any]) -> str | None:
    policy = info.get("maxmemory_policy")
    if policy in (None, "noeviction"):
        return None if policy is None else ""
    return (
        f"maxmemory-policy is {policy}: a full server would throw halts away. Now: CONFIG SET maxmemory-policy "
        "noeviction; for good: `maxmemory-policy noeviction` in redis.conf"
    )


def _append_only(info: Mapping[str, Any]) -> str | None:
    enabled = info.get("aof_enabled")
    if enabled is None:
        return None
    return (
        ""
        if str(enabled) == "1"
        else (
            "appendonly is no: a restart would lose halts. Now: CONFIG SET appendonly yes; for good: `appendonly yes` "
            "and `appendfsync always` in redis.conf"
        )
    )


def _aof_writes(info: Mapping[str, Any]) -> str | None:
    status = info.get("aof_last_write_status")
    if status is None:
        return None
    return "" if status == "ok" else f"the append-only file can't be written ({status}): look at the server's disk"


def _role(info: Mapping[str, Any]) -> str | None:
    role = info.get("role")
    if role is None:
        return None
    return "" if role == "master" else f"the server is a replica (role {role!r}): point redis.url at the primary"


def _replicas(info: Mapping[str, Any], *, wanted: int) -> str | None:
    if not wanted:
        return ""
    connected = info.get("connected_slaves")
    if connected is None:
        return None
    each = (info.get(f"slave{number}") for number in range(int(connected)))
    online = sum(1 for one in each if isinstance(one, Mapping) and one.get("state") == "online")
    if online < wanted:
        return (
            f"{online} replicas are online and redis.replicas asks for {wanted}: without them no lease is given. Start "
            "them (INFO replication shows them), or correct redis.replicas"
        )
    if 2 * (wanted + 1) <= int(connected) + 1:
        return (
            f"{connected} replicas are connected and redis.replicas asks for {wanted}: no majority, so a primary that "
            f"was cut off could go on giving leases. Set redis.replicas to {(int(connected) + 1) // 2}"
        )
    return ""


def _expiry(lives_ms: Mapping[str, int]) -> str:
    dying = [key for key, left in lives_ms.items() if left >= 0]
    if not dying:
        return ""
    return f"{', '.join(dying)} would expire, and nothing there may. Now: PERSIST {dying[0]}; then find who set it"


_RULES: tuple[tuple[Check, Callable[[Mapping[str, Any]], str | None]], ...] = (
    (Check.EVICTION, _eviction),
    (Check.APPEND_ONLY, _append_only),
    (Check.AOF_WRITES, _aof_writes),
    (Check.ROLE, _role),
)
