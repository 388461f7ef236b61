"""The HTTP side of a real gate process: probes, metrics, the runbook's curl calls, and when things break."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2, venue_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import TOKENS, GateProcess, as_
from tests.integration.gate.http_client import HttpClient
from tests.integration.gate.scripted_feed import ScriptedFeed, hello

ACTING = (("POST", "/trading/halt"), ("POST", "/orders/cancel-all"))
LOOKING = ("/orders/open", "/limits", "/status")
BTC = "BTC/USDT:USDT"


def approve(gate: GateProcess, request: strategy_pb2.CheckOrderRequest) -> None:
    answer = gate.strategy.CheckOrder(request, timeout=5)
    assert answer.outcome == strategy_pb2.OUTCOME_APPROVED, answer


def healthy(http: HttpClient) -> bool:
    return http.get("/healthz").status == 200


# -- probes -------------------------------------------------------------------------------------------------------


def test_alive_and_not_ready_until_the_venue_was_read(gate: GateProcess, http: HttpClient) -> None:
    alive = http.get("/healthz")
    assert (alive.status, alive.json["alive"], alive.json["gate_id"]) == (200, True, "gate-1")
    gate.wait_for(lambda: http.metrics()["risksvc_kill_switch_lease_seconds"] > 0, "a lease")
    ready = http.get("/readyz")
    assert ready.status == 503
    assert [(one["account"], one["reason"]) for one in ready.json["reasons"]] == [("main", "SNAPSHOT_MISSING")]


def test_ready_when_open_and_not_when_halted(gate: GateProcess, feed: ScriptedFeed, http: HttpClient) -> None:
    assert (http.get("/readyz").status, http.get("/readyz").json) == (200, {"ready": True, "reasons": []})
    http.post("/trading/halt", {"reason": "look at this"})
    ready = http.get("/readyz")
    assert ready.status == 503
    # A busy machine may have cost the lease as well.
    (reason,) = [one for one in ready.json["reasons"] if one["reason"] != "KILL_SWITCH_UNREACHABLE"]
    assert (reason["account"], reason["reason"]) == ("main", "HALTED")
    assert "halted by alice: look at this" in reason["message"]


def test_a_probe_may_ask_for_the_head_alone(http: HttpClient) -> None:
    for path in ("/healthz", "/metrics"):
        answer = http.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")


# -- the runbook --------------------------------------------------------------------------------------------------


def test_halt_stops_the_next_order_and_names_the_token_s_owner(
    gate: GateProcess, feed: ScriptedFeed, http: HttpClient, order: Order
) -> None:
    approve(gate, order(client_order_id="working"))
    answer = http.post("/trading/halt", {"reason": "unexpected-orders", "operator": "mallory"})
    assert answer.status == 200, answer.text
    assert answer.json["by"] == "alice"
    assert answer.json["effect"] == "HALT_EFFECT_EFFECTIVE"
    assert answer.json["notes"] == ["`operator` was ignored: who acts is known from the token"]
    assert [one["client_order_id"] for one in answer.json["can_still_fill"]] == ["working"]
    (halt,) = gate.status().halts
    assert (halt.by, halt.reason, halt.halt_id) == ("alice", "unexpected-orders", answer.json["halt_id"])
    denied = gate.strategy.CheckOrder(order(), timeout=5)
    assert denied.denials[0].reason == types_pb2.DENIAL_REASON_HALTED
    assert "unexpected-orders" in denied.denials[0].message


def test_halt_of_one_strategy_leaves_the_others(
    gate: GateProcess, feed: ScriptedFeed, http: HttpClient, order: Order
) -> None:
    wanted = {"reason": "too fast", "account": "main", "strategy": "trend", "state": "REDUCING"}
    answer = http.post("/trading/halt", wanted, who="bob")
    assert (answer.status, answer.json["notes"]) == (200, [])
    (halt,) = gate.status().halts
    assert (halt.scope.strategy, halt.by, halt.state) == ("trend", "bob", types_pb2.TRADING_STATE_REDUCING)
    approve(gate, order())


def test_a_caller_that_goes_away_does_not_stop_its_halt(gate: GateProcess, http: HttpClient) -> None:
    body = b'{"reason": "the line is bad"}'
    head = (
        "POST /trading/halt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKENS['bob']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", http.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
    gate.wait_for(lambda: [one.reason for one in gate.status().halts] == ["the line is bad"], "the halt")


def test_one_halt_id_is_one_halt(gate: GateProcess, http: HttpClient) -> None:
    answers = [http.post("/trading/halt", {"reason": "again", "halt_id": "h-1"}) for _ in range(2)]
    assert [one.json["halt_id"] for one in answers] == ["h-1", "h-1"]
    assert len(gate.status().halts) == 1


def test_open_orders_limits_and_status_are_what_grpc_says(
    gate: GateProcess, feed: ScriptedFeed, http: HttpClient, order: Order
) -> None:
    approve(gate, order(client_order_id="o1"))
    orders = http.get("/orders/open?account=main", who="bob").json["orders"]
    assert [(one["client_order_id"], one["side"], one["remaining"], one["at_venue"]) for one in orders] == [
        ("o1", "SIDE_BUY", "0.1", False)
    ]
    limits = http.get("/limits", who="bob").json
    said = gate.operator().GetLimits(operator_pb2.GetLimitsRequest(), metadata=as_("bob"))
    assert (limits["hash"], limits["yaml"]) == (said.hash, gate.limits.read_text())
    assert {one["key"]: one["after"] for one in limits["effective"]} == {one.key: one.after for one in said.effective}
    status = http.get("/status", who="bob").json
    assert (status["gate_id"], status["ready"], status["trading_state"]) == ("gate-1", True, "TRADING_STATE_ACTIVE")
    assert status["accounts"][0]["feed_software"] == "scripted feed"


def test_cancel_all_cancels_and_keeps_what_protects(
    gate: GateProcess, feed: ScriptedFeed, http: HttpClient, order: Order
) -> None:
    approve(gate, order(client_order_id="o1"))
    told = http.post("/orders/cancel-all", {"reason": "cause unknown"})
    assert told.status == 200, told.text
    assert [one["client_order_id"] for one in told.json["cancelled"]] == ["o1"]
    assert (told.json["by_hand"], told.json["notes"], feed.cancelled) == ([], [], ["o1"])


def test_cancel_all_with_a_read_only_key_lists_what_to_cancel_by_hand(
    gate: GateProcess, http: HttpClient, order: Order
) -> None:
    feed = ScriptedFeed(gate.channel("venue"), introduce=hello(can_cancel=False))
    feed.ready()
    gate.wait_for(lambda: gate.status().ready, "the gate is open")
    approve(gate, order(client_order_id="o1"))
    told = http.post("/orders/cancel-all", {"reason": "cause unknown", "include_protective": True}).json
    assert told["cancelled"] == []
    assert [one["client_order_id"] for one in told["by_hand"]] == ["o1"]
    assert "read-only key" in told["problem"]
    assert "1 orders are NOT cancelled" in told["notes"][0]
    feed.close()


def test_the_runbook_s_own_command_works(gate: GateProcess, http: HttpClient) -> None:
    address = f"http://127.0.0.1:{http.port}/trading/halt"
    token = f"Authorization: Bearer {TOKENS['alice']}"
    command = ["curl", "-sS", "--json", '{"reason":"unexpected-orders","operator":"alice"}', "-H", token, address]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("no curl on this machine")
    assert json.loads(told.stdout)["effect"] == "HALT_EFFECT_EFFECTIVE", told.stdout
    assert [one.reason for one in gate.status().halts] == ["unexpected-orders"]


# -- metrics ------------------------------------------------------------------------------------------------------


def test_metrics_follow_checks_exposure_and_reloads(
    gate: GateProcess, feed: ScriptedFeed, http: HttpClient, order: Order
) -> None:
    approved = 'risksvc_checks_total{account="main",outcome="approved",reason="",strategy="mm"}'
    assert http.metrics()[approved] == 0  # there before the first order
    approve(gate, order())
    gate.strategy.CheckOrder(order(quantity="1.001"), timeout=5)
    gate.strategy.CheckOrder(order(strategy="nobody"), timeout=5)
    gate.limits.write_text("version: 1\nacounts: {}\n")
    reload = operator_pb2.ReloadLimitsRequest(reason="a mistake")
    assert not gate.operator().ReloadLimits(reload, timeout=5, metadata=as_("alice")).loaded
    seen = http.metrics()
    assert seen[approved] == 1
    assert seen['risksvc_checks_total{account="main",outcome="denied",reason="MAX_NET_EXPOSURE",strategy="mm"}'] == 1
    assert (
        seen['risksvc_checks_total{account="main",outcome="denied",reason="STRATEGY_UNKNOWN",strategy="unlisted"}'] == 1
    )
    assert seen["risksvc_check_seconds_count"] == 3
    assert seen[f'risksvc_exposure_usd{{account="main",instrument="{BTC}"}}'] == 5000
    used = f'risksvc_limit_utilisation_ratio{{account="main",instrument="{BTC}",limit="max_net_exposure"}}'
    assert seen[used] == pytest.approx(0.1)
    assert seen['risksvc_limits_reloads_total{outcome="refused"}'] == 1
    assert seen["risksvc_limits_last_reload_successful"] == 0
    assert 0 < seen["risksvc_kill_switch_lease_seconds"] <= 0.3
    assert 0 <= seen['risksvc_snapshot_age_seconds{account="main"}'] < 20
    assert seen["risksvc_ready"] == 1


def test_metrics_say_which_format_they_are_in(http: HttpClient) -> None:
    plain = http.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    modern = http.ask("GET", "/metrics", headers=accept)
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


# -- when things break --------------------------------------------------------------------------------------------

FAILING = """
import sys
from pathlib import Path
from risksvc.gate.serve import run_gate

