"""The ways by which a halt travels, all at once, each with its own short deadline; any one of them is enough.

To a gate: its Halt RPC, under the operator's token. To the store: as a gate would write it, with no token at all. To
the latch of a gate that does not run: it comes back halted. Halting is easy on purpose: whoever can read the settings
file and reach the store can stop everything, and nobody can start anything again that way. No way waits for another; a
way that hangs is left behind, with more patience as long as nobody has taken the halt: this machine may be slow.
"""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.tls.endpoint import Endpoint, Tls
from risksvc.v1.operator_pb2 import (
    HALT_EFFECT_EFFECTIVE,
    HALT_EFFECT_LATCHED,
    HaltRequest,
    HaltResponse,
)

if TYPE_CHECKING:
    from risksvc.cli.target import Token
    from risksvc.core.trading_state import Halt
    from risksvc.gate.kill_switch.address import StoreAddress
    from risksvc.gate.kill_switch.store import KillSwitchStore
    from risksvc.gate.kill_switch.view import StoreView

# A gate answers within its bound (500 ms at most) and 100 ms; the store within 100 ms for each question, and it is
# asked for STORE_SECONDS who has the halt. Who is silent for SOON_SECONDS is left behind once somebody has taken it.
STORE_SECONDS = 0.7
SOON_SECONDS = 1.5
AT_LAST_SECONDS = 5.0
_AGAIN_SECONDS = 0.02
_ELSEWHERE = "scope.account"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one way. `taken` None: it was not needed, and says nothing against the halt.

    `gate_id`: of the gate at its end, as far as known. `missing` and `confirmed`: gates, as the far end sees them;
    `whole`: it could see all of them. `answer`: a gate's own.
    """

    path: str
    address: str
    taken: bool | None
    detail: str
    gate_id: str = ""
    code: ExitCode = ExitCode.OK
    whole: bool = False
    missing: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    answer: HaltResponse | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One way: what it is called, where it leads, and how it is gone. `go` may block; what it raises is told."""

    path: str
    address: str
    go: "Callable[[Way], Tried]"
    gate_id: str = ""
    tls: Tls | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Of a way to a gate: how it is spoken to."""
        return Endpoint(self.address, self.tls)

    def failed(self, detail: str, code: ExitCode = ExitCode.UNDECIDED) -> Tried:
        """It did not take the halt, as far as is known."""
        return Tried(self.path, self.address, taken=False, detail=detail, gate_id=self.gate_id, code=code)

    def not_needed(self, detail: str) -> Tried:
        """It has nothing to do with this halt."""
        return Tried(self.path, self.address, taken=None, detail=detail, gate_id=self.gate_id)


def go_all(ways: Sequence[Way], *, soon: float = SOON_SECONDS, at_last: float = AT_LAST_SECONDS) -> list[Tried]:
    """Goes every way at once; gives what became of each, in their order.

    After `soon` seconds at the latest when one has taken the halt, after `at_last` in any case.
    """
    done: queue.SimpleQueue[tuple[int, Tried]] = queue.SimpleQueue()
    started = time.monotonic()
    for index, way in enumerate(ways):
        # Daemons: one that hangs must not keep this process from ending.
        threading.Thread(target=lambda i=index, w=way: done.put((i, _go(w))), daemon=True).start()
    found: dict[int, Tried] = {}
    while len(found) < len(ways):
        patience = soon if any(tried.taken for tried in found.values()) else at_last
        try:
            index, tried = done.get(timeout=max(0.0, started + patience - time.monotonic()))
        except queue.Empty:
            break
        found[index] = tried
    waited = time.monotonic() - started
    return [found.get(index) or way.failed(f"no answer within {waited:.1f} s") for index, way in enumerate(ways)]


def _go(way: Way) -> Tried:
    try:
        return way.go(way)
    except CliError as error:
        return way.failed(error.message, ExitCode(error.exit_code))
    except Exception as error:  # noqa: BLE001 - one way must never spoil another
        return way.failed(str(error) or type(error).__name__)


# -- to a gate ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToGate:
    """By a gate's Halt RPC."""

    request: HaltRequest
    token: "Token"

    def __call__(self, way: Way) -> Tried:
        """Ask it; an account that it does not serve is none of its business."""
        from risksvc.cli.connection import connect  # noqa: PLC0415 - gRPC is loaded only when a gate is asked

        with connect(way.endpoint, self.token) as gate:
            try:
                answer = gate.ask(lambda stub: stub.Halt, self.request, seconds=AT_LAST_SECONDS)
            except CliError as error:
                if error.exit_code == ExitCode.USAGE and f" {_ELSEWHERE}:" in error.message:
                    return way.not_needed(f"does not serve account {self.request.scope.account}")
                raise
        return _answered(way, answer)


def _answered(way: Way, answer: HaltResponse) -> Tried:
    if answer.effect not in (HALT_EFFECT_EFFECTIVE, HALT_EFFECT_LATCHED):
        return way.failed("it answered without saying the effect: treat trading as not halted there")
    missing = tuple(answer.missing)
    if {"latch", "redis"} <= set(missing):
        return way.failed("it is in force there, but only in that process's memory: neither its disk nor Redis took it")
    return Tried(
        way.path,
        way.address,
        taken=True,
        detail=f"LATCHED, misses {', '.join(missing) or 'somebody'}" if missing or not _effective(answer) else "",
        gate_id=answer.gate_id or way.gate_id,
        whole=_effective(answer) or bool(missing and "redis" not in missing),
        missing=missing if missing or _effective(answer) else ("somebody who is not named",),
        confirmed=tuple(answer.confirmed),
        answer=answer,
    )


