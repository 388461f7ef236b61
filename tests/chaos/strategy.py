"""A strategy process: asks the real client library before each order, and writes down what it would have sent.

It sends nothing: each approved order is reported as never sent, so that headroom comes back. One strategy of the three
is an asyncio program, the others are plain threads.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

from risksvc.client import AsyncRiskGate, Decision, RiskGate
from tests.chaos.records import Asked, Recorder, boottime

ORDER: dict[str, Any] = {
    "instrument": "BTC/USDT:USDT",
    "side": "buy",
    "type": "limit",
    "quantity": "0.001",
    "limit_price": "50000",
    "intended_position": "1",
    "believed_position": "0",
}


def trade(target: str, *, account: str, records: Path, per_second: float, asynchronous: bool) -> int:
    """Until it is killed."""
    recorder = Recorder(records)
    if asynchronous:
        asyncio.run(_trade_async(target, account, recorder=recorder, pause=1 / per_second))
    else:
        _trade(target, account, recorder=recorder, pause=1 / per_second)
    return 0


def _trade(target: str, account: str, *, recorder: Recorder, pause: float) -> None:
    gate = RiskGate(target, account=account, strategy="mm")
    while True:
        began = time.monotonic()
        asked = boottime()
        decision = gate.check(**ORDER)
        if _judge(decision, asked, recorder):
            gate.never_sent(decision.client_order_id)
        time.sleep(max(0.0, began + pause - time.monotonic()))


async def _trade_async(target: str, account: str, *, recorder: Recorder, pause: float) -> None:
    async with AsyncRiskGate(target, account=account, strategy="mm") as gate:
        while True:
            began = time.monotonic()
            asked = boottime()
            decision = await gate.check(**ORDER)
            if _judge(decision, asked, recorder):
                gate.never_sent(decision.client_order_id)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))


def _judge(decision: Decision, asked: int, recorder: Recorder) -> bool:
    """Writes down what became of it; True: there was an approval to give back."""
    usable = boottime()
    refusal = decision.refusal()
    sent = 0 if refusal else boottime()
    recorder.write(Asked(asked, usable, sent, "" if refusal is None else refusal.reason))
    return decision.approved
