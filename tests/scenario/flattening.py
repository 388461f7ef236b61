"""A world whose gate may place orders: a trade key in the venue process, thin books, positions that want to be left."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc

from risksvc.cli.demo.trader import paper_exchange
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import operator_pb2 as op
from risksvc.v1 import types_pb2
from risksvc.v1.incident_pb2_grpc import IncidentServiceStub
from risksvc.v1.operator_pb2_grpc import OperatorServiceStub
from tests.scenario.world import ScenarioWorld

D = Decimal
CLI = (sys.executable, "-m", "risksvc.cli.main")
FAST = """\
    settle: 300ms
    flatten: {participation: 20, collar: 2, slice_pause: 0ms, patience: 60s}
"""
THIN = {"levels": 40, "half_spread_bps": "1", "gap_bps": "4", "first_notional": "2000", "growth_notional": "0"}
_SOON_AGAIN = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
)
OVER = (pb.FLATTEN_PHASE_FLAT, pb.FLATTEN_PHASE_REACHED, pb.FLATTEN_PHASE_GAPS)


class FlattenWorld(ScenarioWorld):
    """`settings`: further lines of the account's settings."""

    def __init__(self, folder: Path, *, settings: str = FAST) -> None:
        super().__init__(folder, settings=settings)
        self._channel.close()  # a gate that was killed is to be seen again as soon as it is back
        self._channel = grpc.insecure_channel(f"unix:{folder}/state/operator.sock", options=_SOON_AGAIN)
        self._operator = OperatorServiceStub(self._channel)
        self._flow = IncidentServiceStub(self._channel)
        self._exchange: Any = None

    def _write_files(self) -> None:
        super()._write_files()
        (self.folder / "api_key").write_text("paper-trade")
        (self.folder / "secret").write_text("paper-trade-secret")
        text = self.settings.read_text()
        text = text.replace("      exchange: bybit\n", "      exchange: bybit\n      allow_orders: true\n")
        self.settings.write_text(text)

    def start_gate(self) -> None:
        """As ever, without a command line that asks whether it is up."""
        self._start("gate", *CLI, "serve", "--settings", str(self.settings))
        self.until(lambda: self.status().gate_id, "the gate")

    def hold(self, positions: Mapping[str, str]) -> None:
        """Positions that are there, by the venue's own symbols; signed quantities."""
        for symbol, quantity in positions.items():
            side = "Buy" if D(quantity) > 0 else "Sell"
            self.paper("events", name="fill", account="main", symbol=symbol, side=side, qty=str(abs(D(quantity))))

    def begin_held(self, positions: Mapping[str, str], *, depth: Mapping[str, Any] = THIN) -> None:
        """Starts everything on an account that holds these, thin books, everything adopted by alpha, and halted."""
        self.begin_venue()
        self.hold(positions)
        for symbol in positions:
            self.paper("depth", symbol=symbol, **depth)
        self.start_gate()
        self.start_venue()
        self.until(lambda: "NOT_ADOPTED" in self.closed_because(), "an account that has been read")
        self.adopt_all(owner="alpha")
        self.run("alice", "halt", "--account", "main", "--reason", "drill")

    def adopt_now(self, *, owner: str = "alpha") -> bool:
        """Adopts what is unexplained, without a command line; where it takes two, both. True: the venue was read."""
        found: op.ReconcileResponse = self.look("Reconcile", op.ReconcileRequest(account="main"))
        items = list(found.results[0].unexplained)
        complete = found.results[0].complete
        if not items:
            return complete
        for one in items:
            one.owner = owner
        request = op.AdoptRequest(account="main", items=items, cause="manual-trade", reason="drill")
        answer: op.AdoptResponse = self.look("Adopt", request)
        if answer.proposal_id:
            self.look("Adopt", op.AdoptRequest(confirm_proposal_id=answer.proposal_id), who="bob")
        return complete

    def look(self, method: str, request: object, *, who: str = "alice") -> Any:  # noqa: ANN401
        """As ever, by whoever it is."""
        metadata = (("authorization", f"Bearer {self._tokens[who].read_text()}"),)
        return getattr(self._operator, method)(request, timeout=20, metadata=metadata, wait_for_ready=False)

    def held(self) -> dict[str, Decimal]:
        """What the venue itself says is held."""
        return {symbol: D(size) for symbol, size in self.at_venue()["positions"].items() if D(size)}

    def start(self, **fields: Any) -> str:  # noqa: ANN401 - the request's own fields
        """Starts a flatten of the account, and gives its id."""
        scope = fields.pop("scope", None) or {"account": "main"}
        request = pb.FlattenRequest(scope=types_pb2.Scope(**scope), execute=True, reason="drill", **fields)
        answer: pb.FlattenResponse = self.flow("Flatten", request)
        assert answer.flatten_id, answer
        return answer.flatten_id

    def flow(self, method: str, request: object) -> Any:  # noqa: ANN401 - whichever answer belongs to the method
        """As `look`, of the incident flow."""
        metadata = (("authorization", f"Bearer {self._tokens['alice'].read_text()}"),)
        return getattr(self._flow, method)(request, timeout=20, metadata=metadata, wait_for_ready=False)

    def flatten_state(self) -> pb.Flatten:
        answer: pb.GetFlattenResponse = self.flow("GetFlatten", pb.GetFlattenRequest())
        return answer.flatten

    def account_orders(self) -> list[op.WorkingOrder]:
        """What works at the venue, as the gate knows it."""
        answer: op.ListOpenOrdersResponse = self.look("ListOpenOrders", op.ListOpenOrdersRequest(account="main"))
        return list(answer.orders)

    def executions(self) -> list[dict[str, Any]]:
        """What the venue has executed, the newest first, by its own signed list."""
        found: list[dict[str, Any]] = []
        asked: dict[str, Any] = {"category": "linear", "limit": 100}
        while True:
            answer = self.exchange().private_get_v5_execution_list(asked)["result"]
            found += answer["list"]
            if not answer["nextPageCursor"]:
                return found
            asked["cursor"] = answer["nextPageCursor"]

    def exchange(self) -> Any:  # noqa: ANN401 - ccxt has no types
        """A program of one's own with the trade key, which asks nobody."""
        if self._exchange is None:
            self._exchange = paper_exchange(self.venue_url, key="paper-trade", secret="paper-trade-secret")
            self._exchange.load_markets()
        return self._exchange

    def begun(self) -> float:
        """Seconds, to measure with."""
        return time.monotonic()

    def say(self, who: str, *words: str) -> str:
        """A command line as a person sees it."""
        options = ("--settings", str(self.settings), "--token-file", str(self._tokens[who]))
        done = subprocess.run([*CLI, *words, *options], capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flatten_id(self) -> str:
        """The newest; empty: none yet."""
        try:
            return self.flatten_state().flatten_id
        except grpc.RpcError:
            return ""

    def begin_command(self, name: str, who: str, *words: str) -> None:
        """A command line as a process that can be killed."""
        options = ("--settings", str(self.settings), "--token-file", str(self._tokens[who]))
        self._start(name, *CLI, *words, *options)

    def until_over(self, *, within_s: float = 60.0) -> pb.Flatten:
        def over() -> pb.Flatten | None:
            found = self.flatten_state()
            return found if found.phase in OVER else None

        found: pb.Flatten | None = self.until(over, "the end of the flatten", within_s=within_s)
        assert found is not None
        return found


@contextmanager
def a_flatten_world(*, settings: str = FAST) -> Iterator[FlattenWorld]:
    """A world in a folder of its own."""
    with TemporaryDirectory(prefix="rs") as folder, FlattenWorld(Path(folder), settings=settings) as world:
        yield world
