"""The HTTP side of a real gate process: who may, what is refused, and how it is said."""

import socket

import pytest

from tests.integration.gate.gate_process import TOKENS, GateProcess
from tests.integration.gate.http_client import Answer, HttpClient, bearer

ACTING = (("POST", "/trading/halt"), ("POST", "/orders/cancel-all"))
LOOKING = ("/orders/open", "/limits", "/status")
BTC = "BTC/USDT:USDT"


def healthy(http: HttpClient) -> bool:
    return http.get("/healthz").status == 200


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
