"""The two threads of one blocking gate: one listens to the trading state, one delivers reports.

They hold nothing of the gate object itself, so that a forgotten one can be collected, and they are daemons that end
when it is closed, collected, or the interpreter exits. Rules: the listening thread never waits for a report, nor
reports for the user's `on_state`; whatever goes wrong here ends in silence, and silence denies.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import grpc

from risksvc.client import clock
from risksvc.client.channel import RECONNECT_FIRST, RECONNECT_MOST, REPORT_DEADLINE, problem_text, status_of
from risksvc.client.following import Follower
from risksvc.client.reports import HOPELESS, Report, ReportQueue
from risksvc.client.streams_blocking import BlockingStreams
from risksvc.client.telling import Teller
from risksvc.core.types import SECOND
from risksvc.v1 import strategy_pb2
from risksvc.v1.strategy_pb2_grpc import StrategyServiceStub

logger = logging.getLogger("risksvc.client")

# How often the reporting thread looks whether the stream has fallen silent.
_LOOK_EVERY = 0.1
_JOIN_PATIENCE = 1.0


class _Stream(Protocol):
    def cancel(self) -> object: ...

    def __iter__(self) -> Iterator[strategy_pb2.WatchTradingStateResponse]: ...


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the threads need to know."""

    stub: StrategyServiceStub
    follower: Follower
    queue: ReportQueue
    watch_request: strategy_pb2.WatchTradingStateRequest
    teller: Teller
    streams: BlockingStreams


class Background:
    """Both threads, from construction to `stop`."""

    def __init__(self, conversation: Conversation) -> None:
        self._with = conversation
        self._changed = threading.Condition()
        self._telling = threading.Lock()
        self._stopped = threading.Event()
        self._stream: _Stream | None = None
        self._stream_since = clock.now()
        self._threads = [
            threading.Thread(target=self._listen, name="risksvc-listen", daemon=True),
            threading.Thread(target=self._deliver, name="risksvc-report", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    # -- for the gate object --------------------------------------------------------------------------------------

    def submit(self, report: Report) -> bool:
        """Queue a report; False: stopped, or the queue is full."""
        if self._stopped.is_set():
            return False
        with self._changed:
            queued = self._with.queue.put(report)
            self._changed.notify_all()
        if not queued:
            logger.warning("the report queue is full: %s is lost", report)
        return queued

    def forget(self, line: str) -> None:
        """Drop what waits in a line of the queue."""
        with self._changed:
            self._with.queue.drop_line(line)

    def wait_ready(self, timeout: float) -> bool:
        """Wait until the trading state is known."""
        with self._changed:
            return self._changed.wait_for(lambda: self._known() or self._stopped.is_set(), timeout) and self._known()

    def flush(self, timeout: float) -> bool:
        """Wait until every report was answered."""
        with self._changed:
            self._changed.wait_for(lambda: self._with.queue.idle or self._stopped.is_set(), timeout)
            return self._with.queue.idle

    def stop(self, linger: float) -> None:
        """Deliver what is queued, for at most `linger` seconds, then end both threads. The first call does it."""
        if self._stopped.is_set():
            return
        self._with.follower.close()
        if threading.current_thread() not in self._threads:
            self.flush(linger)
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()
            left = len(self._with.queue)
        if left:
            logger.warning("closed with %d reports undelivered; the gate learns of them from the venue's feed", left)
        if self._stream is not None:
            self._stream.cancel()

    def join(self) -> None:
        """Wait for the threads to end; not for the one that calls."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_JOIN_PATIENCE)

    def abandon(self) -> None:
        """Forget the threads: this is a child process, which has none of them."""
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._stopped.set()
        self._threads = []

    # -- listening ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        pause = RECONNECT_FIRST
        while not self._stopped.is_set():
            heard = self._listen_once()
            # A gate that stops waits for those who have a stream open; after a restart these lead nowhere.
            self._with.streams.retire()
            pause = RECONNECT_FIRST if heard else min(2 * pause, RECONNECT_MOST)
            self._stopped.wait(pause)

    def _listen_once(self) -> bool:
        """Follow one stream to its end; True when anything was heard."""
        heard = False
        follower = self._with.follower
        try:
            for message in self._open_stream():
                follower.hear(message, clock.now())
                heard = True
                self._after_message()
            follower.lost("the gate ended the stream")
        except Exception as error:  # noqa: BLE001 - whatever it is, silence denies; and the log must not flood
            follower.lost(problem_text(error))
            self._end_stream()
        return heard

    def _open_stream(self) -> _Stream:
        self._with.follower.stream_opened()
        self._stream_since = clock.now()
        stream = self._with.stub.WatchTradingState(self._with.watch_request, wait_for_ready=False)
        self._stream = stream
        if self._stopped.is_set():
            stream.cancel()
        return stream

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.cancel()

    def _after_message(self) -> None:
        with self._changed:
            self._changed.notify_all()
        with self._telling:
            self._with.teller.tell(clock.now())

    def _known(self) -> bool:
        return self._with.follower.standing(clock.now()) is not None

    # -- reporting ------------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        while not self._stopped.is_set():
            self._look_for_silence()
            self._with.streams.look_after()
            report = self._next()
            if report is not None:
                self._deliver_one(report)

    def _next(self) -> Report | None:
        with self._changed:
            now_ns = time.monotonic_ns()
            report = self._with.queue.take(now_ns)
            if report is None and not self._stopped.is_set():
                due = self._with.queue.due_in(now_ns)
                self._changed.wait(_LOOK_EVERY if due is None else min(_LOOK_EVERY, due / SECOND))
            return report

    def _deliver_one(self, report: Report) -> None:
        queue = self._with.queue
        try:
            response = getattr(self._with.stub, report.kind.value)(
                report.request, timeout=REPORT_DEADLINE, wait_for_ready=False
            )
        except grpc.RpcError as error:
            code, details = status_of(error)
            hopeless = code in HOPELESS
            if hopeless:
                logger.warning("the gate refused a report, which is lost: %s: %s", report, details)
            self._settle(queue.refused if hopeless else lambda: queue.failed(time.monotonic_ns()))
        except Exception as error:  # noqa: BLE001 - e.g. ValueError when the channel was closed meanwhile
            logger.debug("a report failed: %s: %r", report, error)
            self._settle(lambda: queue.failed(time.monotonic_ns()))
        else:
            self._settle(lambda: queue.answered(response, time.monotonic_ns()))

    def _settle(self, outcome: Callable[[], None]) -> None:
        with self._changed:
            outcome()
            self._changed.notify_all()

    def _look_for_silence(self) -> None:
        """Open a silent stream anew (its connection may be dead) and tell the user that nothing is known."""
        now = clock.now()
        follower = self._with.follower
        standing = follower.standing(now)
        if standing is not None:
            return
        if self._telling.acquire(blocking=False):
            try:
                self._with.teller.tell(clock.now())
            finally:
                self._telling.release()
        if clock.elapsed(self._stream_since, now) > follower.patience_ns():
            self._end_stream()
