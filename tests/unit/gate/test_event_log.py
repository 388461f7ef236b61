import logging

import pytest

from risksvc.core.events import OrderChecked, OrdersChecked
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import Side
from risksvc.core.venue_events import ReadFailed
from risksvc.gate.event_log import LineFormatter, log_event, log_step, shown
from tests.unit.core.builders import given
from tests.unit.core.catalogue import WIDE, D


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


def test_each_order_of_a_batch_is_told_with_its_own_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = given()
    asked = tuple(OrderChecked(world.order(Side.BUY, size, 50_000), WIDE, D(0)) for size in ("0.1", "1.1", "0.1005"))
    batch = OrdersChecked(asked)
    log_step(batch, world.apply(batch), world.now)
    told = [line(record) for record in caplog.records]
    assert [one.split()[:4] for one in told[:2]] == [
        ["info", "denied", "account=main", "strategy=alpha"],
        ["info", "denied", "account=main", "strategy=alpha"],
    ]
    assert "order=o2" in told[0]
    assert "why=MAX_NET_EXPOSURE" in told[0]
    assert "order=o3" in told[1]
    assert "why=QUANTITY_OFF_STEP" in told[1]
    assert told[2].startswith("warning halt_raised")
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    log_step(batch, world.apply(batch), world.now)
    assert "order=o1" in line(caplog.records[0]), "approvals only when asked for"
