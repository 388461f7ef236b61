"""Wire messages with everything that a test does not care about filled in."""

import time

from risksvc.v1 import operator_pb2, types_pb2

SECOND = 1_000_000_000
BTC = "BTC/USDT:USDT"


def order(**changes: object) -> operator_pb2.WorkingOrder:
    values: dict[str, object] = {
        "account": "main",
        "strategy": "mm",
        "instrument": BTC,
        "client_order_id": "c-1",
        "venue_order_id": "v-1",
        "side": types_pb2.SIDE_BUY,
        "quantity": "2",
        "remaining": "1.5",
        "limit_price": "43000.5",
        "at_venue": True,
        "explained": True,
    }
    return operator_pb2.WorkingOrder(**(values | changes))  # type: ignore[arg-type]


def divergence(**changes: object) -> operator_pb2.Divergence:
    values: dict[str, object] = {
        "divergence_class": "UNEXPECTED_FILL",
        "account": "main",
        "instrument": BTC,
        "believed": "0",
        "ledger": "0",
        "venue": "4.65",
        "usd": "200000",
        "status": "DIVERGED",
        "message": "fill 77 has no approval",
        "reads": 1,
    }
    return operator_pb2.Divergence(**(values | changes))  # type: ignore[arg-type]


def strategy_part(**changes: object) -> operator_pb2.StrategyExposure:
    values: dict[str, object] = {
        "strategy": "mm",
        "ledger_position": "0.5",
        "believed_position": "0.5",
        "belief_age_ms": 300,
        "intended_low": "1",
        "intended_high": "1",
        "band_low": "0",
        "band_high": "1.5",
    }
    return operator_pb2.StrategyExposure(**(values | changes))  # type: ignore[arg-type]


def instrument_part(**changes: object) -> operator_pb2.InstrumentExposure:
    values: dict[str, object] = {
        "instrument": BTC,
        "venue_position": "0.5",
        "ledger_position": "0.5",
        "position_low": "0.5",
        "position_high": "0.5",
        "unattributed": "0",
        "adopted": "0",
        "mark": "43000",
        "value": "21500",
        "worst_low": "0.5",
        "worst_high": "1",
        "exposure": "43000.001",
        "limit": "50000",
        "utilisation": "0.86000002",
        "working_buy": "0.5",
        "working_sell": "0",
        "strategies": [strategy_part()],
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
    }
    return operator_pb2.InstrumentExposure(**(values | changes))  # type: ignore[arg-type]


def account_part(**changes: object) -> operator_pb2.AccountExposure:
    values: dict[str, object] = {
        "account": "main",
        "currency": "USD",
        "total": "43000.001",
        "total_limit": "150000",
        "instruments": [instrument_part()],
        "snapshot_age_ms": 700,
    }
    return operator_pb2.AccountExposure(**(values | changes))  # type: ignore[arg-type]


def read(**changes: object) -> operator_pb2.ReconcileResult:
    values: dict[str, object] = {"account": "main", "complete": True, "agrees": True, "exposure": account_part()}
    return operator_pb2.ReconcileResult(**(values | changes))  # type: ignore[arg-type]


def reservation(**changes: object) -> operator_pb2.Reservation:
    values: dict[str, object] = {
        "order": order(),
        "approved_at_ns": time.time_ns() - 90 * SECOND,
        "status": "ACKNOWLEDGED",
        "reserved": "64500.75",
        "ends_when": "the venue says it is final and all its fills are known",
    }
    return operator_pb2.Reservation(**(values | changes))  # type: ignore[arg-type]
