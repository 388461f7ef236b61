"""`risksvc runbook`: prints the steps, or the section that an alert leads to. Needs no gate, no token, no network."""

import sys

import click
from rich.markdown import Markdown

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import json_option
from risksvc.cli.output import Output
from risksvc.cli.runbook.pages import Section, find, near, sections, steps

_SHOWN = 5


@click.command()
@click.argument("name", required=False, default="")
@click.option("--list", "as_list", is_flag=True, help="Only the names of the sections, with their alerts.")
@json_option
def runbook(*, name: str, as_list: bool, as_json: bool) -> None:
    """Print what to do, step by step; with NAME what one alert asks for.

    NAME is an alert (RisksvcDivergence), a heading, or a word like LOST_ORDER. Without it: the runbook of an incident.
    """
    out = Output(as_json=as_json)
    if as_list:
        _list(out)
    elif name:
        _show(out, _found(name))
    elif as_json:
        out.json({"markdown": steps()})
    else:
        _print(out, steps())
        out.next((("runbook", "--list"), "what each alert asks for"))


def _found(name: str) -> tuple[Section, ...]:
    every = sections()
    found = find(name, every)
    if found:
        return found
    hints = [Hint(f"risksvc runbook '{meant}'") for meant in near(name, every)]
    raise CliError(
        f"the runbook has nothing about {name!r}",
        code=ExitCode.NO,
        hints=[*hints, Hint("risksvc runbook --list", "every section and its alerts")],
    )


def _show(out: Output, found: tuple[Section, ...]) -> None:
    if out.as_json:
        out.json([{"heading": one.heading, "alerts": list(one.alerts), "markdown": one.text} for one in found])
        return
    for one in found[:_SHOWN]:
        _print(out, one.markdown)
    if len(found) > _SHOWN:
        out.line(f"... and: {', '.join(one.heading for one in found[_SHOWN:])}")
    out.next((("status",), "how things stand"), (("runbook",), "the steps of an incident"))


def _list(out: Output) -> None:
    if out.as_json:
        out.json([{"heading": one.heading, "alerts": list(one.alerts)} for one in sections()])
        return
    for one in sections():
        out.line(one.heading + (f"  ({', '.join(one.alerts)})" if one.alerts else ""))


def _print(out: Output, text: str) -> None:
    """Laid out for a terminal; as it is written for a file or a pipe, so that what is copied is what was meant."""
    if sys.stdout.isatty():
        out.show(Markdown(text))
    else:
        click.echo(text)
