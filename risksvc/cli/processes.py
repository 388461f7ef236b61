"""`risksvc serve`, `demo`: start what runs. They build a configuration and call the entry; no more.

Each part is imported inside its command: a gate never loads ccxt, a venue process never loads the gate's libraries.
"""

from pathlib import Path

import click

from risksvc.cli.environment import read_environment, set_where_missing
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import PathOption, exit_with, settings_option


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
    from risksvc.gate.engine.experiments import wanted_variables  # noqa: PLC0415

    path = find_settings(settings, read_environment())
    set_where_missing(wanted_variables(path))  # before anything loads gRPC
    from risksvc.gate.serve import run_gate  # noqa: PLC0415

    exit_with(run_gate(path, redis_url=redis_url, limits_path=limits, state_dir=state_dir))


@click.command()
@click.option("--keep-running", is_flag=True, help="Afterwards keep the demo's world up until Ctrl-C.")
@click.option(
    "--report", type=PathOption, default=Path("demo-report.json"), show_default=True, help="Where the report goes."
)
def demo(*, keep_running: bool, report: Path) -> None:
    """Play the $200K incident with real processes, checked act by act; exit 1 if a check fails."""
    from risksvc.cli.demo import run_demo  # noqa: PLC0415

    exit_with(run_demo(keep_running=keep_running, report=report))


@click.command()
@click.option(
    "--report", type=PathOption, default=Path("drill-report.json"), show_default=True, help="Where the report goes."
)
def drill(*, report: Path) -> None:
    """Play an incident from divergence to review, led by what is printed; exit 1 if a check fails."""
    from risksvc.cli.drill import run_drill  # noqa: PLC0415

    exit_with(run_drill(report=report))
