"""A spot account: what is held is read from balances, per asset, and every move of an asset is told as a fill.

Pure. The assets that are told are the bases of the pairs that are announced; what these are paid with (cash), and what
else lies in the account, is collateral and no position. A trade moves two assets, and its fee perhaps a third: beside
the fill itself, each of those that is told gets a fill of kind TRANSFER, as a deposit does, or the ledger would drift.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from risksvc.core.types import ONE, ZERO, Instrument, Side
from risksvc.venue.quirks import FillKind, LedgerKind, Quirks
from risksvc.venue.rows import BalanceRow, BookingRow, FillRow, PositionRow, rounded


def told_assets(
    instruments: Iterable[Instrument], *, named: Iterable[str], quirks: Quirks
) -> dict[str, tuple[Instrument, ...]]:
    """Give the assets that are told, each with its pairs: the one that it is valued by comes first.

    `named`: the instruments that the settings name; an asset that counts as cash is told only where one of them asks.
    """
    wanted = frozenset(named)
    pairs: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        if instrument.base not in quirks.cash or instrument.symbol in wanted:
            pairs.setdefault(instrument.base, []).append(instrument)
    return {asset: tuple(sorted(each, key=lambda pair: _rank(pair, quirks))) for asset, each in pairs.items()}


def _rank(pair: Instrument, quirks: Quirks) -> tuple[int, str]:
    return (quirks.cash.index(pair.quote) if pair.quote in quirks.cash else len(quirks.cash), pair.symbol)


def grains(assets: Mapping[str, tuple[Instrument, ...]]) -> dict[str, Decimal]:
    """Give what is nothing of each asset: fees and rounding leave less than the largest step that it trades in."""
    return {asset: max((pair.quantity_step or ZERO for pair in pairs), default=ZERO) for asset, pairs in assets.items()}


def spot_positions(
    balances: Mapping[str, BalanceRow], assets: Mapping[str, tuple[Instrument, ...]]
) -> list[PositionRow]:
    """Give one position per asset that is told and not zero; what is borrowed counts below zero."""
    return [
        PositionRow(symbol=asset, quantity=balances[asset].held, listed_as=asset, pair=pairs[0].symbol)
        for asset, pairs in sorted(assets.items())
        if asset in balances and balances[asset].held
    ]


def moves(fill: FillRow, pair: Instrument) -> dict[str, Decimal]:
    """Give what a fill of a pair moves: the base, the quote, and what the fee is paid in."""
    sign = fill.side.sign
    moved = {pair.base: sign * fill.quantity, pair.quote: -sign * fill.quantity * fill.price}
    if fill.fee and fill.fee_currency:
        moved[fill.fee_currency] = moved.get(fill.fee_currency, ZERO) - fill.fee
    return moved


def side_moves(fill: FillRow, pair: Instrument, assets: Mapping[str, tuple[Instrument, ...]]) -> list[FillRow]:
    """Give the fills of what a trade moves beside its base: quote and fee, as far as they are told assets."""
    return [
        _moved(asset, amount, trade_id=f"{fill.trade_id}:{fill.symbol}", at_ms=fill.venue_time_ms)
        for asset, amount in moves(fill, pair).items()
        if asset != pair.base and asset in assets and rounded(amount)
    ]


def booked(booking: BookingRow, assets: Mapping[str, tuple[Instrument, ...]]) -> FillRow | None:
    """Give the fill of a booking that moved a told asset; None where it moved none, or is not known."""
    if booking.kind in (None, LedgerKind.TRADE) or booking.currency not in assets or not booking.amount:
        return None
    return _moved(booking.currency, booking.amount, trade_id=booking.flow_id, at_ms=booking.venue_time_ms)


def _moved(asset: str, amount: Decimal, *, trade_id: str, at_ms: int) -> FillRow:
    return FillRow(
        symbol=asset,
        trade_id=trade_id,
        venue_order_id="",
        client_order_id="",
        side=Side.BUY if amount > ZERO else Side.SELL,
        quantity=abs(rounded(amount)),
        price=ONE,
        fee=None,
        fee_currency="",
        venue_time_ms=at_ms,
        kind=FillKind.TRANSFER,
    )
