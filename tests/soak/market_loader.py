"""A process that loads a venue's markets once a second, with the venue process's own connection and unmodified ccxt.

Usage: market_loader.py URL. A line `load` on standard input begins, `rest` ends; each is answered with how often all
markets were loaded since the one before.
"""

import asyncio
import sys

from risksvc.core.types import use_exact_arithmetic
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection

LOAD_EVERY_S = 1.0


async def main(base_url: str) -> None:
    """Loads and rests as it is told, until standard input ends."""
    config = VenueConfig(
        account="main",
        gate_target="unix:/nowhere",
        api_key="paper-read",
        api_secret="paper-read-secret",
        base_url=base_url,
    )
    connection = VenueConnection(config)
    try:
        await connection.load_markets()
        say("ready")
        loads, working = [0], asyncio.Event()
        loading = asyncio.create_task(keep_loading(connection, working, loads))
        while line := await asyncio.to_thread(sys.stdin.readline):
            (working.set if line.strip() == "load" else working.clear)()
            done, loads[0] = loads[0], 0
            say(str(done))
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    finally:
        await connection.close()


async def keep_loading(connection: VenueConnection, working: asyncio.Event, loads: list[int]) -> None:
    """A load every LOAD_EVERY_S while `working` is set."""
    while True:
        await working.wait()
        await connection.load_markets()
        loads[0] += 1
        await asyncio.sleep(LOAD_EVERY_S)


def say(text: str) -> None:
    """One line for whoever started this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    use_exact_arithmetic()
    asyncio.run(main(sys.argv[1]))
