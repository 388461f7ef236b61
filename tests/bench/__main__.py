"""`make bench`: what a check costs, as ratios against references of the same run; see `tests/bench/results.md`.

Never part of the suite: a noisy machine must not break a build. Exits non-zero when a bar is missed by its loose bound.
"""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from types import FrameType

import grpc

from risksvc.core.types import use_exact_arithmetic
from tests.bench import apply, bars, checks, durability, halts, loading, memory, recovery, sizes, starting
from tests.bench.options import Options, parse
from tests.bench.report import machine, markdown
from tests.bench.results import Results, text_table

PARTS: Mapping[str, Callable[[Options, Results], None]] = {
    "checks": checks.measure,
    "sizes": sizes.measure,
    "loading": loading.measure,
    "apply": apply.measure,
    "journal": durability.measure,
    "halts": halts.measure,
    "start": starting.measure,
    "recovery": recovery.measure,
    "memory": memory.measure,
}


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Prints the tables; 1 when a bar is missed by its loose bound."""
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupted)  # as Ctrl-C: whatever was started is ended by its handle
    use_exact_arithmetic()
    print("\n".join(machine()), flush=True)
    results = Results()
    for name, part in PARTS.items():
        if name in options.skip:
            results.missing[f"the part {name!r}"] = "left out of this run"
            continue
        told, began = len(results.tables), time.monotonic()
        try:
            part(options, results)
        except (AssertionError, RuntimeError, grpc.RpcError) as error:  # the others are measured all the same
            results.broken[name] = f"{type(error).__name__}: {str(error).strip()[-800:]}"
            print(f"\n{name} broke off: {results.broken[name]}", flush=True)
        for table in results.tables[told:]:
            print(f"\n{table.title} ({time.monotonic() - began:.0f} s)\n{text_table(table)}", flush=True)
    return _end(options, results)


def _end(options: Options, results: Results) -> int:
    table, good = bars.judged(results, every=not options.only)
    print(f"\n{table.title}\n{text_table(table)}")
    for what, why in sorted(results.missing.items()):
        print(f"not measured: {what}: {why}")
    if options.write is not None:
        kind = "a quick run" if options.quick else "a full run"
        how = f"{kind} of {options.rounds} rounds, {options.seconds:g} s a cell"
        options.write.write_text(markdown(results, table, how=how), encoding="utf-8")
        print(f"bench: written to {options.write.name}")
    good = good and not results.broken
    bad = "a bar was missed by its loose bound, or a part broke off"
    print(f"bench: {'every bar within its loose bound' if good else bad}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
