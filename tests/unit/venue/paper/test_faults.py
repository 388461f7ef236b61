"""The switchboard: rows and effects agree, patterns and counts hold, nonsense is refused."""

import pytest

from risksvc.venue.paper.effects import ARRIVALS, DEPARTURES, REPLIES, RESULTS, VIEWS
from risksvc.venue.paper.faults import FAULTS, MAX_ACTIVE, Stage, Switchboard

EFFECTS = {
    Stage.VIEW: VIEWS,
    Stage.ARRIVAL: ARRIVALS,
    Stage.RESULT: RESULTS,
    Stage.REPLY: REPLIES,
    Stage.DEPARTURE: DEPARTURES,
}


@pytest.mark.parametrize("stage", list(Stage))
def test_every_listed_fault_acts_at_its_stage_and_every_effect_is_listed(stage: Stage) -> None:
    assert {name for name, kind in FAULTS.items() if kind.stage is stage} == set(EFFECTS[stage])


@pytest.mark.parametrize("name", list(FAULTS))
def test_every_fault_can_be_switched_on_with_its_defaults(name: str) -> None:
    board = Switchboard()
    fault = board.switch_on(name)
    assert fault.row()["name"] == name
    assert board.hit("/v5/anything", "") == [fault]


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


REFUSED = [
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
