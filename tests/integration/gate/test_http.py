"""The HTTP side of a real gate process: probes, metrics, the runbook's curl calls, and what is refused."""

import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2, venue_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import TOKENS, GateProcess, as_
from tests.integration.gate.http_client import Answer, HttpClient, bearer
from tests.integration.gate.scripted_feed import ScriptedFeed, hello

ACTING = (("POST", "/trading/halt"), ("POST", "/orders/cancel-all"))
LOOKING = ("/orders/open", "/limits", "/status")
BTC = "BTC/USDT:USDT"


@pytest.fixture
def http(gate: GateProcess) -> HttpClient:
    return HttpClient(gate)


@pytest.fixture(scope="module")
def quiet_gate() -> Iterator[GateProcess]:
    """One gate for all tests after which it is as it was."""
    with tempfile.TemporaryDirectory(prefix="rs") as folder:
        process = GateProcess(Path(folder))
        process.start()
        yield process
        process.stop()


@pytest.fixture(scope="module")
def quiet(quiet_gate: GateProcess) -> HttpClient:
    return HttpClient(quiet_gate)


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
    (reason,) = ready.json["reasons"]
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
    assert json.loads(told.stdout)["effect"] == "HALT_EFFECT_EFFECTIVE"
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


# -- who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "Bearer ", "Bearer wrong", "Basic YWxpY2U6eA==", TOKENS["alice"]])
def test_without_an_operator_s_token_nothing_is_shown_or_done(
    quiet_gate: GateProcess, quiet: HttpClient, value: str
) -> None:
    headers = {"Content-Type": "application/json", **({"Authorization": value} if value else {})}
    answers = [quiet.ask(method, path, body=b'{"reason": "x"}', headers=headers) for method, path in ACTING]
    answers += [quiet.ask("GET", path, headers=headers) for path in LOOKING]
    assert [one.status for one in answers] == [401] * 5
    assert {one.headers["www-authenticate"] for one in answers} == {'Bearer realm="risksvc"'}
    assert len({one.text for one in answers}) == 1  # all alike
    assert "risksvc operator token" in answers[0].json["error"]
    assert not quiet_gate.status().halts


def test_two_tokens_are_nobody_s(quiet_gate: GateProcess, quiet: HttpClient) -> None:
    lines = [f"Authorization: Bearer {TOKENS[who]}" for who in ("alice", "bob")]
    assert raw(quiet, "GET /status HTTP/1.1", *lines).startswith("HTTP/1.1 401 ")


# -- web pages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:9464"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[bad"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/metrics", "/status", "/trading/halt"])
def test_a_web_page_reaches_nothing(
    quiet_gate: GateProcess, quiet: HttpClient, headers: dict[str, str], path: str
) -> None:
    method = "POST" if path == "/trading/halt" else "GET"
    usual = {"Content-Type": "application/json", **bearer("alice")}
    answer = quiet.ask(method, path, body=b'{"reason": "x"}', headers={**usual, **headers})
    assert answer.status == 403, answer.text
    assert "error" in answer.json
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert not quiet_gate.status().halts


def test_a_person_s_own_browser_may_look_at_the_metrics(quiet: HttpClient) -> None:
    answer = quiet.ask("GET", "/metrics", headers={"Sec-Fetch-Site": "none", "Host": f"localhost:{quiet.port}"})
    assert answer.status == 200


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_only_json_is_read(quiet_gate: GateProcess, quiet: HttpClient, content_type: str) -> None:
    headers = {**bearer("alice"), **({"Content-Type": content_type} if content_type else {})}
    answer = quiet.ask("POST", "/trading/halt", body=b'{"reason": "x"}', headers=headers)
    assert answer.status == 415, answer.text
    assert "allowed: application/json" in answer.json["error"]
    assert "curl --json" in answer.json["error"]
    assert not quiet_gate.status().halts


