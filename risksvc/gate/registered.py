"""The gates that share this gate's store, as their heartbeats describe them; and who among them is not like this one.

Only tells: nothing is denied because of what another gate runs. Limits and code are compared within an account, since
gates of different accounts may well have different limits files. A gate that fell silent a while ago is listed and
compared with nobody: it may be gone for good.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from risksvc.gate.app import GateApp
from risksvc.gate.kill_switch.follower import GateSeen, NamespaceStatus
from risksvc.gate.kill_switch.records import GLOBAL

FRESH_MS = 5_000  # longer than a store hiccups, shorter than anybody would wait for a gate that was taken away


@dataclass(frozen=True, slots=True)
class RegisteredGate:
    """A gate, and the accounts (of this gate's) whose namespaces it was seen in.

    `live`: not silent for longer than its lease and approvals last. `skewed`: fresh, serves an account of this gate,
    and runs other code or has other limits.
    """

    gate_id: str
    accounts: tuple[str, ...]
    seen: GateSeen
    live: bool
    skewed: bool


@dataclass(frozen=True, slots=True)
class Skew:
    """How many fresh gates of an account have other limits, or run other code, than this gate."""

    limits: int
    version: int


def registered_gates(app: GateApp) -> list[RegisteredGate]:
    """Every gate that was ever seen, by its id."""
    newest: dict[str, GateSeen] = {}
    accounts: dict[str, list[str]] = {}
    for namespace in app.kill_switch.status().namespaces:
        for gate_id, seen in namespace.gates.items():
            accounts.setdefault(gate_id, [])
            if namespace.namespace != GLOBAL:
                accounts[gate_id].append(namespace.namespace)
            if gate_id not in newest or seen.age_ms < newest[gate_id].age_ms:
                newest[gate_id] = seen
    return [_registered(app, gate_id, newest[gate_id], accounts[gate_id]) for gate_id in sorted(newest)]


def _registered(app: GateApp, gate_id: str, seen: GateSeen, accounts: list[str]) -> RegisteredGate:
    own = gate_id == app.gate_id
    live = own or seen.age_ms <= seen.bound_ms
    other = (seen.version, seen.limits_hash) != (app.version, app.owner.state.limits_hash)
    return RegisteredGate(gate_id, tuple(accounts), seen, live, bool(accounts) and not own and _fresh(seen) and other)


def skews(app: GateApp) -> Mapping[str, Skew]:
    """By account of this gate; 0 and 0 where all are alike."""
    found = {namespace.namespace: namespace for namespace in app.kill_switch.status().namespaces}
    return {account: _skew(app, found.get(account)) for account in app.settings.accounts}


def _skew(app: GateApp, namespace: NamespaceStatus | None) -> Skew:
    others = list(_others(app, namespace))
    return Skew(
        limits=sum(seen.limits_hash != app.owner.state.limits_hash for seen in others),
        version=sum(seen.version != app.version for seen in others),
    )


def _others(app: GateApp, namespace: NamespaceStatus | None) -> Iterator[GateSeen]:
    for gate_id, seen in ({} if namespace is None else namespace.gates).items():
        if gate_id != app.gate_id and _fresh(seen):
            yield seen


def _fresh(seen: GateSeen) -> bool:
    return seen.age_ms <= FRESH_MS
