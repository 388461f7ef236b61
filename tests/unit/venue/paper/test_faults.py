"""The switchboard: rows and effects agree, patterns and counts hold, nonsense is refused."""

import pytest

from risksvc.venue.paper.effects import ARRIVALS, DEPARTURES, REPLIES, RESULTS, ROWS, VIEWS
from risksvc.venue.paper.faults import FAULTS, MAX_ACTIVE, REQUEST_STAGES, SOCKET_PATH, Fault, Stage, Switchboard
from risksvc.venue.paper.stream_effects import PUSHES, SENDS, lateness

EFFECTS = {
    Stage.VIEW: VIEWS,
    Stage.ARRIVAL: ARRIVALS,
    Stage.RESULT: RESULTS,
    Stage.ROWS: ROWS,
    Stage.REPLY: REPLIES,
    Stage.DEPARTURE: DEPARTURES,
    # These three act where sockets are opened, authorised and closed (streams.py).
    Stage.CONNECT: {"ws_refuse"},
    Stage.AUTH: {"ws_auth_refuse"},
    Stage.OPEN: {"ws_close"},
    Stage.PUSH: PUSHES,
    Stage.SEND: SENDS,
}


@pytest.mark.parametrize("stage", list(Stage))
def test_every_listed_fault_acts_at_its_stage_and_every_effect_is_listed(stage: Stage) -> None:
    assert {name for name, kind in FAULTS.items() if kind.stage is stage} == set(EFFECTS[stage])


@pytest.mark.parametrize("name", list(FAULTS))
def test_every_fault_can_be_switched_on_with_its_defaults(name: str) -> None:
    board = Switchboard()
    fault = board.switch_on(name)
    assert fault.row()["name"] == name
    assert board.hit("/v5/anything", "", stages=list(Stage)) == [fault]


@pytest.mark.parametrize(
    ("pattern", "path", "meets"),
    [
        ("*", "/v5/order/create", True),
        ("/v5/order/*", "/v5/order/create", True),
        ("/v5/order/*", "/v5/position/list", False),
        ("/v5/order/create", "/v5/order/create", True),
        ("/v5/order", "/v5/order/create", False),
        ("*/list", "/v5/position/list", True),
    ],
)
def test_a_pattern_must_fit_the_whole_path(pattern: str, path: str, *, meets: bool) -> None:
    board = Switchboard()
    board.switch_on("delay", path=pattern)
    assert bool(board.hit(path, "")) is meets


def test_a_counted_fault_ends_by_itself() -> None:
    board = Switchboard()
    board.switch_on("delay", path="/a", count=2)
    assert [len(board.hit(path, "")) for path in ("/a", "/b", "/a", "/a")] == [1, 0, 1, 0]
    assert not board


def test_a_used_up_hang_stays_listed_until_it_is_cleared() -> None:
    board = Switchboard()
    fault = board.switch_on("hang", count=1)
    assert [len(board.hit("/a", "")) for _ in range(2)] == [1, 0]
    assert list(board) == [fault]
    board.clear_all()
    assert fault.cleared.is_set()
    assert not board


def test_a_fault_of_an_account_spares_the_others() -> None:
    board = Switchboard()
    board.switch_on("delay", account="main")
    assert [len(board.hit("/a", account)) for account in ("main", "other", "")] == [1, 0, 0]


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_request_uses_up_no_fault_of_the_sockets(name: str) -> None:
    board = Switchboard()
    fault = board.switch_on(name, count=5)
    board.hit("/v5/position/list", "main")
    assert fault.hits == (1 if FAULTS[name].stage in REQUEST_STAGES else 0)


def test_looking_at_what_is_on_uses_nothing_up() -> None:
    board = Switchboard()
    fault = board.switch_on("clock_skew", count=1)
    for _ in range(2):
        assert board.awaiting(SOCKET_PATH, "main", stages=(Stage.VIEW,)) == [fault]
    assert not board.awaiting(SOCKET_PATH, "main", stages=(Stage.SEND,))
    assert fault.hits == 0


def test_who_listens_hears_of_every_switch() -> None:
    board, heard = Switchboard(), list[tuple[str, bool]]()
    board.listen(lambda fault: heard.append((fault.name, fault.cleared.is_set())))
    board.switch_on("ws_close")
    board.switch_on("delay")
    board.clear_all()
    assert heard == [("ws_close", False), ("delay", False), ("ws_close", True), ("delay", True)]


