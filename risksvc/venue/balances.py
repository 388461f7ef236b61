"""What an account has of each currency, and what moved it: ccxt's rows of balances and ledger, read.

Pure but for `BalanceReader`, which makes one read for the equity check. A read without a currency that was there, and
that nothing is known to have taken away, is not the truth yet: it is refused, a bounded number of times in a row, so
that a half answer is never taken for a loss. Then it is passed on, and the gate judges what it shows.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, read_failure
from risksvc.venue.quirks import LedgerKind, Quirks
from risksvc.venue.rows import BalanceRow, BookingRow, Row, RowReader, UnreadableRowError

_LOG = logging.getLogger("risksvc.venue")

_OVERLAP_MS = 60_000  # venues write their ledgers late
_PATIENCE = 3  # reads in a row that lack something and are not believed
_MAX_UNKNOWN = 100  # names of entries, each told once
_TRIES = 3
_DIRECTIONS = {"in": 1, "out": -1}


# --- rows ---


def normalise_balance(row: Row, *, what: str = "balances") -> BalanceRow:
    """Read one currency of a listing's balances: `currency`, `total`, and where known `debt` and `equity`.

    `what`: what they are read for, as failures name it.
    """
    reader = RowReader({**row, "symbol": row.get("currency")}, what)
    if not reader.text("currency"):
        raise reader.refuse("the balance names no currency")
    total, debt = reader.figure("total"), reader.figure("debt") or ZERO
    if total is None:
        raise reader.refuse("total is missing: an unknown balance is not an empty one")
    return BalanceRow(
        currency=reader.text("currency"), held=total - abs(debt), wallet=total, equity=reader.figure("equity")
    )


def normalise_balances(rows: Iterable[Row], *, what: str = "balances") -> dict[str, BalanceRow]:
    """Read all currencies; one that is listed twice is refused."""
    found: dict[str, BalanceRow] = {}
    for row in rows:
        balance = normalise_balance(row, what=what)
        if balance.currency in found:
            raise UnreadableRowError(what, balance.currency, "is listed twice")
        found[balance.currency] = balance
    return found


def normalise_booking(row: Row, *, quirks: Quirks, what: str = "balances") -> BookingRow | None:
    """Read one entry of the ledger; None for the cash side of an execution, which its fill has told already."""
    reader = RowReader({**row, "symbol": row.get("currency")}, what)
    name = str(reader.info.get(quirks.ledger_kind_key, "")) if quirks.ledger_kind_key else reader.text("type")
    kind = quirks.ledger_kinds.get(name)
    if kind is LedgerKind.TRADE:
        return None
    for key in ("id", "currency", "timestamp"):
        if not reader.text(key):
            raise reader.refuse(f"{key} of a ledger entry is missing")
    return BookingRow(
        flow_id=reader.text("id"),
        name=name,
        currency=reader.text("currency"),
        kind=kind,
        amount=_amount(reader, quirks),
        venue_time_ms=reader.milliseconds("timestamp"),
        symbol=str(row.get("symbol") or ""),
    )


def _amount(reader: RowReader, quirks: Quirks) -> Decimal:
    """Give the signed amount; ccxt gives it without a sign, and the direction in words."""
    amount = reader.figure("amount")
    if amount is None:
        raise reader.refuse("amount of a ledger entry is missing")
    sign = _DIRECTIONS.get(reader.text("direction").lower())
    signed = amount if sign is None else sign * abs(amount)
    fee = reader.row.get("fee")
    if quirks.ledger_fee_apart and isinstance(fee, Mapping):
        signed -= reader.instead("cost", fee.get("cost")).figure("cost") or ZERO
    return signed


# --- what must be there ---


class Expected:
    """What balances must show, as far as earlier reads and what moved since say. `what` names the read in failures."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._amounts: dict[str, Decimal] = {}
        self._grains: Mapping[str, Decimal] = {}
        self._refused = 0

    def move(self, moves: Mapping[str, Decimal]) -> None:
        """Take in what changed since the last read."""
        for asset, amount in moves.items():
            self._amounts[asset] = self._amounts.get(asset, ZERO) + amount

    def names(self) -> list[str]:
        """Give the assets of which something must be there, sorted."""
        return sorted(name for name, amount in self._amounts.items() if abs(amount) > self._grains.get(name, ZERO))

    def check(self, shown: Mapping[str, Decimal], *, grains: Mapping[str, Decimal]) -> None:
        """Refuse a read that lacks what must be there, else take it as the truth. `grains`: less is nothing."""
        missing = [name for name in self.names() if name not in shown]
        if missing and self._refused < _PATIENCE:
            self._refused += 1
            what = "the balances are empty" if not shown else "the balances lack " + ", ".join(missing[:5])
            raise ReadFailure(self._what, f"{what}, though nothing is known to have taken it away")
        self._refused = 0
        self._amounts = dict(shown)
        self._grains = grains


# --- the equity check's read ---


