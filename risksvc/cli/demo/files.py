"""The demo's two files, as a user would write them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIMITS = """\
version: 1
currency: USD
rates: {USDT: 1}

defaults:
  max_net_exposure: 50_000
  max_total_exposure: 150_000
  band: 150

accounts:
  main:
    max_total_exposure: 150_000
    instruments:
      BTC/USDT:USDT:
      ETH/USDT:USDT:
      SOL/USDT:USDT:
      XRP/USDT:USDT:
      ADA/USDT:USDT:
      DOGE/USDT:USDT:
    strategies:
      alpha:
        instruments:
          BTC/USDT:USDT: {max_intended: 1}
      beta:
        instruments:
          ETH/USDT:USDT: {max_intended: 20}
"""

LOWERED = LIMITS.replace("      SOL/USDT:USDT:\n", "      SOL/USDT:USDT: {max_net_exposure: 40_000}\n")
BROKEN = LOWERED.replace("max_net_exposure: 40_000", "max_net_exposre: 400_000")


@dataclass(frozen=True, slots=True)
class Person:
    """An operator of the settings file: the hash of the token, and what he or she answers for."""

    token_sha256: str
    role: str


def settings_text(venue_url: str, redis_socket: Path, *, http_port: int, operators: Mapping[str, Person]) -> str:
    """The settings file: one account at the paper venue, two operators."""
    people = "\n".join(
        f"  - {{name: {name}, token_sha256: {one.token_sha256}, roles: [{one.role}]}}"
        for name, one in operators.items()
    )
    return f"""\
version: 1
limits: limits.yaml
gate: {{state_dir: state}}
redis: {{url: "unix://{redis_socket}"}}
listen: {{http: "127.0.0.1:{http_port}"}}
accounts:
  main:
    venue:
      exchange: bybit
      base_url: {venue_url}
      key: {{api_key_file: api_key, secret_file: secret}}
    cadence: {{positions: 1s, marks: 500ms}}
    venue_window: 1s
operators:
{people}
"""