def test_a_compressed_body_is_not_read(quiet_gate: GateProcess, quiet: HttpClient) -> None:
    headers = {**bearer("alice"), "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert quiet.ask("POST", "/trading/halt", body=b"\x1f\x8b" + b"\0" * 30, headers=headers).status == 415
    assert not quiet_gate.status().halts


# -- mistakes -----------------------------------------------------------------------------------------------------

BAD_HALTS: dict[str, tuple[object, str, str]] = {
    "no reason": ({}, "reason", "is required"),
    "blank reason": ({"reason": "  "}, "reason", "is required"),
    "long reason": ({"reason": "x" * 501}, "reason", "at most 500"),
    "a reason of two lines": ({"reason": "a\nb"}, "reason", "control characters"),
    "half a character": ({"reason": "\ud800"}, "reason", "half of a character"),
    "reason is a number": ({"reason": 5}, "reason", "must be text"),
    "null": ({"reason": None}, "reason", "must be text"),
    "misspelled": ({"reason": "x", "acount": "main"}, "'acount'", "allowed: reason, account"),
    "unknown account": ({"reason": "x", "account": "mian"}, "account", "allowed: main"),
    "unknown strategy": ({"reason": "x", "account": "main", "strategy": "mmm"}, "strategy", "known: mm, trend"),
    "unknown instrument": ({"reason": "x", "account": "main", "instrument": "BTCUSD"}, "instrument", "known:"),
    "strategy without account": ({"reason": "x", "strategy": "mm"}, "account", "needed when"),
    "active": ({"reason": "x", "state": "ACTIVE"}, "state", "allowed: HALTED, REDUCING"),
    "bad id": ({"reason": "x", "halt_id": "a b"}, "halt_id", "without blanks"),
    "a list": ([], "body", "is not an object"),
    "a number": (7, "body", "is not an object"),
}


@pytest.mark.parametrize("name", BAD_HALTS)
def test_a_halt_that_can_t_be_read_says_which_field_and_what_is_allowed(
    quiet_gate: GateProcess, quiet: HttpClient, name: str
) -> None:
    content, field, text = BAD_HALTS[name]
    check_refused(quiet.post("/trading/halt", content), field, text)
    assert not quiet_gate.status().halts


BAD_BODIES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "body", "is not JSON"),
    "no JSON": (b"reason=x", "body", "is not JSON"),
    "not UTF-8": (b'{"reason": "\xff"}', "body", "not UTF-8"),
    "deep": (b"[" * 16_000, "body", "is not JSON"),
    "twice": (b'{"reason": "x", "account": "main", "account": ""}', "'account'", "given twice"),
    "a huge number": (b'{"reason": 1e999}', "reason", "must be text"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_object_is_refused(quiet_gate: GateProcess, quiet: HttpClient, name: str) -> None:
    body, field, text = BAD_BODIES[name]
    headers = {**bearer("alice"), "Content-Type": "application/json"}
    check_refused(quiet.ask("POST", "/trading/halt", body=body, headers=headers), field, text)
    assert not quiet_gate.status().halts


def check_refused(answer: Answer, field: str, text: str) -> None:
    assert answer.status == 400, answer.text
    assert answer.json["field"] == field
    assert text in answer.json["error"]
    assert "Traceback" not in answer.text


def test_cancel_all_needs_a_reason_and_booleans(quiet: HttpClient) -> None:
    check_refused(quiet.post("/orders/cancel-all", {}), "reason", "is required")
    wrong = {"reason": "x", "include_protective": "yes"}
    check_refused(quiet.post("/orders/cancel-all", wrong), "include_protective", "true or false")


def test_a_query_that_is_not_known_is_refused(quiet: HttpClient) -> None:
    check_refused(quiet.get("/orders/open?acount=main", who="alice"), "'acount'", "allowed: account")
    check_refused(quiet.get("/orders/open?account=main&account=", who="alice"), "account", "given twice")
    check_refused(quiet.get("/orders/open?account=other", who="alice"), "account", "allowed: main")
    check_refused(quiet.get("/limits?x=1", who="alice"), "'x'", "no parameters")


def test_malformed_requests_are_counted(quiet: HttpClient) -> None:
    before = quiet.metrics()["risksvc_malformed_requests_total"]
    quiet.post("/trading/halt", {})
    assert quiet.metrics()["risksvc_malformed_requests_total"] == before + 1


def test_a_large_body_is_refused_whole(quiet_gate: GateProcess, quiet: HttpClient) -> None:
    answer = quiet.post("/trading/halt", {"reason": "x" * 20_000})
    assert answer.status == 413
    assert "at most 16384 bytes" in answer.json["error"]
    assert not quiet_gate.status().halts


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/trading/halt", ["POST"]),
        ("PUT", "/trading/halt", ["POST"]),
        ("OPTIONS", "/trading/halt", ["POST"]),
        ("POST", "/limits", ["GET"]),
        ("DELETE", "/metrics", ["GET", "HEAD"]),
    ],
)
def test_another_method_is_told_which_one_is_allowed(
    quiet: HttpClient, method: str, path: str, allowed: list[str]
) -> None:
    answer = quiet.ask(method, path, headers=bearer("alice"))
    assert (answer.status, answer.json["allowed"]) == (405, allowed)
    assert answer.headers["allow"] == ", ".join(allowed)


def test_an_unknown_path_lists_what_there_is(quiet: HttpClient) -> None:
    answer = quiet.get("/trading/resume")
    assert answer.status == 404
    assert "POST /trading/halt" in answer.json["allowed"]
    assert "GET /metrics" in answer.json["allowed"]


@pytest.mark.parametrize(
    "request_line",
    ["NONSENSE", "GET /healthz HTTP/9.9", "GET /" + "x" * 9000 + " HTTP/1.1", "\x00\x01\x02", "PRI * HTTP/2.0"],
    ids=["nonsense", "version", "long", "binary", "http2"],
)
def test_what_is_no_http_is_refused_and_logged_nowhere(
    quiet_gate: GateProcess, quiet: HttpClient, request_line: str
) -> None:
    said = raw(quiet, request_line)
    assert said.split()[1] == "400"
    assert "Traceback" not in said
    assert healthy(quiet)
    assert "Traceback" not in quiet_gate.log_text()


def raw(quiet: HttpClient, request_line: str, *lines: str) -> str:
    with socket.create_connection(("127.0.0.1", quiet.port), timeout=20) as connection:
        text = "\r\n".join((request_line, "Host: 127.0.0.1", "Connection: close", *lines, "", ""))
        connection.sendall(text.encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def test_a_body_that_does_not_come_is_not_waited_for(quiet_gate: GateProcess, quiet: HttpClient) -> None:
    lines = ("Content-Type: application/json", "Content-Length: 20", f"Authorization: Bearer {TOKENS['alice']}")
    assert raw(quiet, "POST /trading/halt HTTP/1.1", *lines).startswith("HTTP/1.1 408 ")
    assert not quiet_gate.status().halts


def test_answers_say_little_of_the_server_and_are_never_cached(quiet: HttpClient) -> None:
    for answer in (quiet.get("/healthz"), quiet.get("/nowhere"), quiet.get("/status"), quiet.get("/metrics")):
        assert answer.headers["server"] == "risksvc"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


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
