"""`risksvc venue`: the venue process of an account; `risksvc venue check`: what its venue can and can't do, in words.

ccxt is imported when all else is right. `check --offline` reads no key and makes no connection.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from risksvc.cli import venue_check_view
from risksvc.cli.environment import read_environment
from risksvc.cli.options import exit_with, json_option, settings_option
from risksvc.cli.output import Output

if TYPE_CHECKING:
    from risksvc.venue.config import VenueConfig


@click.group(invoke_without_command=True)
@settings_option
@click.option("--account", default="", metavar="NAME", help="Needed when the settings have several.")
@click.option(
    "--allow-orders",
    is_flag=True,
    help="Let it cancel, and place the operators' reducing orders; needs a key that can trade. As allow_orders: true.",
)
@click.pass_context
def venue(context: click.Context, /, *, settings: Path | None, account: str, allow_orders: bool) -> None:
    """Run the venue process of one account until SIGTERM or SIGINT: it reads the exchange and tells the gate."""
    if context.invoked_subcommand is not None:
        return
    from risksvc.cli.settings_file import read_settings  # noqa: PLC0415
    from risksvc.cli.venue_settings import venue_config  # noqa: PLC0415

    config = venue_config(read_settings(settings, read_environment()), account, allow_orders=allow_orders)
    from risksvc.venue.feed import run_venue  # noqa: PLC0415 - ccxt takes its time: only when all else is right

    exit_with(run_venue(config))


@venue.command()
@settings_option
@click.option("--account", default="", metavar="NAME", help="Only this account. Default: all.")
@click.option("--exchange", default="", metavar="ID", help="Without settings: a ccxt exchange id.")
@click.option("--class", "class_path", default="", metavar="MODULE:NAME", help="Without settings: a class.")
@click.option("--spot", is_flag=True, help="With --exchange or --class: its spot account.")
@click.option("--offline", is_flag=True, help="Make no connection: no clock, no markets, no key.")
@json_option
@click.pass_context
def check(  # noqa: PLR0913 - one parameter per option
    context: click.Context,
    /,
    *,
    settings: Path | None,
    account: str,
    exchange: str,
    class_path: str,
    spot: bool,
    offline: bool,
    as_json: bool,
) -> None:
    """Say what a venue can and can't do, what follows from it, and what to do; then try it, unless --offline.

    Exit 0: usable. 2: it can't be used. 3: it can't be reached now. 4: it refuses the key.
    """
    given = context.parent.params if context.parent is not None else {}
    if exchange or class_path:
        configs = [_without_settings(exchange, class_path, spot=spot)]
    else:
        if spot:
            raise click.UsageError("--spot goes with --exchange or --class; settings say options: {defaultType: spot}")
        configs = _configs(settings or given.get("settings"), account or given.get("account", ""), keys=not offline)
    from risksvc.venue.check import check_venue  # noqa: PLC0415 - ccxt takes its time

    checks = [check_venue(config, offline=offline) for config in configs]
    venue_check_view.show(Output(as_json=as_json), checks)
    exit_with(venue_check_view.worst(checks))


def _without_settings(exchange: str, class_path: str, *, spot: bool) -> "VenueConfig":
    from risksvc.venue.config import VenueConfig  # noqa: PLC0415

    if exchange and class_path:
        raise click.UsageError("give one of --exchange and --class")
    if class_path and ":" not in class_path:
        raise click.UsageError("--class is MODULE:NAME")
    options = {"defaultType": "spot"} if spot else {}
    nothing = venue_check_view.NO_SETTINGS
    return VenueConfig(account=nothing, gate_target=nothing, exchange=exchange or class_path, options=options)


def _configs(settings: Path | None, account: str, *, keys: bool) -> list["VenueConfig"]:
    from risksvc.cli.settings_file import read_settings  # noqa: PLC0415
    from risksvc.cli.venue_settings import check_config  # noqa: PLC0415

    read = read_settings(settings, read_environment())
    return [check_config(read, name, keys=keys) for name in ([account] if account else read.accounts)]
