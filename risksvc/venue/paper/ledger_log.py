"""The transaction log: one entry for each change of a wallet, in Bybit's words.

Records and how to write them, no more. Invariants: `change` is `cash_flow` + `funding` - `fee`, and the entries of a
coin add up to what its wallet has gained since the account was opened, each `cash_balance` being the sum so far.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from risksvc.core.types import ZERO
from risksvc.venue.paper.orders import ExecType, Execution

if TYPE_CHECKING:
    from risksvc.venue.paper.accounts import Account


class EntryType(StrEnum):
    """Why a wallet changed."""

    TRADE = "TRADE"
    SETTLEMENT = "SETTLEMENT"
    DELIVERY = "DELIVERY"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_OUT = "TRANSFER_OUT"


_TYPES = {
    ExecType.TRADE: EntryType.TRADE,
    ExecType.BUST_TRADE: EntryType.LIQUIDATION,
    ExecType.ADL_TRADE: EntryType.ADL,
    ExecType.FUNDING: EntryType.SETTLEMENT,
    ExecType.DELIVERY: EntryType.DELIVERY,
    ExecType.SETTLE: EntryType.DELIVERY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One change of one coin's wallet; `symbol` is an instrument's key, empty for a transfer.

    `execution` is what caused it, `size` the position (its leg's) after it, signed.
    """

    number: int
    entry_type: EntryType
    symbol: str
    coin: str
    cash_flow: Decimal
    funding: Decimal
    fee: Decimal
    cash_balance: Decimal
    size: Decimal
    at_ms: int
    execution: Execution | None = None

    @property
    def change(self) -> Decimal:
        """Give what the wallet gained."""
        return self.cash_flow + self.funding - self.fee


def enter_execution(
    account: "Account",
    execution: Execution,
    *,
    coin: str,
    cash_flow: Decimal = ZERO,
    funding: Decimal = ZERO,
    fee: Decimal = ZERO,
) -> None:
    """Write what an execution did to the wallet of `coin`, which has changed already."""
    account.ledger.add(
        LedgerEntry(
            number=account.next_ledger_number(),
            entry_type=_TYPES[execution.exec_type],
            symbol=execution.symbol,
            coin=coin,
            cash_flow=cash_flow,
            funding=funding,
            fee=fee,
            cash_balance=account.wallets[coin],
            size=account.position(execution.symbol, execution.leg).size,
            at_ms=execution.at_ms,
            execution=execution,
        )
    )


def enter_transfer(account: "Account", coin: str, amount: Decimal, *, at_ms: int) -> LedgerEntry:
    """Write a transfer into the account (out of it when negative), which has happened already."""
    entry = LedgerEntry(
        number=account.next_ledger_number(),
        entry_type=EntryType.TRANSFER_IN if amount > 0 else EntryType.TRANSFER_OUT,
        symbol="",
        coin=coin,
        cash_flow=amount,
        funding=ZERO,
        fee=ZERO,
        cash_balance=account.wallets[coin],
        size=ZERO,
        at_ms=at_ms,
    )
    account.ledger.add(entry)
    return entry
