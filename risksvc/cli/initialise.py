"""`risksvc init`: commented settings, limits and contacts files for a new user; `--store`: the kill switch's store.

Overwrites nothing.
"""

from pathlib import Path
from shlex import quote

import click

from risksvc.cli.environment import read_environment
from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.operator import WRITE_TOKEN
from risksvc.cli.options import PathOption, exit_with, settings_option
from risksvc.cli.output import Output
from risksvc.cli.tokens import KEEP, check_name, show_token, write_token


@click.command()
@click.argument("folder", type=PathOption, default=".", metavar="[DIR]")
@click.option("--operator", "name", metavar="NAME", help="Whose token is made. Default: your user name.")
@click.option("--no-token", is_flag=True, help="List no operator and make no token.")
@click.option("--write-token", "token_file", type=PathOption, metavar="PATH", help=WRITE_TOKEN)
@click.option("--store", is_flag=True, help="Instead: begin the kill switch's store, or begin it again after its loss.")
@settings_option
@click.option("--redis-url", metavar="URL", help="With --store: where it is. Default: as the settings say.")
@click.option(
    "--state-dir", type=PathOption, metavar="DIR", help="With --store: the gate's. Default: as the settings say."
)
@click.option("--accept-other", is_flag=True, help="With --store: take over a store with another history.")
def init(  # noqa: PLR0913 - one parameter per option
    *,
    folder: Path,
    name: str | None,
    no_token: bool,
    token_file: Path | None,
    store: bool,
    settings: Path | None,
    redis_url: str | None,
    state_dir: Path | None,
    accept_other: bool,
) -> None:
    """Write risksvc.yaml (settings), and the limits and contacts files that it names, commented, valid as they stand.

    With --store it writes no file: a Redis of your own must be told once that it is this gate's store.
    """
    if not store and (settings or redis_url or state_dir or accept_other):
        raise click.UsageError("--settings, --redis-url, --state-dir and --accept-other go with --store")
    if not store:
        _write_files(folder, name=name, no_token=no_token, token_file=token_file)
        return
    if no_token or name or token_file:
        raise click.UsageError("--store makes no token")
    from risksvc.cli.store import StorePlace, initialise_store  # noqa: PLC0415 - redis, only for this step

    place = StorePlace(settings, redis_url, state_dir)
    exit_with(initialise_store(Output(as_json=False), place, accept_other=accept_other))


def _write_files(folder: Path, *, name: str | None, no_token: bool, token_file: Path | None) -> None:
    from risksvc.gate.config_problems import SettingsFileError  # noqa: PLC0415
    from risksvc.gate.operator_tokens import Operator, hash_token, new_token  # noqa: PLC0415 - only this step needs it
    from risksvc.gate.settings import parse_settings  # noqa: PLC0415
    from risksvc.gate.templates import (  # noqa: PLC0415
        CONTACTS_NAME,
        SETTINGS_NAME,
        contacts_text,
        limits_text,
        settings_text,
    )

    if no_token and (name or token_file):
        raise click.UsageError("--no-token makes no token: leave --operator and --write-token out")
    who = "" if no_token else name or read_environment().user or "operator"
    made = new_token()
    if who:
        check_name(who)
    text = settings_text([Operator(who, hash_token(made))] if who else [])
    settings_path = folder / SETTINGS_NAME
    try:
        settings = parse_settings(text, path=settings_path)
    except SettingsFileError as error:
        reasons = "; ".join(f"{problem.key}: {problem.message}" for problem in error.errors)
        shorter = Hint("risksvc init DIR", "writes into another folder, with a shorter path")
        raise CliError(f"nothing was written: {reasons}", code=ExitCode.USAGE, hints=[shorter]) from error
    limits_path, contacts_path = settings.limits_path, settings.contacts_path or folder / CONTACTS_NAME
    _write_new({settings_path: text, limits_path: limits_text(), contacts_path: contacts_text()})
    out = Output(as_json=False)
    out.line(f"wrote {settings_path}, {_shown(limits_path)} and {_shown(contacts_path)}", style="bold green")
    if who:
        if token_file is not None:
            write_token(token_file, made)
        out.line(f"operator {who} is listed in {settings_path}")
        show_token(out, who, made)
    out.hints(_next(settings_path, limits_path, contacts_path, keep=bool(who) and token_file is None))


def _write_new(texts: dict[Path, str]) -> None:
    """Write all files or none; a file that exists is never touched."""
    existing = [path for path in texts if path.exists()]
    if existing:
        names = ", ".join(str(_shown(path)) for path in existing)
        raise CliError(
            f"already there: {names}; nothing was written",
            code=ExitCode.NO,
            hints=[
                Hint("risksvc init DIR", "writes into another folder"),
                Hint("risksvc operator token NAME", "makes another operator's token"),
                Hint("risksvc init --store", "begins the kill switch's store, if that is what is missing"),
            ],
        )
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise CliError(f"{error.filename} can't be written: {error.strerror}", code=ExitCode.USAGE) from error


def _shown(path: Path) -> Path:
    """Return a path below the working folder as relative to it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _next(settings: Path, limits: Path, contacts: Path, *, keep: bool) -> list[Hint]:
    here = settings.parent == Path()
    option = "" if here else f" --settings {quote(str(settings))}"
    return [
        *([KEEP] if keep else []),
        Hint(f"${{EDITOR:-vi}} {quote(str(settings))}", "names the exchange, and the files with its read-only key"),
        Hint(f"${{EDITOR:-vi}} {quote(str(_shown(limits)))}", "says what may be traded, by which strategies"),
        Hint(f"${{EDITOR:-vi}} {quote(str(_shown(contacts)))}", "says who is told of incidents, and how"),
        Hint("risksvc operator token NAME", "a second operator: one proposes a resume, another confirms"),
        Hint(f"risksvc limits check{option}", "every mistake with its line"),
        Hint(f"risksvc serve{option}", "runs the gate"),
        Hint(f"risksvc venue{option}", "in another terminal: reads the exchange for it"),
        Hint(f"risksvc status{option}", "what may be traded, and why not"),
    ]
