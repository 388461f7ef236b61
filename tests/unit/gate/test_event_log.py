import logging

import pytest

from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.venue_events import ReadFailed
from risksvc.gate.event_log import LineFormatter, log_event, log_step, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain-1.5", "plain-1.5"),
        (7, "7"),
        ("two words", '"two words"'),
        ('say "x"', r'"say \"x\""'),
        ("line\nbreak", r'"line\nbreak"'),
        ("a=b", '"a=b"'),
        ("\u202eevil", r'"\u202eevil"'),
        ("", '""'),
    ],
)
def test_values_stay_on_their_line(value: object, text: str) -> None:
    assert shown(value) == text


def line(record: logging.LogRecord) -> str:
    return LineFormatter().format(record).partition(" ")[2]


def test_an_event_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_event("halted", logging.WARNING, by="alice", why="a b", nothing="", none=None)
    assert line(caplog.records[0]) == 'warning halted by=alice why="a b"'


def test_other_messages_name_their_module(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("risksvc.gate.owner").error("x\ny")
    assert line(caplog.records[0]) == r'error owner message="x\ny"'


def test_steps_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    notice = Notice(NoticeKind.DIVERGED, "main", "POSITION_DRIFT", "the venue holds 1", "B", "mm")
    log_step(ReadFailed("main", "fills", "timeout of 5 s"), (notice,), 1)
    assert [line(record) for record in caplog.records] == [
        'warning read_failed account=main what=fills error="timeout of 5 s"',
        'warning diverged account=main name=POSITION_DRIFT instrument=B strategy=mm message="the venue holds 1"',
    ]
