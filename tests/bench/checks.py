"""The part that measures checks: every way to carry one, beside the bare echoes."""

from collections.abc import Mapping

from tests.bench.compiled import built
from tests.bench.gates import World
from tests.bench.grid import Grid, measure_grid
from tests.bench.options import Options
from tests.bench.results import Results

WORLDS: Mapping[str, World] = {
    "gate": World(),
    "gate-tcp": World(tcp=True),
    "gate-tls": World(tcp=True, tls=True),
    "gate-power": World(settings="journal: {durability: power}\n"),
    "gate-spin": World(settings="engine: {spin: 200us}\n"),
    "gate-plain": World(compiled=False),
    "gate-public": World(settings="engine: {kind: public}\n"),
}
QUICK = (
    "aio/1", "engine/1", "cpp/1", "gate/1", "gate-spin/1",
    "aio/64", "engine/64", "cpp/64", "gate/64", "gate-power/64",
    "gate/ping", "gate/batch",
    "cpp/blocking", "gate/blocking", "cpp/asyncio", "gate/asyncio",
)  # fmt: skip
FULL = (
    *QUICK,
    "go/1", "go/64", "rust/1", "rust/8", "rust/64",
    "aio/8", "engine/8", "cpp/8", "go/8", "gate/8", "gate-power/8", "gate-power/1", "gate-spin/64",
    "gate-plain/1", "gate-plain/64", "gate-plain/batch",
    "gate-public/1", "gate-public/8", "gate-public/64",
    "aio/ping", "engine/ping", "cpp/ping", "go/ping",
    "aio/pipeline", "engine/pipeline", "cpp/pipeline", "go/pipeline", "gate/pipeline",
    "aio/blocking", "aio/asyncio",
    "aio-tcp/1", "cpp-tcp/1", "gate-tcp/1", "aio-tcp/64", "cpp-tcp/64", "gate-tcp/64", "gate-tls/1", "gate-tls/64",
    "aio/1000/s", "engine/1000/s", "cpp/1000/s", "go/1000/s", "gate/1000/s",
    "engine/10000/s", "cpp/10000/s", "go/10000/s", "gate/10000/s",
)  # fmt: skip
NOTES = (
    (
        "SERVER/LOAD: how many are in flight (64: over two connections), or asked each second by a clock; "
        "`ping`: one stream, one at a time; `pipeline`: one stream, 64 on their way; `batch`: 100 orders in a"
        " call, one call at a time; `blocking` and `asyncio`: the Python client library at a gate, the "
        "generated stub alone at an echo."
    ),
    (
        "Ratios are of p50, and of orders/s where more than one is in flight. The echoes answer as much as a "
        "gate does, and decide nothing: `aio` is `grpc.aio`, `engine` the gate's own engine, `rust` pygrpc-native "
        "(it carries no stream of requests and no TLS). Gates run compiled (deploy/compiled), `gate-plain` on the "
        "plain source."
    ),
)


def measure(options: Options, results: Results) -> None:
    """Adds its cells and its table."""
    if not built():
        results.missing["compiled gates"] = "none is built here (make compiled): gates run on the plain source"
    measure_grid(Grid("Checks", QUICK if options.quick else FULL, WORLDS, notes=NOTES), options, results)
