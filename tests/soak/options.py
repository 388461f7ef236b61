"""What `make soak` was told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` of each load, `runs` with faults, `trials` of drift, `cycles` of cancels, `seed` of everything."""

    seconds: float = 300.0
    runs: int = 500
    trials: int = 1_000
    real_trials: int = 20
    cycles: int = 200
    cpu_seconds: float = 30.0
    windows: int = 10
    seed: int = 1
