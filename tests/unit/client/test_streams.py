import grpc

from risksvc.client.streams import KEEP_IDLE_NS, MOST_STREAMS, REFUSED_FOR_NS, Shelf, StreamEndedError


def a_shelf(*streams: str) -> Shelf[str]:
    shelf: Shelf[str] = Shelf()
    for number, stream in enumerate(streams):
        assert shelf.reserve(0)
        shelf.opened(stream)
        shelf.put(stream, number)
    return shelf


def test_the_last_one_put_back_is_taken_first() -> None:
    shelf = a_shelf("a", "b")
    assert [shelf.take(), shelf.take(), shelf.take()] == ["b", "a", None]


def test_only_what_has_waited_too_long_is_taken_as_old() -> None:
    shelf = a_shelf("a", "b")
    assert shelf.take_old(KEEP_IDLE_NS) is None
    assert shelf.take_old(KEEP_IDLE_NS + 1) == "a"
    assert shelf.take_old(KEEP_IDLE_NS + 1) is None
    assert shelf.take() == "b"
    assert shelf.take_old(10 * KEEP_IDLE_NS) is None


def test_so_many_streams_and_no_more() -> None:
    shelf = a_shelf(*map(str, range(MOST_STREAMS)))
    assert not shelf.reserve(0)
    shelf.ended("0")
    shelf.ended("0")
    assert shelf.reserve(0)
    assert len(shelf) == MOST_STREAMS - 1
    assert set(shelf.all()) == set(map(str, range(1, MOST_STREAMS)))


def test_how_a_stream_ended_can_be_read() -> None:
    assert str(StreamEndedError(None, "nobody knows")) == "no status: nobody knows"


def test_one_that_is_refused_at_once_is_not_tried_again_for_a_while() -> None:
    shelf: Shelf[str] = Shelf()
    refused = StreamEndedError(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
    shelf.note_end(refused, answered=True, now_ns=1)
    shelf.note_end(StreamEndedError(grpc.StatusCode.UNAVAILABLE, "gone"), answered=False, now_ns=1)
    assert shelf.reserve(1), "it had answered before, or the gate only went"
    shelf.note_end(refused, answered=False, now_ns=1)
    assert not shelf.reserve(REFUSED_FOR_NS)
    assert shelf.reserve(1 + REFUSED_FOR_NS)


def test_room_is_reserved_before_it_is_used_and_given_back() -> None:
    shelf: Shelf[str] = Shelf()
    assert [shelf.reserve(0) for _ in range(MOST_STREAMS + 1)] == [True] * MOST_STREAMS + [False]
    shelf.not_opened()
    assert shelf.reserve(0)
