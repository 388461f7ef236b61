"""A gate that goes on from a state that another one had reached."""

import pytest

from risksvc.core import events
from risksvc.core.gate import RiskGate
from tests.unit.core.catalogue import START


def test_it_has_the_state_and_the_time_of_the_other() -> None:
    first = RiskGate()
    assert first.last == 0
    first.apply(events.LeaseRenewed(START + 1), START)

    second = RiskGate(first.state, last=first.last)

    assert second.state is first.state
    assert second.last == START
    with pytest.raises(AssertionError, match="time runs forwards"):
        second.apply(events.Ticked(), START - 1)
