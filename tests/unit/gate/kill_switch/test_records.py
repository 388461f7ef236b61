"""Halts, clears and heartbeats as text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate.kill_switch.records import (
    GLOBAL,
    Heartbeat,
    Mark,
    Record,
    RecordUnreadableError,
    clear_text,
    halt_text,
    heartbeat_text,
    namespace_of,
    read_clear,
    read_halt,
    read_heartbeat,
    read_line,
    record_line,
)
from tests.unit.gate.halts import clear, halt

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCOPES = st.builds(Scope) | st.builds(Scope, WORDS.filter(bool), WORDS, WORDS)
HALTS = st.builds(
    Halt, WORDS, SCOPES, st.sampled_from(TradingState), st.sampled_from(Severity), WORDS, WORDS, WORDS, INTEGERS, WORDS
)
CLEARS = st.builds(Clear, WORDS, st.lists(WORDS, max_size=3).map(tuple), INTEGERS, WORDS)
MARKS = st.builds(Mark, WORDS, WORDS, st.integers(0, 2**63 - 1))


@settings(max_examples=300)
@given(record=HALTS | CLEARS | MARKS)
def test_every_record_there_and_back(record: Record) -> None:
    assert read_line(record_line(record)) == record


@settings(max_examples=300)
@given(one=HALTS, other=CLEARS)
def test_store_text_there_and_back(one: Halt, other: Clear) -> None:
    assert read_halt(halt_text(one)) == one
    assert read_clear(clear_text(other)) == other


def test_heartbeat_there_and_back() -> None:
    heartbeat = Heartbeat("g1", "i", "d", 400, "1.2", "abc")
    assert read_heartbeat(heartbeat_text(heartbeat)) == heartbeat


def test_a_field_of_a_newer_gate_is_passed_over() -> None:
    text = halt_text(halt())[:-1] + ',"desk":"x"}'
    assert read_halt(text) == halt()


@pytest.mark.parametrize(
    "text", ["", "null", "{}", "[]", "halted", '{"halt_id":"x"}', halt_text(halt()).replace('"state":3', '"state":7')]
)
def test_what_is_no_halt_is_an_error(text: str) -> None:
    with pytest.raises(RecordUnreadableError):
        read_halt(text)


@pytest.mark.parametrize("line", [b"", b"{}", b'{"Halt":{}}', b'{"Nope":{}}', b'{"Halt":1,"Clear":2}', b"\xff\xfe"])
def test_what_is_no_record_is_an_error(line: bytes) -> None:
    with pytest.raises(RecordUnreadableError):
        read_line(line)


def test_integers_stay_integers_in_text() -> None:
    assert f'"at":{2**62}' in halt_text(halt(at=2**62))


def test_namespaces() -> None:
    assert namespace_of(Scope()) == GLOBAL
    assert namespace_of(halt(account="main", strategy="mm").scope) == "main"
    assert clear().halt_id == "h1"
