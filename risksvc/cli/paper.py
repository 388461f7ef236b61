"""`risksvc paper`: runs the paper venue; its subcommands steer one that runs.

Without a subcommand it starts the venue, and no more: the venue's parts are imported only then.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
from click.core import ParameterSource

from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.paper_control import PAPER_PORT
from risksvc.cli.paper_events import depth, event_commands, price
from risksvc.cli.paper_faults import fault
from risksvc.cli.paper_state import state
from risksvc.core.types import MalformedInputError, parse_positive


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback only.")
@click.option("--port", default=PAPER_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--csv", "bars", multiple=True, metavar="SYMBOL=FILE", help="A price path of 1-minute bars, e.g. BTCUSDT=bars.csv."
)
@click.option("--price", "prices", multiple=True, metavar="SYMBOL=PRICE", help="Hold an instrument's price at a value.")
@click.option("--every-instrument", is_flag=True, help="USDC and inverse perpetuals, too.")
@click.option(
    "--synthetic", default=0, metavar="N", help="N more instruments, X0000USDT and on: a venue that lists many."
)
@click.option("--seed", default=1, show_default=True, help="The same seed generates the same prices.")
@click.option("--speed", default="1", show_default=True, help="How many times faster than the clock prices move.")
@click.pass_context
def paper(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - click gives what the options say
    """Run a paper venue until SIGTERM or SIGINT: a local server that speaks Bybit v5, to trade without an exchange.

    The subcommands below steer one that runs: its prices, its faults, and what happens at it.
    """
    if context.invoked_subcommand is None:
        _start(**options)
        return
    given = [name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        sentence = f"{_spelled(context, given[0])} starts a venue; `{context.invoked_subcommand}` steers one: use --url"
        raise click.UsageError(sentence)


def _spelled(context: click.Context, name: str) -> str:
    return next(parameter.opts[0] for parameter in context.command.params if parameter.name == name)


def _start(*, bars: Sequence[str], prices: Sequence[str], speed: str, **options: Any) -> None:  # noqa: ANN401
    from risksvc.venue.paper import (  # noqa: PLC0415
        DEFAULT_INSTRUMENTS,
        DEMO_ACCOUNT,
        EVERY_INSTRUMENT,
        PaperConfig,
        Rules,
        csv_options,
        run_paper,
        synthetic_instruments,
    )

    listed = EVERY_INSTRUMENT if options.pop("every_instrument") else DEFAULT_INSTRUMENTS
    try:
        synthetic = synthetic_instruments(options.pop("synthetic"))
        config = PaperConfig(
            **options,
            instruments=(*listed, *synthetic),
            csv=csv_options(bars),
            prices=_prices(prices),
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
        symbol, _, price_text = pair.partition("=")
        prices[symbol] = parse_positive(price_text, field=f"--price {symbol}")
    return prices


for _command in (state, fault, price, depth, *event_commands()):
    paper.add_command(_command)
