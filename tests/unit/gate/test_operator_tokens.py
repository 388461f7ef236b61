"""Operators' tokens: made, hashed, compared."""

import re

import pytest

from risksvc.gate.operator_tokens import Operator, find_operator, hash_token, new_token, verify_token


def test_a_new_token_is_one_printable_word_that_its_hash_verifies() -> None:
    token, other = new_token(), new_token()
    assert token != other
    assert re.fullmatch(r"rsk_[A-Za-z0-9_-]{43}", token)
    assert verify_token(token, hash_token(token))
    assert not verify_token(other, hash_token(token))


@pytest.mark.parametrize("token", ["", " ", "x", "\udc80", "\u0663"])
def test_what_is_no_token_verifies_as_nobody(token: str) -> None:
    assert not verify_token(token, hash_token("the token"))
    assert not verify_token("", hash_token(""))


def test_an_operator_is_found_by_the_token() -> None:
    operators = (Operator("alice", hash_token("a")), Operator("bob", hash_token("b")))
    assert find_operator(operators, "b") == Operator("bob", hash_token("b"))
    assert find_operator(operators, "c") is None
    assert find_operator(operators, "") is None
    assert find_operator((), "a") is None
