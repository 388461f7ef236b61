"""Who hears of which steps."""

from decimal import Decimal

import pytest

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import Input, OrderChecked, OrderExpected, OrdersChecked, Ticked
from risksvc.core.outputs import Decision, ExposureUse, Notice, NoticeKind, Output
from risksvc.core.types import Order, OrderType, Scope, Side, TradingState
from risksvc.gate.listening import Listeners, is_routine

ORDER = Order("main", "mm", "o", "B", Side.BUY, OrderType.MARKET, Decimal(1))
CHECKED = OrderChecked(ORDER)
NOTICE = Notice(NoticeKind.UTILISATION, "main", "x", "y")


def decision(*denials: Denial) -> Decision:
    return Decision("o", denials, ExposureUse(), ExposureUse(), TradingState.ACTIVE, 2, 1, "h")


APPROVED, DENIED = decision(), decision(Denial(DenialReason.HALTED, Scope(), "halted"))


@pytest.mark.parametrize(
    ("event", "outputs", "routine"),
    [
        (CHECKED, (APPROVED,), True),
        (CHECKED, (DENIED,), False),
        (CHECKED, (APPROVED, NOTICE), False),
        (CHECKED, (NOTICE,), False),
        (CHECKED, (), False),
        (OrdersChecked((CHECKED, CHECKED)), (APPROVED, APPROVED), True),
        (OrdersChecked((CHECKED, CHECKED)), (APPROVED, DENIED), False),
        (OrdersChecked((CHECKED, CHECKED)), (APPROVED, APPROVED, NOTICE), False),
        (OrderExpected(ORDER, "ann", "by hand", 1), (APPROVED,), False),
        (Ticked(), (), False),
    ],
)
def test_only_an_approved_check_that_gave_nothing_else_is_routine(
    event: Input, outputs: tuple[Output, ...], *, routine: bool
) -> None:
    assert is_routine(event, outputs) is routine
    told: list[str] = []
    listeners = Listeners()
    listeners.append(lambda *_: told.append("news"), routine=False)
    listeners.append(lambda *_: told.append("every step"))
    listeners.tell(event, outputs, 1)
    assert told == (["every step"] if routine else ["news", "every step"])


def test_all_are_told_the_same_in_the_order_in_which_they_came() -> None:
    told: list[object] = []
    listeners = Listeners()
    listeners.extend([lambda *step: told.append((1, step)), lambda *step: told.append((2, step))], routine=False)
    listeners += [lambda *step: told.append((3, step))]
    listeners.tell(Ticked(), (NOTICE,), 7)
    assert told == [(number, (Ticked(), (NOTICE,), 7)) for number in (1, 2, 3)]


@pytest.mark.parametrize("outputs", [(APPROVED,), (DENIED,)])
def test_one_that_fails_is_logged_and_keeps_nobody_from_hearing(
    outputs: tuple[Output, ...], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []

    def fail(*_: object) -> None:
        told.append("fails")
        raise RuntimeError("listener")

    listeners = Listeners()
    listeners += [fail, lambda *_: told.append("hears"), fail]
    listeners.tell(CHECKED, outputs, 1)
    assert told == ["fails", "hears", "fails"]
    assert caplog.text.count("a listener failed on OrderChecked") == 2


def test_one_that_was_let_go_hears_nothing() -> None:
    told: list[str] = []

    def one(*_: object) -> None:
        told.append("one")

    def other(*_: object) -> None:
        told.append("other")

    listeners = Listeners()
    listeners += [one, other]
    listeners.remove(one)
    listeners.remove(one)
    listeners.tell(CHECKED, (APPROVED,), 1)
    listeners.tell(CHECKED, (DENIED,), 1)
    assert told == ["other", "other"]