@dataclass(frozen=True, slots=True)
class BalancesRead:
    """Equity by currency at a venue time, and the bookings up to it that no earlier read of this session gave."""

    balances: tuple[BalanceRow, ...]
    flows: tuple[BookingRow, ...]
    venue_time_ms: int


class BalanceReader:
    """Reads one account's balances and bookings for one session. `since_ms`: bookings from this venue time on.

    Ledger, balances, ledger again: a booking that only the second shows may or may not be in the balances, so they are
    read once more. Entries that the table of venues does not know are named in the log, once.
    """

    def __init__(self, connection: VenueConnection, *, since_ms: int) -> None:
        self._connection = connection
        self._complete_ms = since_ms
        self._from_ms = since_ms
        self._seen: dict[str, int] = {}
        self._unknown: set[str] = set()
        self._expected = Expected("balances")

    async def read(self) -> BalancesRead:
        """Make one read; raises ReadFailure."""
        config = self._connection.config
        try:
            async with asyncio.timeout(config.read_timeout_ms / 1_000):
                with failing_as("balances", config.secrets()):
                    return await self._read()
        except TimeoutError as error:
            raise read_failure("balances", error) from error

    async def _read(self) -> BalancesRead:
        listing = self._connection.poll_listing
        bookings = await self._bookings()
        for _ in range(_TRIES):
            listed = await listing.balances(self._expected.names())
            balances = await self._with_equity(normalise_balances(listed.rows))
            before, bookings = bookings, await self._bookings()
            if before.keys() == bookings.keys():
                break
        else:
            raise ReadFailure("balances", "bookings came during every read: what the balances hold is not known")
        self._expected.check({name: row.equity or ZERO for name, row in balances.items()}, grains={})
        self._complete_ms = max(self._complete_ms, listed.venue_time_ms)
        return BalancesRead(tuple(balances.values()), tuple(self._new(bookings)), listed.venue_time_ms)

    async def _bookings(self) -> dict[str, BookingRow]:
        """Read what no earlier read gave, each entry under what makes it one."""
        ledger = await self._connection.poll_listing.ledger(max(self._from_ms, self._complete_ms - _OVERLAP_MS))
        read = [normalise_booking(row, quirks=self._connection.quirks) for row in ledger.rows]
        found = {f"{each.name}:{each.flow_id}": each for each in read if each is not None}
        return {key: each for key, each in found.items() if key not in self._seen}

    async def _with_equity(self, balances: dict[str, BalanceRow]) -> dict[str, BalanceRow]:
        """Give each its equity: the venue's own, or the total where it is that, or cash and the positions' profit."""
        quirks = self._connection.quirks
        if all(row.equity is not None for row in balances.values()):
            return balances
        profit: dict[str, Decimal] = {}
        if not quirks.spot and quirks.balance_total == "wallet":
            profit = unrealised((await self._connection.poll_listing.positions()).rows)
        names = [*balances, *(name for name in profit if name not in balances)]
        return {name: _with_profit(name, balances.get(name), profit, quirks) for name in names}

    def _new(self, bookings: Mapping[str, BookingRow]) -> list[BookingRow]:
        for key, flow in bookings.items():
            self._seen[key] = flow.venue_time_ms
            if flow.kind is None:
                self._name_unknown(flow)
        self._forget()
        told = [flow for flow in bookings.values() if flow.kind is not None and flow.amount]
        return sorted(told, key=lambda flow: (flow.venue_time_ms, flow.flow_id))

    def _name_unknown(self, flow: BookingRow) -> None:
        if flow.name not in self._unknown and len(self._unknown) < _MAX_UNKNOWN:
            self._unknown.add(flow.name)
            _LOG.warning("the ledger books %r, which is not known: see quirks.ledger_kinds", flow.name)

    def _forget(self) -> None:
        """Drop what no read can bring again."""
        horizon = self._complete_ms - 2 * _OVERLAP_MS
        for key in [key for key, at_ms in self._seen.items() if at_ms < horizon]:
            del self._seen[key]


def _with_profit(name: str, row: BalanceRow | None, profit: Mapping[str, Decimal], quirks: Quirks) -> BalanceRow:
    held = row.held if row is not None else ZERO
    wallet = None if quirks.balance_total == "equity" and not quirks.spot else held
    return BalanceRow(currency=name, held=held, wallet=wallet, equity=held + profit.get(name, ZERO))


def unrealised(rows: Iterable[Row]) -> dict[str, Decimal]:
    """Add the positions' unrealised profit up by the currency that they settle in."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        reader = RowReader(row, "balances")
        if reader.decimal("contracts") == ZERO:
            continue
        value = reader.figure("unrealizedPnl")
        if value is None:
            raise reader.refuse("unrealizedPnl is missing: the account's equity is not known")
        settle = reader.text("symbol").partition(":")[2].partition("-")[0]
        if not settle:
            raise reader.refuse("the symbol names no settle currency")
        sums[settle] = sums.get(settle, ZERO) + value
    return sums
