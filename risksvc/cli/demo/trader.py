"""A strategy, or a person at a terminal, as a process of its own: it trades through ccxt as a user's program would.

Stands in for the user's own code: apart from the venue process it is the only place that imports ccxt, and it knows
nothing of the gate but the client library. One JSON command per line comes in, one JSON answer per line goes out.

With a gate (`--gate`, `--strategy`) every order is checked first. Without one it is the program that a sidecar can't
stop: it holds a trade key and never asks.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import grpc

from risksvc.client import Decision, RiskGate, new_client_order_id
from risksvc.v1 import strategy_pb2, types_pb2
from risksvc.v1.strategy_pb2_grpc import StrategyServiceStub

Command = dict[str, Any]
Answer = dict[str, Any]

PROBE_EVERY_S = 0.02
BELIEF_EVERY_S = 3.0


def paper_exchange(
    base_url: str,
    *,
    key: str,
    secret: str,
    make: Callable[[Command], Any] = ccxt.bybit,
) -> Any:  # noqa: ANN401 - ccxt has no types
    """The unmodified ccxt client, with every address pointed at the paper venue.

    `make`: ccxt's class, or its asynchronous one.
    """
    exchange = make(
        {
            "apiKey": key,
            "secret": secret,
            "timeout": 3000,
            "enableRateLimit": False,
            "number": str,
            "options": {
                "fetchMarkets": {"types": ["linear"]},
                "enableUnifiedMargin": False,
                "enableUnifiedAccount": True,
                "recvWindow": 1000,
            },
        }
    )
    exchange.urls["api"] = _everywhere(exchange.urls["api"], base_url)
    exchange.has["fetchCurrencies"] = False
    return exchange


def _everywhere(urls: Any, base_url: str) -> Any:  # noqa: ANN401 - a tree of addresses
    if isinstance(urls, dict):
        return {name: _everywhere(value, base_url) for name, value in urls.items()}
    return base_url


class Tracker:
    """The strategy's own idea of what it holds, from the fills of its own orders. The seed's bug lives in such code."""

    def __init__(self) -> None:
        self._held: dict[str, Decimal] = {}

    def held(self, instrument: str) -> Decimal:
        """Signed quantity."""
        return self._held.get(instrument, Decimal(0))

    def add(self, instrument: str, signed: Decimal) -> None:
        """Takes a fill in."""
        self._held[instrument] = self.held(instrument) + signed

    def items(self) -> list[tuple[str, Decimal]]:
        """Everything that is held."""
        return [(name, held) for name, held in list(self._held.items()) if held]


class Probe:
    """Asks for a small order every 20 ms and never sends one: the times of its answers show when approvals end."""

    def __init__(self, trader: "Trader", order: Command) -> None:
        self._trader, self._order = trader, order
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)
        self.approvals = 0
        self.last_approval_ns = 0
        self.last_decided_ns = 0
        self.first_denial_ns = 0
        self.last_denial = ""
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(PROBE_EVERY_S):
            decision = self._trader.check(self._order)
            now = time.time_ns()
            if decision:
                self.approvals += 1
                self.last_approval_ns = now
                self.last_decided_ns = 0 if decision.response is None else decision.response.decided_at_ns
                self.first_denial_ns = 0
                self._trader.gate.never_sent(decision.client_order_id)
            else:
                self.first_denial_ns = self.first_denial_ns or now
                self.last_denial = str(decision.headline)

    def stop(self) -> None:
        """Ends the asking."""
        self._stop.set()
        self._thread.join(timeout=2)

    def shown(self) -> Answer:
        """What it saw."""
        return {
            "approvals": self.approvals,
            "last_approval_ns": self.last_approval_ns,
            "last_decided_ns": self.last_decided_ns,
            "first_denial_ns": self.first_denial_ns,
            "last_denial": self.last_denial,
        }


class Trader:
    """One process's orders, with or without a gate."""

    def __init__(self, exchange: Any, gate: RiskGate | None) -> None:  # noqa: ANN401 - ccxt has no types
        self.exchange = exchange
        self._gate = gate
        self.tracker = Tracker()
        self.heard: list[Answer] = []
        self._probe: Probe | None = None
        if gate is not None:
            threading.Thread(target=self._keep_telling, name="beliefs", daemon=True).start()

    @property
    def gate(self) -> RiskGate:
        """The gate; a program that never asks has none."""
        if self._gate is None:
            raise RuntimeError("this process has no gate")
        return self._gate

    def _keep_telling(self) -> None:
        while True:
            time.sleep(BELIEF_EVERY_S)
            for instrument, held in self.tracker.items():
                self.gate.position(instrument, held)

    def check(self, order: Command) -> Decision:
        """Asks the gate, with the tracker's belief."""
        return self.gate.check(
            instrument=order["instrument"],
            side=order["side"],
            type=order.get("type", "limit"),
            quantity=order["quantity"],
            limit_price=order.get("price"),
            reduce_only=order.get("reduce_only", False),
            intended_position=order.get("intended"),
            believed_position=self.tracker.held(order["instrument"]),
        )

    # -- commands --------------------------------------------------------------------------------------------------

    def ask(self, order: Command) -> Answer:
        """Only asks: the approval is given back."""
        decision = self.check(order)
        if decision.approved:
            self.gate.never_sent(decision.client_order_id)
        return _shown(decision)

    def insist(self, order: Command) -> Answer:
        """Asks the gate itself, past the library, which would deny locally: a program that does not take no."""
        request = strategy_pb2.CheckOrderRequest(
            account="main",
            strategy=order["strategy"],
            client_order_id=new_client_order_id(),
            instrument=order["instrument"],
            side=types_pb2.SIDE_BUY if order["side"] == "buy" else types_pb2.SIDE_SELL,
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity=order["quantity"],
            limit_price=order["price"],
            intended_position=order["intended"],
            believed_position=str(self.tracker.held(order["instrument"])),
        )
        with grpc.insecure_channel(order["gate"]) as channel:
            answer = StrategyServiceStub(channel).CheckOrder(request, timeout=1)
        return {
            "approved": answer.outcome == strategy_pb2.OUTCOME_APPROVED,
            "reasons": [types_pb2.DenialReason.Name(one.reason)[14:] for one in answer.denials],
            "messages": [one.message for one in answer.denials],
            "exposure_after": answer.instrument_exposure.after,
        }

    def trade(self, order: Command) -> Answer:
        """Asks, sends what was approved, and books its fills."""
        decision = self.check(order)
        if not decision:
            return _shown(decision)
        started = self._send(order, decision.client_order_id)
        return {**_shown(decision), **started}

    def _send(self, order: Command, client_order_id: str) -> Answer:
        self.gate.sent(client_order_id)
        sent = self._create(order, client_order_id)
        self.gate.acknowledged(client_order_id, sent["id"])
        filled = self._book(order, sent["id"], client_order_id) if order.get("wait_fill", True) else Decimal(0)
        return {"venue_order_id": sent["id"], "filled": str(filled)}

    def book(self, order: Command) -> Answer:
        """Books the fills of an order that was left resting."""
        return {"filled": str(self._book(order, order["venue_order_id"], order["client_order_id"]))}

    def _create(self, order: Command, client_order_id: str) -> Any:  # noqa: ANN401 - ccxt has no types
        params = {"clientOrderId": client_order_id, "reduceOnly": order.get("reduce_only", False)}
        kind, price = order.get("type", "limit"), order.get("price")
        return self.exchange.create_order(order["instrument"], kind, order["side"], order["quantity"], price, params)

    def _book(self, order: Command, venue_order_id: str, client_order_id: str) -> Decimal:
        """Waits until the venue shows the order filled, reports each fill and moves the tracker."""
        wanted, filled, seen = Decimal(order["quantity"]), Decimal(0), set()
        deadline = time.monotonic() + 5
        while filled < wanted and time.monotonic() < deadline:
            rows = self.exchange.fetch_my_trades(order["instrument"], None, 100, {"orderId": venue_order_id})
            for row in rows:
                if row["id"] in seen:
                    continue
                seen.add(row["id"])
                filled += Decimal(row["amount"])
                self._report(order, row, client_order_id)
        return filled

    def _report(self, order: Command, row: Any, client_order_id: str) -> None:  # noqa: ANN401 - ccxt has no types
        self.gate.fill(
            instrument=order["instrument"],
            client_order_id=client_order_id,
            trade_id=row["id"],
            side=order["side"],
            quantity=row["amount"],
            price=row["price"],
            venue_time_ms=row["timestamp"],
        )
        sign = 1 if order["side"] == "buy" else -1
        self.tracker.add(order["instrument"], sign * Decimal(row["amount"]))

    def place(self, order: Command) -> Answer:
        """Sends without asking: the operator's own order, checked before, or a program that never asks."""
        client_order_id = order.get("client_order_id") or new_client_order_id()
        before_ns = time.time_ns()
        sent = self._create(order, client_order_id)
        return {"venue_order_id": sent["id"], "sent_at_ns": before_ns}

    def cancel(self, order: Command) -> Answer:
        """Cancels: needs no approval, ever."""
        self.exchange.cancel_order(order["venue_order_id"], order["instrument"])
        if self._gate is not None:
            self.gate.cancelled(order["client_order_id"])
        return {"cancelled": order["venue_order_id"]}

    def probe(self, order: Command) -> Answer:
        """Starts asking all the time; `{"stop": true}` ends it, anything else shows how it goes."""
        if "instrument" in order and self._probe is None:
            self._probe = Probe(self, order)
            return {}
        shown = {} if self._probe is None else self._probe.shown()
        if order.get("stop") and self._probe is not None:
            self._probe.stop()
            self._probe = None
        return shown

    def listen(self, _order: Command) -> Answer:
        """What the gate has pushed so far."""
        return {"heard": list(self.heard)}

    def positions(self, _order: Command) -> Answer:
        """What the tracker believes."""
        return {"held": {name: str(held) for name, held in self.tracker.items()}}


