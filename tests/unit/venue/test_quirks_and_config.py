"""The table of venues and the settings: what is allowed, what is refused, what is never shown."""

import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support
import pytest

from risksvc.core.types import MalformedInputError, Side
from risksvc.venue.quirks import CAUTIOUS, QUIRKS, FillKind, LedgerKind, Leg, PageLimits, ReadCosts, quirks_of
from tests.unit.venue.builders import BYBIT, settings


def test_an_unlisted_venue_is_read_with_caution() -> None:
    entry = quirks_of("somewhere")
    assert entry == CAUTIOUS
    assert entry.pages == PageLimits(None, None, None)
    assert not entry.signed_contracts
    assert not entry.notional_at_mark


@pytest.mark.parametrize("venue", sorted(QUIRKS))
def test_every_entry_is_usable(venue: str) -> None:
    entry = QUIRKS[venue]
    assert re.compile(f"[{entry.client_order_id_characters}]").fullmatch("a")
    assert 1 <= entry.client_order_id_max_length <= 128
    assert entry.listing in ("bybit", "unified")
    assert bool(entry.kind_key) == bool(entry.kinds)
    assert bool(entry.side_key) == bool(entry.sides)
    assert bool(entry.leg_key) == bool(entry.leg_values)
    assert bool(entry.attached_key) == bool(entry.attached_values)
    assert entry.leg_key or not entry.fill_leg_key
    assert entry.fill_history_ms >= entry.fills_window_ms


@pytest.mark.parametrize("venue", ["bybiteu", "bybitid", "myokx", "okxus", "gateeu"])
def test_a_venue_that_shares_an_entry_is_one_that_ccxt_derives_from_it(venue: str) -> None:
    derived = getattr(ccxt.async_support, venue)
    (origin,) = [name for name in ("bybit", "okx", "gate") if issubclass(derived, getattr(ccxt.async_support, name))]
    assert QUIRKS[venue] == replace(QUIRKS[origin], rate_limit_ms=0)


def test_settings_replace_fields() -> None:
    given = {
        "pages": {"open_orders": 0},
        "kinds": {"Surprise": "ADL", "Odd": None},
        "inverse_contract_size": "10",
        "client_order_id_max_length": 20,
        "costs": {"fills": "2.5"},
        "spot_costs": {"open_orders": "3"},
        "leg_values": {"9": "SHORT"},
        "sides": {"5": "sell"},
        "ledger_kinds": {"AIRDROP": "OTHER"},
        "stream": ["watchOrders"],
        "fill_history_ms": 86_400_000,
    }
    entry = quirks_of("bybit", given)
    assert entry.pages == PageLimits(positions=200, open_orders=0, fills=100)
    assert entry.kinds["Surprise"] is FillKind.ADL
    assert entry.kinds["Odd"] is None
    assert entry.kinds["BustTrade"] is FillKind.LIQUIDATION
    assert entry.inverse_contract_size == Decimal(10)
    assert entry.client_order_id_max_length == 20
    assert entry.costs == ReadCosts(Decimal(5), Decimal(5), Decimal("2.5"))
    assert entry.spot_costs == replace(BYBIT.spot_costs, open_orders=Decimal(3))
    assert entry.leg_values == {"1": Leg.LONG, "2": Leg.SHORT, "9": Leg.SHORT}
    assert entry.sides == {"5": Side.SELL}
    assert entry.ledger_kinds["AIRDROP"] is LedgerKind.OTHER
    assert entry.ledger_kinds["SETTLEMENT"] is LedgerKind.FUNDING
    assert entry.stream == ("watchOrders",)
    assert entry.fill_history_ms == 86_400_000


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"page": 3}, "quirks.page: not known; allowed: "),
        ({"envelope": None}, "quirks.envelope: not known"),
        ({"client_order_id_max_length": "20"}, "must be a int"),
        ({"signed_contracts": 1}, "must be a bool"),
        ({"kinds": {"X": "NOPE"}}, "quirks.kinds: can't be read"),
        ({"pages": {"marks": 1}}, "quirks.pages: can't be read"),
        ({"inverse_contract_size": "-1"}, "must be above 0"),
        ({"leg_values": {"1": "UP"}}, "quirks.leg_values: can't be read"),
        ({"sides": {"1": "up"}}, "quirks.sides: can't be read"),
        ({"ledger_kinds": {"X": "NOPE"}}, "quirks.ledger_kinds: can't be read"),
        ({"stream": "watchOrders"}, "a list of names is needed"),
        ({"costs": {"fills": "0"}}, "must be above 0"),
        ({"costs": {"marks": "1"}}, "quirks.costs: can't be read"),
        ({"remarks": {}}, "quirks.remarks: not known"),
    ],
    ids=str,
)
def test_a_setting_that_is_not_understood_is_refused(given: dict[str, object], problem: str) -> None:
    with pytest.raises(MalformedInputError, match=re.escape(problem)):
        quirks_of("bybit", given)


@pytest.mark.parametrize("name", ["account", "gate_target", "exchange"])
def test_what_must_be_set(name: str) -> None:
    with pytest.raises(MalformedInputError, match=name):
        settings(**{name: ""})


@pytest.mark.parametrize("name", ["positions_every_ms", "read_timeout_ms", "look_ups_per_second", "stream_debounce_ms"])
def test_cadences_are_positive(name: str) -> None:
    with pytest.raises(MalformedInputError, match=name):
        settings(**{name: 0})


def test_reconnect_pauses_have_an_order() -> None:
    with pytest.raises(MalformedInputError, match="reconnect_min_ms"):
        settings(reconnect_min_ms=500, reconnect_max_ms=100)


def test_secrets_are_not_shown() -> None:
    config = settings(api_key="the-key", api_secret="the-secret", credentials={"password": "the-phrase"})
    assert not any(secret in repr(config) for secret in ("the-key", "the-secret", "the-phrase"))
    assert config.secrets() == ("the-phrase", "the-secret", "the-key")


# In a process of its own: what other tests have imported must not matter.
OFFLINE = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("importing must not touch the network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import risksvc.venue.normalise, risksvc.venue.quirks, risksvc.venue.markets, risksvc.venue.config, risksvc.venue.fills
loaded = [name for name in ("ccxt", "aiohttp", "grpc") if name in sys.modules]
assert not loaded, loaded
"""


def test_reading_rows_needs_neither_network_nor_ccxt() -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
