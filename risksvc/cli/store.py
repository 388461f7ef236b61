"""`risksvc init --store`: begins the kill switch's store, or begins it again after its loss. An operator's step.

A generation that stands is never replaced. After a loss the halts and clears of this gate's latch go back into the
store with the old generation, so that no halt is lost. Needs the state folder, not a token: who may do this has the
machine.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from risksvc.cli.environment import read_environment
from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.settings_file import find_settings
from risksvc.core.types import RiskError
from risksvc.gate import starting
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.initialising import (
    InitialiseOutcome,
    NamespaceInitialised,
    initialise_namespace,
    new_generation,
)
from risksvc.gate.kill_switch.records import GLOBAL, Mark
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreError, StoreUnreachableError
from risksvc.gate.latch import LatchState, open_latch, read_latch
from risksvc.gate.store_place import is_private, store_address

ATTEMPTS, PAUSE_SECONDS = 5, 0.4
_WORDS = {
    InitialiseOutcome.CREATED: "created",
    InitialiseOutcome.RESTORED: "restored, with the halts that this gate has latched",
    InitialiseOutcome.STANDS: "stands, nothing was changed",
    InitialiseOutcome.OTHER_GENERATION: "IS NOT THE STORE THAT THIS GATE HAS SEEN, nothing was changed",
}


@dataclass(frozen=True, slots=True)
class StorePlace:
    """Whose store, and where. None: as the settings say."""

    settings: Path | None
    redis_url: str | None
    state_dir: Path | None


def initialise_store(out: Output, place: StorePlace, *, accept_other: bool) -> ExitCode:
    """Create or restore the store of a gate. Exit code NO: it holds another history than the gate has seen."""
    settings_path = find_settings(place.settings, read_environment())
    try:
        settings = starting.read_settings(starting.Start(settings_path, None, place.redis_url, place.state_dir))
        url = store_address(settings, place.redis_url, initialise=True)
        latch = settings.state_dir / "latch"
        done = asyncio.run(_initialise(url, (GLOBAL, *settings.accounts), _latched(latch)))
    except StoreError as error:
        private = is_private(settings, place.redis_url)
        hints = [Hint("risksvc serve", "the private store runs with its gate: start it, then again")] if private else []
        raise CliError(str(error), code=ExitCode.UNDECIDED, hints=hints) from error
    except RiskError as error:
        raise CliError(str(error), code=ExitCode.USAGE) from error
    _show(out, done)
    others = [each for each in done if each.outcome is InitialiseOutcome.OTHER_GENERATION]
    if others and accept_other:
        _accept(latch, others, gate_id=starting.identity(settings))
        out.line("accepted: from the next start this gate takes it for its own", style="bold yellow")
        return ExitCode.OK
    _next(out, settings_path, others=bool(others))
    return ExitCode.NO if others else ExitCode.OK


def _latched(path: Path) -> LatchState:
    state, problem = read_latch(path)
    if problem and path.exists():
        raise CliError(
            f"the latch {path} is damaged ({problem}): a halt may be missing in it, so nothing is restored from it",
            code=ExitCode.NO,
            hints=[Hint("risksvc serve", "starts halted, with a whole latch; then `risksvc init --store` again")],
        )
    return state


async def _initialise(url: StoreAddress, namespaces: Sequence[str], state: LatchState) -> list[NamespaceInitialised]:
    store, fresh = KillSwitchStore(url), new_generation()

    async def patiently(namespace: str) -> NamespaceInitialised:
        """A gate waits milliseconds, a person longer. What stands is never replaced, so once more is safe."""
        for _ in range(ATTEMPTS - 1):
            with suppress(StoreUnreachableError):
                return await initialise_namespace(store, namespace, state=state, fresh=fresh, gate_id="init")
            await asyncio.sleep(PAUSE_SECONDS)
        return await initialise_namespace(store, namespace, state=state, fresh=fresh, gate_id="init")

    try:
        return [await patiently(namespace) for namespace in namespaces]
    finally:
        await store.close()


def _accept(latch: Path, others: Sequence[NamespaceInitialised], *, gate_id: str) -> None:
    """Write the other generations into the latch; its own halts stay and are published there."""
    try:
        with open_latch(latch, gate_id=gate_id, now=time.time_ns(), expected=False) as opened:
            opened.write([Mark(each.namespace, each.generation, 0) for each in others])
    except RiskError as error:
        raise CliError(str(error), code=ExitCode.NO) from error


def _show(out: Output, done: Sequence[NamespaceInitialised]) -> None:
    result = table("namespace", "generation", "store")
    for each in done:
        name = "everything" if each.namespace == GLOBAL else f"account {each.namespace}"
        wrong = each.outcome is InitialiseOutcome.OTHER_GENERATION
        add_row(result, name, each.generation, _WORDS[each.outcome], style="bold red" if wrong else "")
    out.show(result)


def _next(out: Output, settings: Path, *, others: bool) -> None:
    if not others:
        out.next((("status", "--settings", str(settings)), "whether the gate has a lease now"))
        return
    out.line(
        "Check the address of the store first. Is it the right one, but was begun again without this gate's state?"
    )
    out.line("Then stop the gate, and take it over: halts that only the lost store knew are gone.")
    out.next((("init", "--store", "--accept-other", "--settings", str(settings)), "with the gate stopped"))