def _shown(decision: Decision) -> Answer:
    exposure, total = decision.instrument_exposure, decision.total_exposure
    return {
        "approved": decision.approved,
        "client_order_id": decision.client_order_id,
        "reasons": [str(denial.reason) for denial in decision.denials],
        "message": "" if decision.headline is None else decision.headline.message,
        "messages": [denial.message for denial in decision.denials],
        "exposure_after": "" if exposure is None else str(exposure.after),
        "total_after": "" if total is None else str(total.after),
    }


COMMANDS: dict[str, Callable[[Trader, Command], Answer]] = {
    "ask": Trader.ask,
    "insist": Trader.insist,
    "trade": Trader.trade,
    "book": Trader.book,
    "place": Trader.place,
    "cancel": Trader.cancel,
    "probe": Trader.probe,
    "listen": Trader.listen,
    "positions": Trader.positions,
}


def serve(trader: Trader) -> None:
    """Answers commands until standard input ends."""
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = COMMANDS[command["do"]](trader, command)
        except ccxt.BaseError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Starts one trader."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--gate", default="")
    parser.add_argument("--strategy", default="")
    options = parser.parse_args()
    exchange = paper_exchange(options.venue, key=options.key, secret=options.secret)
    exchange.load_markets()
    heard: list[Answer] = []

    def hear(state: object, halts: Any) -> None:  # noqa: ANN401 - shown only
        reasons = [str(getattr(halt, "reason", halt)) for halt in halts]
        heard.append({"state": getattr(state, "name", "UNKNOWN"), "halts": reasons, "at_ns": time.time_ns()})

    gate = None
    if options.gate:
        gate = RiskGate(
            options.gate, account="main", strategy=options.strategy, strategy_version="demo-1", on_state=hear
        )
        gate.wait_ready(20)
    trader = Trader(exchange, gate)
    trader.heard = heard
    print(json.dumps({"ready": True}), flush=True)
    serve(trader)


if __name__ == "__main__":
    main()
