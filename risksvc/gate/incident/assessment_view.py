"""An assessment as operators see it. Only converts; what is not known is empty text."""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.incident.assessed import AccountAssessed, Assessed, Known, wired
from risksvc.core.incident.exit_cost import ExitCost
from risksvc.core.types import Side, plain
from risksvc.core.venue_events import VenueOrder
from risksvc.v1 import incident_pb2, types_pb2

_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}
# A look's problems that make an account incomplete begin so; all others are remarks.
_LISTS = ("positions", "open_orders", "assessment.positions", "assessment.open_orders")
_MOST = 2**32 - 1


def account_message(account: AccountAssessed) -> incident_pb2.AccountAssessment:
    """One account."""
    return incident_pb2.AccountAssessment(
        account=account.known.account,
        problem="; ".join(_grave(account)),
        currency=account.known.currency,
        instruments=[_instrument(one, account.known) for one in account.instruments],
        open_orders=[_order(one, unexplained=one in account.unexplained) for one in account.open_orders],
        total=number(account.total),
        total_limit=number(account.total_limit),
        exit_cost_now=number(account.exit_cost_now),
        exit_cost_sliced=number(account.exit_cost_sliced),
        remarks=[one for one in account.problems if not one.startswith(_LISTS)],
    )


def _grave(account: AccountAssessed) -> Iterator[str]:
    """Why it is not complete; never empty then."""
    named = [one for one in account.problems if one.startswith(_LISTS)]
    yield from named
    if not account.complete and not named:
        yield "positions and open orders were not read whole"


def _instrument(one: Assessed, known: Known) -> incident_pb2.InstrumentAssessment:
    position, market, book = one.position, one.market, one.market.book
    message = incident_pb2.InstrumentAssessment(
        instrument=one.symbol,
        quantity=number(one.quantity),
        unrealised_pnl=number(one.unrealised_pnl),
        value=number(one.value),
        believed=number(one.believed),
        limit=number(one.limit),
        utilisation=number(one.utilisation),
        ratio=number(one.ratio),
        outside_band=one.outside_band,
        liquidation_distance=number(one.liquidation_distance),
        mark=number(market.mark),
        mark_age_ms=market.mark_age_ms,
        depth=number(one.depth),
        problems=one.problems,
        minutes_to_close=known.minutes_to_close,
    )
    if position is not None:
        message.entry_price, message.liquidation_price = (
            number(position.entry_price),
            number(position.liquidation_price),
        )
        message.long_quantity, message.short_quantity = number(position.long), number(position.short)
    if book is not None:
        message.bid = plain(book.bids[0].price) if book.bids else ""
        message.ask = plain(book.asks[0].price) if book.asks else ""
        message.spread_bps = "" if book.spread_bps is None else plain(wired(book.spread_bps))
    _tell_exits(message, one.exit_now, one.exit_sliced)
    return message


def _tell_exits(message: incident_pb2.InstrumentAssessment, now: ExitCost | None, sliced: ExitCost | None) -> None:
    if now is not None:
        message.exit_cost_now = plain(wired(now.cost))
        message.beyond_book = plain(now.beyond)
    if sliced is not None:
        message.exit_cost_sliced = plain(wired(sliced.cost))
        message.slices = min(sliced.orders, _MOST)  # in a book that has all but emptied there are more


def _order(one: VenueOrder, *, unexplained: bool) -> incident_pb2.AssessedOrder:
    return incident_pb2.AssessedOrder(
        instrument=one.instrument,
        client_order_id=one.client_order_id,
        venue_order_id=one.venue_order_id,
        side=_SIDES[one.side],
        quantity=plain(one.quantity),
        filled=plain(one.filled),
        limit_price=number(one.limit_price),
        trigger_price=number(one.trigger_price),
        reduce_only=one.reduce_only,
        unexplained=unexplained,
    )


def number(value: Decimal | None) -> str:
    """A decimal's text; empty where there is none."""
    return "" if value is None else plain(value)
