from risksvc.client.streams import KEEP_IDLE_NS, MOST_STREAMS, Shelf, StreamEndedError


def a_shelf(*streams: str) -> Shelf[str]:
    shelf: Shelf[str] = Shelf()
    for number, stream in enumerate(streams):
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
    assert not shelf.has_room()
    shelf.ended("0")
    shelf.ended("0")
    assert shelf.has_room()
    assert len(shelf) == MOST_STREAMS - 1
    assert set(shelf.all()) == set(map(str, range(1, MOST_STREAMS)))


def test_how_a_stream_ended_can_be_read() -> None:
    assert str(StreamEndedError(None, "nobody knows")) == "no status: nobody knows"