def _effective(answer: HaltResponse) -> bool:
    return answer.effect == HALT_EFFECT_EFFECTIVE


# -- to the store -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToStore:
    """Straight into the store at `url()`. `known`: the account is one of the settings; else the store must know it."""

    halt: "Halt"
    known: bool
    url: "Callable[[], str | StoreAddress]"

    def __call__(self, way: Way) -> Tried:
        """Write it, then watch who has it."""
        return asyncio.run(self._go(way))

    async def _go(self, way: Way) -> Tried:
        from risksvc.gate.kill_switch.store import KillSwitchStore  # noqa: PLC0415 - redis, only for this way
        from risksvc.gate.kill_switch.view import StoreError  # noqa: PLC0415

        store = KillSwitchStore(self.url())
        try:
            return await self._write(way, store)
        except StoreError as error:
            return way.failed(f"{error}: whether it has the halt is not known")
        finally:
            await store.close()

    async def _write(self, way: Way, store: "KillSwitchStore") -> Tried:
        from risksvc.gate.kill_switch.records import namespace_of  # noqa: PLC0415

        namespace, deadline = namespace_of(self.halt.scope), time.monotonic() + STORE_SECONDS
        if not self.known and not (await self._view(store, namespace)).generation:
            return way.failed(f"no gate of this store serves account {namespace}", ExitCode.USAGE)
        await store.add_new_halt(namespace, self.halt)
        first: dict[str, tuple[int, int]] = {}
        tried = self._stored(way, await self._view(store, namespace), first)
        while tried.taken and tried.missing and time.monotonic() < deadline:
            await asyncio.sleep(_AGAIN_SECONDS)
            tried = self._stored(way, await self._view(store, namespace), first)
        return tried

    async def _view(self, store: "KillSwitchStore", namespace: str) -> "StoreView":
        return await store.poll(namespace, gate_id="cli", heartbeat=None)

    def _stored(self, way: Way, view: "StoreView", first: dict[str, tuple[int, int]]) -> Tried:
        """What a view proves. `first`: each gate's heartbeat and since when it stands here, by this process's clock."""
        from risksvc.gate.kill_switch.effect import judge_effect  # noqa: PLC0415

        halt_id = self.halt.halt_id
        stands = view.halts.get(halt_id)
        if stands is None:
            return way.failed("it was taken and is gone again: was the store emptied?")
        if halt_id in view.clears:
            return way.failed(f"halt {halt_id} was cleared before; a new halt needs a new id", ExitCode.USAGE)
        if (stands.scope, stands.state) != (self.halt.scope, self.halt.state):
            return way.failed(f"halt {halt_id} is another one; a new halt needs a new id", ExitCode.USAGE)
        now = time.monotonic_ns()
        for gate_id, seen in view.seen.items():
            if first.get(gate_id, (None, 0))[0] != seen.at_ms:
                first[gate_id] = (seen.at_ms, now)
        silent_ns = {gate_id: now - since for gate_id, (_, since) in first.items()}
        effect = judge_effect(view, halt_id, own_id="", silent_ns=silent_ns)
        problem = "" if view.generation else "this store was never initialised, or was emptied: is it the right one?"
        return Tried(
            way.path,
            way.address,
            taken=True,
            detail=problem or (f"not yet at {', '.join(effect.missing)}" if effect.missing else ""),
            whole=bool(view.generation),
            missing=effect.missing,
            confirmed=effect.confirmed,
        )


# -- to the latch of a gate that does not run -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToLatch:
    """Into the latch of the settings' gate, if nobody holds it: then it does not run, and comes back halted."""

    halt: "Halt"
    now_ns: int = field(default_factory=time.time_ns)

    def __call__(self, way: Way) -> Tried:
        """Write it; whatever the folder already says stays."""
        from risksvc.gate.file_lock import LockedError  # noqa: PLC0415 - only for this way
        from risksvc.gate.latch import LatchWriteError, open_latch  # noqa: PLC0415

        path = Path(way.address)
        ran_before = _has_entries(path.parent / "journal")
        if not ran_before and not path.exists():
            return way.not_needed("no gate has ever run with this state folder")
        try:
            with open_latch(path, gate_id=way.gate_id, now=self.now_ns, expected=ran_before) as latch:
                latch.write([self.halt])
                stands = latch.state.uncleared.get(self.halt.halt_id)
        except LockedError as error:
            return way.not_needed(f"its gate runs (process {error.pid}), and has to take it by itself")
        except LatchWriteError as error:
            return way.failed(str(error))
        finally:
            _give_back(path)
        if stands is None or (stands.scope, stands.state) != (self.halt.scope, self.halt.state):
            problem = f"halt {self.halt.halt_id} was cleared before, or is another one; a new halt needs a new id"
            return way.failed(problem, ExitCode.USAGE)
        return Tried(
            way.path,
            way.address,
            taken=True,
            detail="its gate does not run, so it approves nothing; it comes back halted",
            gate_id=way.gate_id,
            confirmed=(way.gate_id,) if way.gate_id else (),
        )


def _has_entries(folder: Path) -> bool:
    return folder.is_dir() and any(one.is_file() and one.stat().st_size for one in folder.iterdir())


def _give_back(path: Path) -> None:
    """What root writes here must stay the gate's: it could not start with files of another user."""
    if os.geteuid() != 0 or not path.parent.is_dir():
        return
    owner = path.parent.stat()
    for each in path.parent.glob("latch*"):
        os.chown(each, owner.st_uid, owner.st_gid)
