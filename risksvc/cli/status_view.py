"""How `risksvc status` looks: the state big, what worries in red, then the parts, then what to type next."""

from collections.abc import Callable, Iterator, Sequence

from rich.panel import Panel
from rich.text import Text

from risksvc.cli.divergence_table import divergence_table
from risksvc.cli.halt_table import halt_table
from risksvc.cli.output import Cell, Output, add_row, table
from risksvc.cli.printable import printable
from risksvc.cli.text import (
    NONE,
    count,
    duration,
    milliseconds,
    moment,
    reason_names,
    scope_words,
    state_style,
    state_text,
    state_word,
    strictness,
)
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import AccountStatus, GetStatusResponse, JournalStatus, RegisteredGate

NextCommand = tuple[tuple[str, ...], str]
_WHY_SAFE = "<why it is safe>"
# More halts than this get one suggestion for all.
_MANY = 3


def show(out: Output, status: GetStatusResponse, *, address: str, incident: Sequence[NextCommand] = ()) -> None:
    """Print the whole status. `incident`: what to type about the open one; it comes first of what is next."""
    out.show(_banner(status))
    out.line(
        f"gate {status.gate_id} {status.version} at {address}, up {duration(status.now_ns - status.started_at_ns)}, "
        f"{moment(status.now_ns)}",
        style="dim",
    )
    for warning in status.warnings:
        out.line(f"! {warning}", style="bold red")
    for part in (_halts, _proposals, _accounts, _strategies, _divergences, _machinery, _gates):
        part(out, status)
    out.next(*_next(status, incident))


# -- the state, big -----------------------------------------------------------------------------------------------


def _banner(status: GetStatusResponse) -> Panel:
    state = _strictest(status)
    closed = "" if status.ready else " - CLOSED: nothing is approved"
    style = state_style(state) if status.ready else state_style(types_pb2.TRADING_STATE_HALTED)
    lines = [f"{_spaced(state_word(state))}{closed}", *_banner_reasons(status)]
    return Panel(Text(printable_lines(lines)), style=style, expand=False, padding=(0, 3))


def printable_lines(lines: list[str]) -> str:
    """Several lines, each made printable."""
    return "\n".join(printable(line) for line in lines)


def _spaced(word: str) -> str:
    return " ".join(word) if word.isalpha() else word


def _strictest(status: GetStatusResponse) -> "types_pb2.TradingState.ValueType":
    """The strictest state anywhere: a halted account must not hide behind a quiet whole."""
    states = [status.trading_state, *(account.trading_state for account in status.accounts)]
    states += [halt.state for halt in status.halts]
    return max(states, key=strictness)


def _banner_reasons(status: GetStatusResponse) -> Iterator[str]:
    for halt in status.halts:
        yield f"{state_word(halt.state)}: {scope_words(halt.scope)} - {halt.trigger} by {halt.by}: {halt.reason}"
    if status.closed_because:
        yield f"closed because {reason_names(status.closed_because)}"
    for account in status.accounts:
        if account.closed_because:
            yield f"account {account.account} closed because {reason_names(account.closed_because)}"
        if account.flatten_required:
            yield f"account {account.account}: FLATTEN REQUIRED, a position is outside its band"


# -- the parts ----------------------------------------------------------------------------------------------------


def _halts(out: Output, status: GetStatusResponse) -> None:
    if status.halts:
        out.heading(f"Halts in force ({len(status.halts)})")
        out.show(halt_table(status.halts, now_ns=status.now_ns))


def _proposals(out: Output, status: GetStatusResponse) -> None:
    if not status.proposals:
        return
    out.heading("Waiting for a second person")
    result = table("proposal", "kind", "by", "runs out in", "names", "reason", words=("names",))
    for proposal in status.proposals:
        left = duration(proposal.expires_at_ns - status.now_ns)
        add_row(
            result, proposal.proposal_id, proposal.kind, proposal.by, left, ", ".join(proposal.items), proposal.reason
        )
    out.show(result)


