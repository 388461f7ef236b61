"""The transaction log as an account reads it: newest first, page by page, a day at a time unless asked for more."""

from itertools import takewhile

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.ledger_log import LedgerEntry
from risksvc.venue.paper.paging import DAY_MS, LEDGER_PAGES, before_number, number_cursor, page, window
from risksvc.venue.paper.wire import Row, ledger_row


def transaction_log(call: Call) -> Row:
    """GET /v5/account/transaction-log: of the last 24 hours, or 24 hours from a start, or at most seven days."""
    if call.text("accountType") not in ("", "UNIFIED"):
        raise bad_params("accountType only support UNIFIED.")
    span = window(call, span_ms=DAY_MS)
    newest_first = call.owner.ledger.newest_first(before=before_number(call))
    recent = takewhile(lambda entry: entry.at_ms >= span.start_ms, newest_first)
    rows = (entry for entry in recent if entry.at_ms <= span.end_ms and _is_wanted(call, entry))
    found, cursor = page(
        rows, call=call, rule=LEDGER_PAGES, cursor_of=lambda entry: number_cursor(entry.number, entry.at_ms)
    )
    return {
        "list": [ledger_row(entry, instrument=_instrument(call, entry)) for entry in found],
        "nextPageCursor": cursor,
    }


def _is_wanted(call: Call, entry: LedgerEntry) -> bool:
    """Whether an entry passes the call's filters; a transfer belongs to no category and no base coin."""
    instrument = _instrument(call, entry)
    return (
        call.text("currency") in ("", entry.coin)
        and call.text("type") in ("", entry.entry_type.value)
        and call.text("category") in ("", instrument.category if instrument else None)
        and call.text("baseCoin") in ("", instrument.base if instrument else None)
    )


def _instrument(call: Call, entry: LedgerEntry) -> Instrument | None:
    return call.engine.markets[entry.symbol].instrument if entry.symbol else None
