"""`risksvc operator token NAME`: makes a named operator's token. Asks no gate and changes no settings file."""

from pathlib import Path

import click

from risksvc.cli.errors import Hint
from risksvc.cli.options import PathOption, json_option
from risksvc.cli.output import Output
from risksvc.cli.tokens import KEEP, check_name, settings_lines, show_token, write_token

WRITE_TOKEN = "Also write the token to a new file, mode 0600."  # noqa: S105 - a help text


@click.group()
def operator() -> None:
    """Who may halt, resume, reload and adopt."""


@operator.command()
@click.argument("name")
@click.option("--write-token", "token_file", type=PathOption, metavar="PATH", help=WRITE_TOKEN)
@json_option
def token(*, name: str, token_file: Path | None, as_json: bool) -> None:
    """Make a token for the operator NAME: prints it once, and the lines for the settings file."""
    from risksvc.gate.operator_tokens import hash_token, new_token  # noqa: PLC0415 - only this command needs it

    check_name(name)
    out, made = Output(as_json=as_json), new_token()
    token_sha256 = hash_token(made)
    if token_file is not None:
        write_token(token_file, made)
    if as_json:
        out.json({"name": name, "token": made, "token_sha256": token_sha256})
        return
    show_token(out, name, made)
    out.heading("For the settings file, below `operators:` (then restart the gate):")
    for line in settings_lines(name, token_sha256):
        out.line(line)
    out.hints([*([] if token_file else [KEEP]), Hint("risksvc status", "as that operator: tries the token")])