def _accounts(out: Output, status: GetStatusResponse) -> None:
    out.heading("Accounts")
    if not status.accounts:
        out.line("none: the gate has no account, nothing can be approved", style="red")
        return
    result = table(
        "account", "state", "closed because", "feed", "last complete read", "adopted", "unknown orders", "last failure"
    )
    for account in status.accounts:
        add_row(
            result,
            account.account,
            state_text(account.trading_state),
            reason_names(account.closed_because) or NONE,
            _worry(account.feed_software or "connected", "not connected", fine=account.feed_connected),
            _worry(f"{milliseconds(account.snapshot_age_ms)} ago", "never", fine=account.snapshot_age_ms >= 0),
            _worry("yes", "NO", fine=account.adopted),
            _worry("0", str(account.unknown_orders), fine=account.unknown_orders == 0),
            account.last_read_failure or NONE,
        )
    out.show(result)


def _worry(good: str, bad: str, *, fine: bool) -> Cell:
    return Text(printable(good)) if fine else Text(printable(bad), style="bold red")


def _strategies(out: Output, status: GetStatusResponse) -> None:
    rows = [(account.account, strategy) for account in status.accounts for strategy in account.strategies]
    if not rows:
        return
    out.heading("Strategies")
    result = table("account", "strategy", "state", "watching", "version", "beliefs")
    for account, strategy in rows:
        add_row(
            result,
            account,
            strategy.strategy,
            state_text(strategy.trading_state),
            "yes" if strategy.watching else "no",
            strategy.version or NONE,
            _worry("required", "NOT REQUIRED", fine=strategy.belief_required),
        )
    out.show(result)


def _divergences(out: Output, status: GetStatusResponse) -> None:
    divergences = [divergence for account in status.accounts for divergence in account.divergences]
    if divergences:
        out.heading("Belief, ledger and venue differ, or the venue is in doubt")
        out.show(divergence_table(divergences))


def _machinery(out: Output, status: GetStatusResponse) -> None:
    out.heading("Machinery")
    result = table("part", "state", "details")
    switch, limits, journal = status.kill_switch, status.limits, status.journal
    add_row(
        result,
        "kill switch",
        _worry(
            f"lease {milliseconds(switch.lease_ms)} left", switch.problem or "no lease", fine=_lease_is_good(status)
        ),
        f"{switch.store or NONE}, epoch {switch.epoch}; lease {milliseconds(switch.lease_length_ms)} + approval "
        f"{milliseconds(switch.approval_validity_ms)}: no approval is usable later than "
        f"{milliseconds(switch.bound_ms)} after a halt",
    )
    add_row(
        result,
        "limits",
        _worry(
            limits.hash[:12], "not loaded" if not limits.hash else "last reload failed", fine=_limits_are_good(status)
        ),
        f"{limits.path or 'no file'}, loaded {moment(limits.loaded_at_ns)} by {limits.loaded_by or NONE}, "
        f"{count(limits.reloads, 'reload')}, {limits.failures} failed"
        + (f"; {limits.last_error}" if limits.last_error else ""),
    )
    torn = f"; {journal.torn_bytes} bytes of a torn tail were cut at the last start" if journal.torn_bytes else ""
    add_row(
        result,
        "journal",
        f"{journal.entries:,} entries",
        f"{journal.path}, {journal.bytes:,} bytes, durable against {_durable_against(journal.durability)}, "
        f"{journal.recovered:,} entries recovered{torn}",
    )
    add_row(result, "state snapshot", *_snapshot(journal))
    out.show(result)


def _snapshot(journal: JournalStatus) -> tuple[Cell, str]:
    """How quickly the next start would know everything again."""
    if journal.snapshot_failed:
        return Text("failing", style="bold red"), f"{journal.snapshot_failed}; the next start may be refused"
    replayed = f"the last start applied {journal.replayed:,} entries again"
    if not journal.HasField("snapshot_age_ms"):
        return NONE, f"made when the first part of the journal is full; {replayed}"
    behind = f"{max(0, journal.entries - journal.snapshot_entries):,} entries since"
    return milliseconds(journal.snapshot_age_ms), f"{journal.snapshot_entries:,} entries in it, {behind}; {replayed}"


