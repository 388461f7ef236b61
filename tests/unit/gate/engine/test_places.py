"""Places: asked for anew as calls are answered, and never held for ever by who says nothing."""

from risksvc.gate.engine.places import MOST, Places


def test_at_first_all_are_asked_for() -> None:
    places = Places()
    assert places.some_free
    assert (places.take(), places.some_free, places.some_not_asked_for) == (MOST, False, False)


def test_a_call_holds_its_place_until_it_is_answered() -> None:
    places = Places()
    places.take()
    came = [places.came() for _ in range(MOST)]
    assert (places.some_free, places.some_not_asked_for) == (False, True)
    for one in came:
        places.answered(one)
    assert places.take() == MOST


def test_what_says_nothing_keeps_nobody_out() -> None:
    places = Places()
    places.take()
    silent = [places.came() for _ in range(MOST)]
    places.looked_at_all()
    assert places.take() == MOST
    for one in silent:
        places.answered(one)
    assert places.take() == 0, "their places were given on already"


def test_streams_and_what_is_refused_hold_none() -> None:
    places = Places()
    places.take()
    for _ in range(MOST):
        places.passed()
    assert places.take() == MOST
