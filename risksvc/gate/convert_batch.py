"""A strategy's batch, between wire and core: read order by order, answered as one message.

Rule 1: what makes the whole batch unreadable (its size, its mode, orders of several strategies) is raised; an order
that can't be read is told beside the others, at its place. Rule 2: the answer's bytes are those of the single answers,
put together as protobuf writes a repeated message; each is written once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from risksvc.core.events import OrderChecked, OrdersChecked
from risksvc.core.types import MalformedInputError
from risksvc.gate import convert
from risksvc.gate.convert_strategy import order_checked
from risksvc.v1 import strategy_pb2

# The longest orders: so many of them are below the 64 KiB that a request may have.
MAX_BATCH = 100
_MODES: Mapping[int, str] = {
    strategy_pb2.BATCH_MODE_EACH: "BATCH_MODE_EACH",
    strategy_pb2.BATCH_MODE_ALL_OR_NONE: "BATCH_MODE_ALL_OR_NONE",
}
_DECISION = strategy_pb2.CheckBatchResponse.DECISIONS_FIELD_NUMBER << 3 | 2  # length and bytes follow
_SEVEN_BITS, _MORE = 0x7F, 0x80


@dataclass(slots=True)
class BatchRead:
    """A batch as it was read. `refused`: the orders that can't be read, by their place from 0."""

    all_or_none: bool
    asked: list[OrderChecked] = field(default_factory=list)
    refused: dict[int, MalformedInputError] = field(default_factory=dict)

    def question(self) -> OrdersChecked:
        """What the core is asked."""
        return OrdersChecked(tuple(self.asked), self.all_or_none)


def read_batch(request: strategy_pb2.CheckBatchRequest) -> BatchRead:
    """Reads a batch. Raises MalformedInputError for what is wrong with all of it."""
    convert.member(request.mode, _MODES, field="mode")
    orders = request.orders
    if not 0 < len(orders) <= MAX_BATCH:
        raise MalformedInputError("orders", f"has {len(orders)} orders; allowed: 1 to {MAX_BATCH}")
    account, strategy = orders[0].account, orders[0].strategy
    batch = BatchRead(request.mode == strategy_pb2.BATCH_MODE_ALL_OR_NONE)
    for place, order in enumerate(orders):
        if order.account != account or order.strategy != strategy:
            problem = "is not the first order's account and strategy; allowed: one of each for the whole batch"
            raise MalformedInputError(f"orders[{place}]", problem)
        try:
            batch.asked.append(order_checked(order))
        except MalformedInputError as error:
            batch.refused[place] = error
    return batch


def batch_reply(replies: Iterable[bytes]) -> bytes:
    """A CheckBatchResponse of CheckOrderResponses, each as its bytes."""
    written = bytearray()
    for reply in replies:
        written.append(_DECISION)
        size = len(reply)
        while size > _SEVEN_BITS:
            written.append(size & _SEVEN_BITS | _MORE)
            size >>= 7
        written.append(size)
        written += reply
    return bytes(written)
