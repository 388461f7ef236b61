"""Which settings file is meant, and the one thing that asking a gate needs of it: where operators are listened to."""

from pathlib import Path

from risksvc.cli.environment import Environment
from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode

DEFAULT_PLACES = (Path("risksvc.yaml"), Path("/etc/risksvc/risksvc.yaml"))


def find_settings(settings: Path | None, environment: Environment) -> Path:
    """--settings, RISKSVC_SETTINGS, ./risksvc.yaml, /etc/risksvc/risksvc.yaml: the first that is said or exists."""
    if settings is not None:
        return settings
    if environment.settings:
        return Path(environment.settings)
    for place in DEFAULT_PLACES:
        if place.exists():
            return place
    places = " nor ".join(map(str, DEFAULT_PLACES))
    raise CliError(
        f"there is no settings file: no --settings, no RISKSVC_SETTINGS, neither {places}",
        code=ExitCode.USAGE,
        hints=[Hint("risksvc init", "writes one"), Hint("risksvc COMMAND --operator-address ADDRESS", "needs none")],
    )


def operator_address_of(settings: Path | None, environment: Environment) -> str:
    raise NotImplementedError
