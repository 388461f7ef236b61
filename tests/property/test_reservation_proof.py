"""I3, the other way round: every shortcut in the proof of a reservation's end is caught by the random walk.

Each mutant replaces one function of the core by a rule that looks right and is not (the measured shortcuts: by time
alone, by an early look-up, by a cancel that was only asked for, and so on). A mutant that survives so many walks fails
the test: then the walks, not the core, have lost their power.
"""

from collections.abc import Callable, Iterator

import pytest

from risksvc.core import reports_in, venue_in
from risksvc.core.book import AccountBook
from risksvc.core.events import OrderReport, OrderReported
from risksvc.core.outputs import Notice
from risksvc.core.reservations import Reservation, ReservationStatus
from risksvc.core.venue_events import VenueOrder
from tests.property.test_naive_model import walk

WALKS = 2_000  # far fewer than a CI run has
Mutant = Callable[[pytest.MonkeyPatch], None]


def ttl_only(patch: pytest.MonkeyPatch) -> None:
    """An approval that has run out, and the venue's window with it, frees by time alone."""

    def end(book: AccountBook, *, now: int) -> Iterator[Notice]:
        for one in list(book.watched.values()):
            if now > one.valid_until + book.config.venue_window_ns:
                book.release(one, now=now)
        yield from ()

    patch.setattr(venue_in, "_end_never_sent", end)


def early_look_up(patch: pytest.MonkeyPatch) -> None:
    """A look-up that misses the order frees, however early it was made."""

    def proves(one: Reservation, *, as_of: int, venue_window: int) -> bool:
        return not one.at_venue and one.final_filled is None

    patch.setattr(Reservation, "absence_proves", proves)


def no_venue_window(patch: pytest.MonkeyPatch) -> None:
    """A look-up after the approval ran out frees, while the order may still be on its way."""

    def proves(one: Reservation, *, as_of: int, venue_window: int) -> bool:
        return not one.at_venue and one.final_filled is None and as_of > one.valid_until

    patch.setattr(Reservation, "absence_proves", proves)


def not_found_frees_what_was_seen(patch: pytest.MonkeyPatch) -> None:
    """A look-up that misses the order frees, though the venue has shown it before."""

    def proves(one: Reservation, *, as_of: int, venue_window: int) -> bool:
        return one.final_filled is None and as_of > one.valid_until + venue_window

    patch.setattr(Reservation, "absence_proves", proves)


def not_found_frees_what_is_final(patch: pytest.MonkeyPatch) -> None:
    """A look-up that misses the order frees, though its last fills have not come yet."""

    def proves(one: Reservation, *, as_of: int, venue_window: int) -> bool:
        late = as_of > one.valid_until + venue_window
        return late and (one.final_filled is not None or not one.at_venue)

    patch.setattr(Reservation, "absence_proves", proves)


def believed(patch: pytest.MonkeyPatch, said: OrderReport) -> None:
    """What a strategy says of an order's end is taken for its end."""
    real = reports_in._take_report

    def take(reservation: Reservation, event: OrderReported) -> None:
        real(reservation, event)
        if event.report is said:
            reservation.final_filled = reservation.filled

    patch.setattr(reports_in, "_take_report", take)


def cancel_request_frees(patch: pytest.MonkeyPatch) -> None:
    """A strategy that says cancelled is believed."""
    believed(patch, OrderReport.CANCELLED)


def rejection_frees(patch: pytest.MonkeyPatch) -> None:
    """A strategy that says rejected is believed."""
    believed(patch, OrderReport.REJECTED)


def never_sent_frees_at_once(patch: pytest.MonkeyPatch) -> None:
    """A strategy that says never sent is believed before the venue's window has passed."""

    def end(book: AccountBook, *, now: int) -> Iterator[Notice]:
        for one in list(book.watched.values()):
            if one.status is ReservationStatus.NEVER_SENT and not one.at_venue:
                book.release(one, now=now)
        yield from ()

    patch.setattr(venue_in, "_end_never_sent", end)


def final_frees_before_its_fills(patch: pytest.MonkeyPatch) -> None:
    """Final at the venue frees at once, though not all its fills are known."""
    real = Reservation._finish

    def finish(one: Reservation, seen: VenueOrder) -> None:
        real(one, seen)
        one.final_filled = one.filled

    patch.setattr(Reservation, "_finish", finish)


def amendment_forgotten_early(patch: pytest.MonkeyPatch) -> None:
    """A read that shows the old form of an order frees what an amendment under way may still make of it."""
    real = Reservation.show

    def show(one: Reservation, seen: VenueOrder, *, settled_before: int) -> None:
        real(one, seen, settled_before=2**63)

    patch.setattr(Reservation, "show", show)


MUTANTS: tuple[Mutant, ...] = (
    ttl_only,
    early_look_up,
    no_venue_window,
    not_found_frees_what_was_seen,
    not_found_frees_what_is_final,
    cancel_request_frees,
    rejection_frees,
    never_sent_frees_at_once,
    final_frees_before_its_fills,
    amendment_forgotten_early,
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_walks_catch_a_shortcut_in_the_proof(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    for seed in range(WALKS):
        try:
            walk(seed)
        except AssertionError as error:
            assert str(error).startswith(("I2", "I3")), error  # noqa: PT017 - which rule it is matters, not that one fails
            return
    pytest.fail(f"{mutant.__name__} survived {WALKS} walks")
