"""Many instruments at once: what a venue of hundreds of markets costs is only seen with hundreds of markets."""

from typing import Final

from risksvc.venue.paper.instruments import Instrument, linear

MOST_SYNTHETIC: Final = 5_000


def synthetic_instruments(count: int) -> tuple[Instrument, ...]:
    """Build so many USDT perpetuals, X0000USDT and on, of about 100 each. Raises ValueError beyond the bound."""
    if not 0 <= count <= MOST_SYNTHETIC:
        raise ValueError(f"synthetic: {count} is not between 0 and {MOST_SYNTHETIC}")
    return tuple(
        linear(f"X{number:04}", price=str(50 + number % 100), tick="0.01", step="0.01", max_qty="100000")
        for number in range(count)
    )