def _gates(out: Output, status: GetStatusResponse) -> None:
    """Every gate of the store; alone, a gate needs no table."""
    gates = status.kill_switch.gates
    if len(gates) < 2:  # noqa: PLR2004 - itself
        return
    out.heading(f"Gates of this store ({len(gates)})")
    result = table("gate", "state", "last heard", "accounts shared", "version", "limits", "run")
    for gate in gates:
        add_row(
            result,
            f"{gate.gate_id} (this one)" if gate.gate_id == status.gate_id else gate.gate_id,
            _gate_state(gate),
            f"{milliseconds(gate.age_ms)} ago",
            ", ".join(gate.accounts) or NONE,
            gate.version or NONE,
            gate.limits_hash[:12] or NONE,
            gate.incarnation[:8] or NONE,
        )
    out.show(result)


def _gate_state(gate: RegisteredGate) -> Cell:
    if gate.skewed:
        return Text("OTHER LIMITS OR CODE", style="bold red")
    return "live" if gate.live else Text("silent: can approve nothing", style="yellow")


def _durable_against(durability: str) -> str:
    return {"process": "a killed process", "power": "a power cut"}.get(durability, durability or "nothing known")


def _lease_is_good(status: GetStatusResponse) -> bool:
    return status.kill_switch.connected and status.kill_switch.lease_ms > 0


def _limits_are_good(status: GetStatusResponse) -> bool:
    return bool(status.limits.hash) and not status.limits.last_error


# -- what to type next --------------------------------------------------------------------------------------------


def _any_account(test: Callable[[AccountStatus], bool]) -> Callable[[GetStatusResponse], bool]:
    return lambda status: any(test(account) for account in status.accounts)


def _can_adopt(account: AccountStatus) -> bool:
    return not account.adopted and account.snapshot_age_ms >= 0


# (when, command, what for): every row that applies is printed, in this order.
_SUGGESTIONS: tuple[tuple[Callable[[GetStatusResponse], bool], NextCommand], ...] = (
    (lambda status: bool(status.halts), (("positions",), "what is really held")),
    (lambda status: bool(status.halts), (("orders",), "what can still fill")),
    (
        lambda status: bool(status.halts) or _any_account(lambda account: bool(account.divergences))(status),
        (("reconcile", "--explain"), "reads the venue now: what explains each difference, and what to type"),
    ),
    (
        _any_account(lambda account: account.flatten_required),
        (("assess",), "what has to go; then decide"),
    ),
    (_any_account(lambda account: account.flatten_required), (("exposure",), "which position is outside its band")),
    (_any_account(_can_adopt), (("adopt",), "what exists and is not explained")),
    (
        _any_account(lambda account: account.unknown_orders > 0),
        (("reservations",), "whose fate is not proven, and what proves it"),
    ),
)


def _next(status: GetStatusResponse, incident: Sequence[NextCommand]) -> list[NextCommand]:
    said = {words for words, _ in incident}
    result = [*incident]
    result += [one for applies, one in _SUGGESTIONS if applies(status) and one[0] not in said]
    result += [
        (("venue", "--account", account.account), "nobody reads this account: starts its venue process")
        for account in status.accounts
        if not account.feed_connected
    ]
    if status.limits.last_error:
        result.append((("limits", "check", status.limits.path), "every mistake with its line"))
    result += [
        ((proposal.kind, "--confirm", proposal.proposal_id), f"as another operator than {proposal.by}")
        for proposal in status.proposals
    ]
    return [*result, *_next_for_halts(status, led=bool(incident))]


def _next_for_halts(status: GetStatusResponse, *, led: bool) -> Iterator[NextCommand]:
    """`led`: an open incident's steps say when to resume; before that a resume is no step, and is refused."""
    named = {item for proposal in status.proposals for item in proposal.items}
    left = [halt for halt in status.halts if halt.halt_id not in named]
    if not status.halts:
        yield ("halt", "--reason", "<why>"), "stops everything"
    elif led:
        return
    elif len(left) > _MANY:
        yield ("resume", "--all", "--reason", _WHY_SAFE), f"proposes to clear all {len(status.halts)}, each named"
    else:
        for halt in left:
            yield ("resume", halt.halt_id, "--reason", _WHY_SAFE), f"clears {scope_words(halt.scope)}"
