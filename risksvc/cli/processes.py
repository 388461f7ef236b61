"""`risksvc serve`, `paper`, `demo`: start what runs. They build a configuration and call the entry; no more.

Each part is imported inside its command: a gate never loads ccxt, a venue process never loads the gate's libraries.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click

from risksvc.cli.environment import read_environment
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import PathOption, exit_with, settings_option
from risksvc.core.types import MalformedInputError, parse_positive

PAPER_PORT = 8780


def refuse_without_assertions() -> None:
    """Assertions are part of the safety: a gate does not run without them."""
    if not __debug__:
        sentence = "the gate does not run with python -O or PYTHONOPTIMIZE: assertions are part of its safety"
        raise CliError(sentence, code=ExitCode.USAGE)


@click.command()
@settings_option
@click.option("--limits", type=PathOption, metavar="FILE", help="Limits file. Default: the one that the settings name.")
@click.option(
    "--redis-url", metavar="URL", help="The kill switch's store. Default: the settings', else a private server."
)
@click.option("--state-dir", type=PathOption, metavar="DIR", help="State folder. Default: the one of the settings.")
def serve(*, settings: Path | None, limits: Path | None, redis_url: str | None, state_dir: Path | None) -> None:
    """Run the gate until SIGTERM or SIGINT."""
    refuse_without_assertions()
    from risksvc.cli.settings_file import find_settings  # noqa: PLC0415
    from risksvc.gate.serve import run_gate  # noqa: PLC0415

    path = find_settings(settings, read_environment())
    exit_with(run_gate(path, redis_url=redis_url, limits_path=limits, state_dir=state_dir))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only.")
@click.option("--port", default=PAPER_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--csv", "bars", multiple=True, metavar="SYMBOL=FILE", help="A price path of 1-minute bars, e.g. BTCUSDT=bars.csv."
)
@click.option("--price", "prices", multiple=True, metavar="SYMBOL=PRICE", help="Hold an instrument's price at a value.")
@click.option("--seed", default=1, show_default=True, help="The same seed generates the same prices.")
@click.option("--speed", default="1", show_default=True, help="How many times faster than the clock prices move.")
@click.option(
    "--synthetic", default=0, metavar="N", help="N more instruments, X0000USDT and on: a venue that lists many."
)
def paper(  # noqa: PLR0913 - one for each option
    *, host: str, port: int, bars: Sequence[str], prices: Sequence[str], seed: int, speed: str, synthetic: int
) -> None:
    """Run a paper venue until SIGTERM or SIGINT: a local server that speaks Bybit v5, to trade without an exchange."""
    from risksvc.venue.paper import (  # noqa: PLC0415
        DEFAULT_INSTRUMENTS,
        DEMO_ACCOUNT,
        PaperConfig,
        Rules,
        csv_options,
        run_paper,
        synthetic_instruments,
    )

    try:
        config = PaperConfig(
            host=host,
            port=port,
            instruments=(*DEFAULT_INSTRUMENTS, *synthetic_instruments(synthetic)),
            csv=csv_options(bars),
            prices=_prices(prices),
            seed=seed,
            rules=Rules(speed=parse_positive(speed, field="--speed")),
        )
    except (ValueError, MalformedInputError) as error:
        raise click.UsageError(str(error)) from error
    for key in DEMO_ACCOUNT.keys:
        click.echo(
            f"account {DEMO_ACCOUNT.name}: API key {key.key}, secret {key.secret}, may {key.permission}", err=True
        )
    try:
        run_paper(config)
    except (OSError, ValueError) as error:
        raise CliError(f"the paper venue can't start: {error}", code=ExitCode.USAGE) from error


def _prices(pairs: Sequence[str]) -> dict[str, Decimal]:
    prices = {}
    for pair in pairs:
        symbol, _, price = pair.partition("=")
        prices[symbol] = parse_positive(price, field=f"--price {symbol}")
    return prices


@click.command()
@click.option("--keep-running", is_flag=True, help="Afterwards keep the demo's world up until Ctrl-C.")
@click.option(
    "--report", type=PathOption, default=Path("demo-report.json"), show_default=True, help="Where the report goes."
)
def demo(*, keep_running: bool, report: Path) -> None:
    """Play the $200K incident with real processes, checked act by act; exit 1 if a check fails."""
    from risksvc.cli.demo import run_demo  # noqa: PLC0415

    exit_with(run_demo(keep_running=keep_running, report=report))
