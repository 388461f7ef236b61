"""A venue feed that is no exchange client: CSV files are the venue. Usage: csv_feed.py ADDRESS ACCOUNT FOLDER.

README.md beside this file says what the files hold, what the gate expects of a feed, and why.
"""

import csv
import queue
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc

from risksvc.v1 import venue_pb2 as pb
from risksvc.v1.venue_pb2_grpc import VenueFeedServiceStub


def rows(folder: str, name: str, kind: Any) -> list[Any]:  # noqa: ANN401 - any message of the proto
    """A whole file, or an error: a file that is missing or half written is never an empty account."""
    with Path(folder, f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [kind(**{k: int(v) if k.endswith("_ms") else v for k, v in row.items()}) for row in csv.DictReader(file)]


def read(folder: str, command: pb.FeedCommand, *, as_of: int, since: int) -> Iterator[pb.FeedRequest]:
    """One complete read: fills, then positions and orders, then fills again; then marks, and the orders asked for."""
    stamps = {"as_of_gate_time_ns": as_of, "window_start_ms": time.time_ns() // 10**6}
    fills = rows(folder, "fills", pb.FeedFill)
    held, orders = rows(folder, "positions", pb.FeedPosition), rows(folder, "orders", pb.FeedOrder)
    fills += rows(folder, "fills", pb.FeedFill)  # a repeat counts once
    yield pb.FeedRequest(fills=pb.FeedFills(fills=[one for one in fills if one.venue_time_ms >= since]))
    stamps["window_end_ms"] = time.time_ns() // 10**6
    working = [one for one in orders if one.status == pb.VENUE_ORDER_STATUS_OPEN]
    yield pb.FeedRequest(snapshot=pb.FeedSnapshot(positions=held, open_orders=working, **stamps))
    yield pb.FeedRequest(marks=pb.FeedMarks(marks=rows(folder, "marks", pb.FeedMark), as_of_gate_time_ns=as_of))
    for one in command.look_up_orders.orders:
        unknown = pb.FeedOrder(client_order_id=one.client_order_id, status=pb.VENUE_ORDER_STATUS_NOT_FOUND)
        unknown.instrument = one.instrument
        found = [each for each in orders if each.client_order_id == one.client_order_id] or [unknown]
        yield pb.FeedRequest(order_states=pb.FeedOrderStates(orders=found, as_of_gate_time_ns=as_of))


(_, address, account, folder), out = sys.argv, queue.SimpleQueue[pb.FeedRequest]()
hello = pb.FeedHello(account=account, venue="csv", instruments=rows(folder, "instruments", pb.InstrumentDefinition))
hello.client_order_id_max_length, hello.client_order_id_characters = 36, "A-Za-z0-9_-"
out.put(pb.FeedRequest(hello=hello))
as_of, since = 0, time.time_ns() // 10**6
for number, told in enumerate(VenueFeedServiceStub(grpc.insecure_channel(address)).Feed(iter(out.get, None))):
    as_of, since = told.heartbeat.gate_time_ns or as_of, told.welcome.fills_since_ms or since
    if as_of and (told.HasField("command") or number % 10 == 1):  # its clock comes every 100 ms: a read each second
        error = "this feed only reads" if told.command.HasField("cancel_orders") else ""
        try:
            for message in read(folder, told.command, as_of=as_of, since=since):
                out.put(message)
        except (OSError, TypeError, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"
            out.put(pb.FeedRequest(read_failure=pb.FeedReadFailure(what="positions", error=error)))
        done = pb.FeedCommandResult(command_id=told.command.command_id, ok=not error, error=error)
        out.put(pb.FeedRequest(command_result=done))
