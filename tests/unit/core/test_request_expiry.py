"""The table of request expiry is total: what it does not list, or can't set, is unbounded."""

import pytest

from risksvc.core.request_expiry import REQUEST_EXPIRY, DeadlineForm, ExpiryKind, request_expiry


def test_an_unlisted_venue_is_unbounded() -> None:
    found = request_expiry("somewhere")
    assert not found.bounded
    assert "not verified" in found.note


@pytest.mark.parametrize("exchange_id", REQUEST_EXPIRY)
def test_a_row_says_what_is_set_or_why_nothing_is(exchange_id: str) -> None:
    row = request_expiry(exchange_id)
    assert row.note
    assert row.bounded == bool(row.name)
    assert row.bounded == (row.kind is not ExpiryKind.NONE)
    assert row.form is DeadlineForm.MILLISECONDS or row.kind is ExpiryKind.PARAM