def pushed(fault: Fault, board: Switchboard, *, conn_id: str = "a", count: int) -> list[list[bytes]]:
    """What goes out for each of `count` pushes numbered from 1."""
    found = []
    for number in range(1, count + 1):
        board.hit(f"{SOCKET_PATH}/order", "main", stages=(fault.stage,))
        found.append(PUSHES[fault.name](fault, conn_id, [b"%d" % number]))
    return found


def test_every_nth_push_is_lost() -> None:
    board = Switchboard()
    fault = board.switch_on("ws_lose", every=3)
    assert pushed(fault, board, count=7) == [[b"1"], [b"2"], [], [b"4"], [b"5"], [], [b"7"]]


def test_pushes_come_twice() -> None:
    board = Switchboard()
    assert pushed(board.switch_on("ws_duplicate"), board, count=2) == [[b"1", b"1"], [b"2", b"2"]]


def test_pushes_come_newest_first_in_groups() -> None:
    board = Switchboard()
    fault = board.switch_on("ws_reorder", group=3)
    assert pushed(fault, board, count=5) == [[], [], [b"3", b"2", b"1"], [], []]
    assert fault.waiting == {"a": [b"4", b"5"]}
    assert pushed(fault, board, conn_id="b", count=1) == [[]]
    assert fault.waiting == {"a": [b"4", b"5"], "b": [b"1"]}, "a socket never gets another one's"


def test_a_used_up_reorder_holds_nothing_back() -> None:
    board = Switchboard()
    fault = board.switch_on("ws_reorder", group=5, count=2)
    assert pushed(fault, board, count=2) == [[], [b"2", b"1"]]


def test_a_message_is_late_by_the_sum_of_its_delays_and_lost_when_the_socket_is_silent() -> None:
    board = Switchboard()
    first, second = board.switch_on("ws_delay", ms=100), board.switch_on("ws_delay", ms=20)
    assert (lateness([first, second]), lateness([])) == (120, 0)
    assert lateness([first, board.switch_on("ws_silent")]) is None


def test_trade_ids_repeat_across_instruments_but_not_within_one() -> None:
    number = ROWS["trade_ids_per_symbol"]
    rows = [
        {"symbol": symbol, "execId": f"{symbol}-{seq}", "seq": seq, "leavesQty": leaves, "side": "Buy"}
        for symbol in ("BTCUSDT", "ETHUSDT")
        for seq, leaves in ((1, "0.5"), (1, "0"), (2, "0"))
    ]
    shown = number(rows)
    ids = [(row["symbol"], row["execId"]) for row in shown]
    assert len(set(ids)) == 6
    assert len({exec_id for _, exec_id in ids}) == 3
    assert number([{"orderId": "1"}]) == [{"orderId": "1"}], "other lists have no trade ids"


REFUSED = [
    ("ws_close", {"code": 999}, "between 1000 and 4999"),
    ("ws_lose", {"every": 0}, "between 1 and 1000"),
    ("ws_reorder", {"group": 1}, "between 2 and 100"),
    ("nothing", {}, "unknown"),
    ("delay", {"seconds": 1}, "takes ms"),
    ("drop_after", {"ms": 1}, "no parameters"),
    ("delay", {"ms": "1"}, "whole number"),
    ("delay", {"ms": True}, "whole number"),
    ("delay", {"ms": -1}, "between 0"),
    ("delay", {"ms": 3_600_001}, "between 0"),
    ("position_lag", {"ms": 30_001}, "between 0 and 30000"),
    ("clock_skew", {"ms": 90_000_000}, "between"),
    ("http_error", {"status": 99}, "between 200 and 599"),
    ("http_error", {"body": 1}, "text"),
    ("truncated_body", {"percent": 100}, "between 0 and 99"),
    ("page_size", {"rows": 0}, "between 1"),
    ("delay", {"count": 0}, "at least 1"),
    ("delay", {"name": "x"}, "takes ms"),
]


@pytest.mark.parametrize(("name", "values", "text"), REFUSED)
def test_nonsense_is_refused_with_what_is_allowed(name: str, values: dict[str, int], text: str) -> None:
    board = Switchboard()
    with pytest.raises(ValueError, match=text):
        board.switch_on(name, **values)  # type: ignore[arg-type]  # a table of keywords
    assert not board


def test_the_number_of_switched_faults_is_bounded() -> None:
    board = Switchboard()
    for _ in range(MAX_ACTIVE):
        board.switch_on("delay")
    with pytest.raises(ValueError, match="clear some"):
        board.switch_on("delay")


def test_clearing_what_is_not_on_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault has the id 7"):
        Switchboard().clear(7)