class Failing:
    def __init__(self, journal):
        self._journal = journal
    def __getattr__(self, name):
        return getattr(self._journal, name)
    @property
    def stats(self):
        return self._journal.stats
    def append(self, payload):
        if Path(sys.argv[1]).with_name("broken").exists():
            raise OSError(28, "No space left on device")
        self._journal.append(payload)

if __name__ == "__main__":
    sys.exit(run_gate(Path(sys.argv[1]), wrap_journal=Failing))
"""


def test_a_gate_that_can_t_write_its_journal_is_not_alive_and_halts_all_the_same(folder: Path) -> None:
    gate = GateProcess(folder, run=FAILING)
    gate.start()
    try:
        http = HttpClient(gate)
        assert healthy(http)
        (folder / "broken").touch()
        halted = http.post("/trading/halt", {"reason": "the disk is full"})
        assert halted.status == 200, halted.text
        alive = http.get("/healthz")
        assert alive.status == 503
        assert "No space left" in alive.json["why"]
        assert "GATE_FAULT" in http.get("/readyz").text
        seen = http.metrics()
        assert seen["risksvc_fault"] == 1
        assert seen['risksvc_trading_state{account="main",instrument="",strategy=""}'] == 3
        (folder / "broken").unlink()
        gate.wait_for(lambda: healthy(http), "the gate is open again")
        assert "the disk is full" in [one.reason for one in gate.status().halts]
        assert http.metrics()["risksvc_fault"] == 1  # until a person resumes
    finally:
        gate.stop()


def test_a_port_that_is_taken_is_said_in_one_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        gate = GateProcess(folder)
        text = gate.settings.read_text().replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        gate.settings.write_text(text)
        assert gate.spawn().wait(30) == 2
    assert "can't be listened on" in gate.log_text()
    assert "Traceback" not in gate.log_text()


def test_unexpected_orders_show_in_metrics_and_status(gate: GateProcess, feed: ScriptedFeed, http: HttpClient) -> None:
    feed.orders.append(
        venue_pb2.FeedOrder(
            instrument=BTC,
            venue_order_id="v1",
            side=types_pb2.SIDE_SELL,
            quantity="1",
            filled="0",
            limit_price="51000",
            status=venue_pb2.VENUE_ORDER_STATUS_OPEN,
        )
    )
    feed.snapshot()
    labels = f'account="main",divergence_class="UNEXPECTED_ORDER",instrument="{BTC}",status="DIVERGED"'
    name = f"risksvc_divergence_usd{{{labels}}}"
    gate.wait_for(lambda: name in http.metrics(), "the divergence is shown")
    assert http.metrics()[name] == 50_000
    assert http.metrics()['risksvc_halts_total{trigger="UNEXPECTED_ORDER"}'] == 1
    found = http.get("/status", who="alice").json["accounts"][0]["divergences"]
    assert [(one["divergence_class"], one["status"]) for one in found] == [("UNEXPECTED_ORDER", "DIVERGED")]
