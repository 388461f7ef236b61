"""What each fault does: one small function per row of `faults.FAULTS`, in a table per stage.

A test checks that tables and rows agree, so a fault can't be listed without acting nor act without being listed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from risksvc.venue.paper.calls import View
from risksvc.venue.paper.errors import RetCode
from risksvc.venue.paper.faults import MAX_HELD, Fault
from risksvc.venue.paper.messages import DroppedError, Incoming, Reply, encode
from risksvc.venue.paper.wire import Row, refusal

_ROW_KEYS: Final = ("list", "rows")
_TEXT: Final = "text/html"
# How many different requests a frozen venue keeps answers for.
_MAX_FROZEN: Final = 256


def _skew_clock(fault: Fault, view: View) -> None:
    view.skew_ms += fault.number("ms")


def _lag_positions(fault: Fault, view: View) -> None:
    view.position_lag_ms = fault.number("ms")


def _lag_executions(fault: Fault, view: View) -> None:
    view.execution_lag_ms = fault.number("ms")


def _limit_pages(fault: Fault, view: View) -> None:
    view.page_size = fault.number("rows")


def _always_cursor(_fault: Fault, view: View) -> None:
    view.always_cursor = True


def _reject_after_ack(_fault: Fault, view: View) -> None:
    view.reject_after_ack = True


VIEWS: Final[Mapping[str, Callable[[Fault, View], None]]] = MappingProxyType(
    {
        "clock_skew": _skew_clock,
        "position_lag": _lag_positions,
        "execution_lag": _lag_executions,
        "page_size": _limit_pages,
        "always_cursor": _always_cursor,
        "reject_after_ack": _reject_after_ack,
    }
)


async def _delay(fault: Fault, _now_ms: int) -> Reply | None:
    await asyncio.sleep(fault.number("ms") / 1_000)
    return None


async def _hang(fault: Fault, _now_ms: int) -> Reply | None:
    if fault.held >= MAX_HELD:
        raise DroppedError
    fault.held += 1
    await fault.cleared.wait()
    return None


async def _drop_before(_fault: Fault, _now_ms: int) -> Reply | None:
    raise DroppedError


async def _http_error(fault: Fault, _now_ms: int) -> Reply | None:
    return Reply(fault.number("status"), fault.text("body").encode(), _TEXT)


async def _rate_limit(fault: Fault, now_ms: int) -> Reply | None:
    headers = {
        "X-Bapi-Limit": "50",
        "X-Bapi-Limit-Status": "0",
        "X-Bapi-Limit-Reset-Timestamp": str(now_ms + fault.number("reset_ms")),
    }
    row = refusal(RetCode.TOO_MANY_VISITS, "Too many visits. Exceeded the API Rate Limit.", time_ms=now_ms)
    return Reply(200, encode(row), headers=headers)


async def _maintenance(fault: Fault, _now_ms: int) -> Reply | None:
    headers = {"Retry-After": str(fault.number("retry_after_s"))}
    return Reply(503, b"<html><body>The system is under maintenance.</body></html>", _TEXT, headers=headers)


async def _ret_code(fault: Fault, now_ms: int) -> Reply | None:
    return Reply(200, encode(refusal(fault.number("code"), fault.text("message"), time_ms=now_ms)))


# Each gives an answer, or None to let the request pass.
ARRIVALS: Final[Mapping[str, Callable[[Fault, int], Awaitable[Reply | None]]]] = MappingProxyType(
    {
        "delay": _delay,
        "hang": _hang,
        "drop_before": _drop_before,
        "http_error": _http_error,
        "ret_code": _ret_code,
        "rate_limit": _rate_limit,
        "maintenance": _maintenance,
    }
)


def _ret_code_after(fault: Fault, row: Row) -> Row:
    return refusal(fault.number("code"), fault.text("message"), time_ms=row["time"])


def _null_result(_fault: Fault, row: Row) -> Row:
    return {**row, "result": None}


def _empty_list(_fault: Fault, row: Row) -> Row:
    return _with_rows(row, lambda _rows: [], keep_cursor=False)


def _half_list(_fault: Fault, row: Row) -> Row:
    return _with_rows(row, lambda rows: rows[: len(rows) // 2], keep_cursor=False)


def _duplicate_rows(_fault: Fault, row: Row) -> Row:
    return _with_rows(row, lambda rows: [each for each in rows for _ in range(2)], keep_cursor=True)


def _with_rows(row: Row, change: Callable[[list[Any]], list[Any]], *, keep_cursor: bool) -> Row:
    """Change the list of an answer that has one; leave refusals and answers without a list alone."""
    result = row["result"]
    if not isinstance(result, dict):
        return row
    changed: Row = {key: change(result[key]) for key in _ROW_KEYS if key in result}
    if changed and not keep_cursor and "nextPageCursor" in result:
        changed["nextPageCursor"] = ""
    return {**row, "result": {**result, **changed}}


RESULTS: Final[Mapping[str, Callable[[Fault, Row], Row]]] = MappingProxyType(
    {
        "ret_code_after": _ret_code_after,
        "null_result": _null_result,
        "empty_list": _empty_list,
        "half_list": _half_list,
        "duplicate_rows": _duplicate_rows,
    }
)


def _number_trades(rows: list[Row]) -> list[Row]:
    """Give executions ids that say no more than where they stand in their instrument."""
    return [
        {**row, "execId": f"{row['seq']}-{row['leavesQty']}-{row['side']}"} if "execId" in row else row for row in rows
    ]


# Each gives the rows that are shown in place of those of a list, or of a push.
ROWS: Final[Mapping[str, Callable[[list[Row]], list[Row]]]] = MappingProxyType({"trade_ids_per_symbol": _number_trades})


def with_changed_rows(fault: Fault, row: Row) -> Row:
    """Change the rows of an answer as a fault says."""
    return _with_rows(row, ROWS[fault.name], keep_cursor=True)


def _frozen(fault: Fault, reply: Reply, incoming: Incoming) -> Reply:
    key = f"{incoming.method} {incoming.path}?{incoming.query} {incoming.headers.get('X-BAPI-API-KEY', '')}"
    if key not in fault.answers and len(fault.answers) < _MAX_FROZEN:
        fault.answers[key] = reply.body
    return Reply(reply.status, fault.answers.get(key, reply.body))


def _non_json(fault: Fault, _reply: Reply, _incoming: Incoming) -> Reply:
    return Reply(200, fault.text("body").encode(), _TEXT)


def _empty_body(_fault: Fault, _reply: Reply, _incoming: Incoming) -> Reply:
    return Reply(200, b"")


def _null_body(_fault: Fault, _reply: Reply, _incoming: Incoming) -> Reply:
    return Reply(200, b"null")


def _truncated_body(fault: Fault, reply: Reply, _incoming: Incoming) -> Reply:
    return replace(reply, body=_first(fault, reply), promised=len(reply.body))


def _broken_json(fault: Fault, reply: Reply, _incoming: Incoming) -> Reply:
    return replace(reply, body=_first(fault, reply))


def _first(fault: Fault, reply: Reply) -> bytes:
    return reply.body[: len(reply.body) * fault.number("percent") // 100]


def _http_error_after(fault: Fault, _reply: Reply, _incoming: Incoming) -> Reply:
    return Reply(fault.number("status"), fault.text("body").encode(), _TEXT)


REPLIES: Final[Mapping[str, Callable[[Fault, Reply, Incoming], Reply]]] = MappingProxyType(
    {
        "frozen": _frozen,
        "non_json": _non_json,
        "empty_body": _empty_body,
        "null_body": _null_body,
        "truncated_body": _truncated_body,
        "broken_json": _broken_json,
        "http_error_after": _http_error_after,
    }
)


async def _delay_reply(fault: Fault) -> None:
    await asyncio.sleep(fault.number("ms") / 1_000)


async def _drop_after(_fault: Fault) -> None:
    raise DroppedError


DEPARTURES: Final[Mapping[str, Callable[[Fault], Awaitable[None]]]] = MappingProxyType(
    {"delay_reply": _delay_reply, "drop_after": _drop_after}
)
