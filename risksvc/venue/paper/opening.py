"""From configuration to a venue that can trade: the one place where the parts are put together.

Reads the CSV files that the configuration names, and nothing else.
"""

from pathlib import Path

from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.bars import load_bars
from risksvc.venue.paper.config import PaperConfig
from risksvc.venue.paper.engine import Engine
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.prices import BarPath, GeneratedPath, PricePath


def open_venue(config: PaperConfig, *, now_ms: int) -> Engine:
    """Build the engine with all markets and accounts; raise ValueError or OSError for a CSV file that can't be used."""
    markets = [
        Market(
            each,
            path=_path(config, each, csv=config.csv.get(each.key)),
            profile=config.depths.get(each.key, config.depth),
        )
        for each in config.instruments
    ]
    accounts = [
        Account(each.name, balances=each.balances, leverage=each.leverage, bounds=config.bounds, hedge=each.hedge)
        for each in config.accounts
    ]
    engine = Engine(markets=markets, accounts=accounts, rules=config.rules, now_ms=now_ms)
    for symbol, price in config.prices.items():
        engine.set_price(symbol, price, hold=True, now_ms=now_ms)
    return engine


def _path(config: PaperConfig, instrument: Instrument, *, csv: Path | None) -> PricePath:
    if csv is not None:
        return BarPath(load_bars(csv))
    return GeneratedPath(instrument.price, f"{config.seed}:{instrument.path_name}")
