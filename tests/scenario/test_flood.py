"""I18: a flood of checks does not delay a halt beyond its bound. `make flood` measures it; here the bound is loose."""

from tests.bench.flood import BAR_MS, Flood, measure, percentile

LOOSE = 5  # other programs share the machine
TRIES = 3  # they may leave those who flood too little of it


def test_a_flood_of_checks_does_not_hold_up_a_halt() -> None:
    for _ in range(TRIES):
        flood = measure(seconds=6, halts=40)
        told = "\n".join(flood.rows())
        assert percentile(flood.latched_ms, 95) <= LOOSE * BAR_MS, told
        assert flood.decided > 0, told
        if is_one(flood):
            return
    raise AssertionError(f"no flood in {TRIES} tries: {told}")


def is_one(flood: Flood) -> bool:
    return sum(one["sent"] for one in flood.tallies) > 2 * flood.sustainable * flood.seconds
