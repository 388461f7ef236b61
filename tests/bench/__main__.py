"""`make bench`: what a check costs, as ratios against references of the same run; see `tests/bench/results.md`.

Never part of the suite: a noisy machine must not break a build. Exits non-zero when a bar is missed by its loose bound.
"""

import signal
import sys
from types import FrameType

from risksvc.core.types import use_exact_arithmetic
from tests.bench import bars, checks, loading, sizes
from tests.bench.options import Options, parse
from tests.bench.report import machine, markdown
from tests.bench.results import Results, text_table

PARTS = (checks.measure, sizes.measure, loading.measure)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Prints the tables; 1 when a bar is missed by its loose bound."""
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, _interrupted)  # as Ctrl-C: whatever was started is ended by its handle
    use_exact_arithmetic()
    print("\n".join(machine()), flush=True)
    results = Results()
    for part in PARTS:
        told = len(results.tables)
        part(options, results)
        for table in results.tables[told:]:
            print(f"\n{table.title}\n{text_table(table)}", flush=True)
    return _end(options, results)


def _end(options: Options, results: Results) -> int:
    table, good = bars.judged(results, every=not options.only)
    print(f"\n{table.title}\n{text_table(table)}")
    for what, why in sorted(results.missing.items()):
        print(f"not measured: {what}: {why}")
    if options.write is not None:
        how = f"{'a quick run' if options.quick else 'a full run'} of {options.rounds} rounds, {options.seconds:g} s a cell"
        options.write.write_text(markdown(results, table, how=how), encoding="utf-8")
        print(f"bench: written to {options.write.name}")
    print(f"bench: {'every bar within its loose bound' if good else 'a bar was missed by its loose bound'}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
