"""What the entries of each venue's ledger mean: `ledger_kind_key` and `ledger_kinds` by ccxt exchange id, as data.

Read off ccxt 4.5.90's `parse_ledger_entry_type` and its samples. ccxt's own types are too coarse for the equity check:
binance's and okx's funding is a "fee" there, bybit's a "trade". A venue that is not listed has a ledger of unknown
entries, which explain nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from risksvc.venue.quirk_fields import LedgerKind

_TRADE, _FEE, _FUNDING = LedgerKind.TRADE, LedgerKind.FEE, LedgerKind.FUNDING
_TRANSFER, _INTEREST, _REBATE, _OTHER = (
    LedgerKind.TRANSFER,
    LedgerKind.INTEREST,
    LedgerKind.REBATE,
    LedgerKind.OTHER,
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where an entry's `info` says what it is (empty: ccxt's own `type` does), and what that means."""

    key: str
    kinds: Mapping[str, LedgerKind]


_NO_LEDGER = Ledger("", {})

_BINANCE = Ledger(
    "incomeType",
    {
        "COMMISSION": _TRADE,
        "FEE": _FEE,
        "OPTIONS_PREMIUM_FEE": _FEE,
        "POSITION_LIMIT_INCREASE_FEE": _FEE,
        "FUNDING_FEE": _FUNDING,
        "SPECIAL_FUNDING_FEE": _FUNDING,
        "REALIZED_PNL": _TRADE,
        "CONTRACT": _TRADE,
        "DELIVERED_SETTELMENT": _TRADE,  # spelt so by the venue
        "OPTIONS_SETTLE_PROFIT": _TRADE,
        "AUTO_EXCHANGE": _TRANSFER,
        "TRANSFER": _TRANSFER,
        "INTERNAL_TRANSFER": _TRANSFER,
        "CROSS_COLLATERAL_TRANSFER": _TRANSFER,
        "STRATEGY_UMFUTURES_TRANSFER": _TRANSFER,
        "COIN_SWAP_DEPOSIT": _TRANSFER,
        "COIN_SWAP_WITHDRAW": _TRANSFER,
        "COMMISSION_REBATE": _REBATE,
        "API_REBATE": _REBATE,
        "FEE_RETURN": _REBATE,
        "REFERRAL_KICKBACK": _REBATE,
        "INSURANCE_CLEAR": _OTHER,
        "WELCOME_BONUS": _OTHER,
        "CONTEST_REWARD": _OTHER,
        "BFUSD_REWARD": _OTHER,
    },
)

LEDGERS: Mapping[str, Ledger] = {
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "bybit": Ledger(
        "type",
        {
            "TRADE": _TRADE,
            "DELIVERY": _TRADE,
            "LIQUIDATION": _TRADE,
            "ADL": _TRADE,
            "CURRENCY_BUY": _TRADE,
            "CURRENCY_SELL": _TRADE,
            "SETTLEMENT": _FUNDING,  # funding; for USDC perpetuals also the settlement every eight hours
            "TRANSFER_IN": _TRANSFER,
            "TRANSFER_OUT": _TRANSFER,
            "INTEREST": _INTEREST,
            "FEE_REFUND": _REBATE,
            "BONUS": _OTHER,
        },
    ),
    "okx": Ledger(
        "type",
        {
            "1": _TRANSFER,
            "2": _TRADE,
            "3": _TRADE,  # delivery
            "4": _OTHER,  # token conversion
            "5": _TRADE,  # liquidation
            "6": _TRANSFER,  # margin transfer: within the account
            "7": _INTEREST,
            "8": _FUNDING,
            "9": _TRADE,  # ADL
            "10": _OTHER,  # clawback
            "11": _OTHER,  # token conversion by the venue
        },
    ),
    "gate": Ledger(
        "type",
        {
            "pnl": _TRADE,
            "fee": _TRADE,
            "point_fee": _FEE,
            "fund": _FUNDING,
            "dnw": _TRANSFER,
            "point_dnw": _TRANSFER,
            "refr": _REBATE,
            "point_refr": _REBATE,
        },
    ),
    "kucoinfutures": Ledger(
        "type",
        {
            "RealisedPNL": _TRADE,
            "TransferIn": _TRANSFER,
            "TransferOut": _TRANSFER,
            "Deposit": _TRANSFER,
            "Withdrawal": _TRANSFER,
        },
    ),
    "krakenfutures": Ledger(
        "info",
        {
            "futures trade": _TRADE,
            "futures liquidation": _TRADE,
            "futures assignee": _TRADE,
            "futures assignor": _TRADE,
            "futures unwind counterparty": _TRADE,
            "futures unwind bankrupt": _TRADE,
            "covered liquidation": _TRADE,
            "settlement": _TRADE,
            "funding rate change": _FUNDING,
            "interest payment": _INTEREST,
            "kfee applied": _FEE,
            "tax withheld": _OTHER,
            "tax refund": _OTHER,
            "conversion": _OTHER,
            "transfer": _TRANSFER,
            "subaccount transfer": _TRANSFER,
            "cross-exchange transfer": _TRANSFER,
        },
    ),
    # Its ledger is the "non-funding" one: deposits, withdrawals and transfers, which ccxt names.
    "hyperliquid": Ledger("", {"transfer": _TRANSFER, "deposit": _TRANSFER, "withdraw": _TRANSFER}),
    "delta": Ledger(
        "transaction_type",
        {
            "pnl": _TRADE,
            "commission": _TRADE,
            "perpetual_futures_funding": _FUNDING,
            "deposit": _TRANSFER,
            "withdrawal": _TRANSFER,
            "withdrawal_cancellation": _TRANSFER,
            "commission_rebate": _REBATE,
            "referral_bonus": _OTHER,
            "promo_credit": _OTHER,
            "conversion": _OTHER,
        },
    ),
    "woo": Ledger("", {"transaction": _TRANSFER, "transfer": _TRANSFER}),  # money in and out only
    "dydx": Ledger("", {"transfer": _TRANSFER, "deposit": _TRANSFER, "withdrawal": _TRANSFER}),
    "kraken": Ledger("type", {"trade": _TRADE, "deposit": _TRANSFER, "withdrawal": _TRANSFER, "transfer": _TRANSFER}),
    "coinbase": Ledger(
        "type",
        {
            "buy": _TRADE,
            "sell": _TRADE,
            "fiat_deposit": _TRANSFER,
            "fiat_withdrawal": _TRANSFER,
            "exchange_deposit": _TRANSFER,
            "exchange_withdrawal": _TRANSFER,
            "pro_deposit": _TRANSFER,
            "pro_withdrawal": _TRANSFER,
            "send": _TRANSFER,
        },
    ),
}


def ledger_of(exchange_id: str) -> Ledger:
    """Give a venue's ledger."""
    return LEDGERS.get(exchange_id, _NO_LEDGER)
