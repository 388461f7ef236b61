"""A paper venue: a local server that speaks Bybit v5, REST and private sockets, for trading without an exchange.

The unmodified ccxt client runs against it with real signing, parsing and error mapping. It matches orders against a
synthetic depth that follows a price path (generated, or 1-minute bars from a CSV file), keeps the books of several
accounts in linear and inverse perpetuals (one-way or hedge mode) and spot pairs, lets things happen to them that
nobody asked for (`events.py`), and can be told to misbehave while it runs (`faults.py`, `control.py`). State lives in
memory and ends with the process; memory is bounded (`accounts.py`). It listens on loopback only, never reaches out,
and never imports ccxt.

Where things are: `config.py` what it is started with; `server.py` sockets; `gateway.py` from request to answer;
`endpoints.py` the table of paths; `market_data.py`, `account_data.py`, `trading.py` what answers them; `engine.py`
what accounts ask for, `matching.py` what becomes of it, `forced.py` what nobody asked for, with `market.py`,
`accounts.py`, `admission.py`, `positions.py`, `hedge.py`, `spot.py`, `stops.py`, `margin.py`, `settlement.py`,
`ledger_log.py` around them; `wire.py` and `public_rows.py` Bybit's row shapes. What changes in an account's books is
told by `changes.py` to `pushes.py`, which `streams.py` sends to the private sockets (`sessions.py` what is said on one,
`sockets.py` the wire); `effects.py` and `stream_effects.py` are what faults do. `README.md` is for whoever uses it.
"""

from risksvc.venue.paper.accounts import Bounds
from risksvc.venue.paper.bars import csv_options
from risksvc.venue.paper.config import DEMO_ACCOUNT, AccountConfig, ApiKey, PaperConfig
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.engine import Rules
from risksvc.venue.paper.instruments import DEFAULT_INSTRUMENTS, EVERY_INSTRUMENT, Instrument
from risksvc.venue.paper.orders import OrderStatus
from risksvc.venue.paper.server import PaperServer, run_paper, serve_paper
from risksvc.venue.paper.synthetic import synthetic_instruments

__all__ = [
    "DEFAULT_INSTRUMENTS",
    "DEMO_ACCOUNT",
    "EVERY_INSTRUMENT",
    "AccountConfig",
    "ApiKey",
    "Bounds",
    "DepthProfile",
    "Instrument",
    "OrderStatus",
    "PaperConfig",
    "PaperServer",
    "Rules",
    "csv_options",
    "run_paper",
    "serve_paper",
    "synthetic_instruments",
]
