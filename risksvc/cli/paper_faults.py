"""`risksvc paper fault list | set | clear`: what is wrong with a paper venue that runs.

Which faults exist, and with which parameters, is the venue's to say: nothing of it is repeated here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.paper_control import PaperControl, control_command

_NOT_PARAMETERS = frozenset({"id", "name", "path", "account", "remaining", "hits"})


@click.group()
def fault() -> None:
    """Switch faults of a running paper venue on and off."""


@fault.command("list")
@control_command
def list_faults(control: PaperControl, out: Output) -> None:
    """Show the faults that are on, and all that there are."""
    answer = control.ask("GET", "faults")
    if out.as_json:
        out.json(answer)
        return
    _show_on(out, answer["on"])
    known = table("fault", "stage", "parameters", "what it does", words=("parameters",))
    for name, kind in answer["known"].items():
        add_row(known, name, kind["stage"].lower(), _parameters(kind["parameters"]), kind["says"])
    out.heading("Faults:")
    out.show(known)
    out.next((control.command("fault", "set", "<fault>"), "switches one on"))


@fault.command("set")
@click.argument("name")
@click.argument("parameters", nargs=-1, metavar="[PARAMETER=VALUE]...")
@click.option("--path", default="*", show_default=True, help="Only paths that fit, e.g. '/v5/order/*'.")
@click.option("--account", default="", metavar="NAME", help="Only this account's requests. Default: all.")
@click.option("--times", type=click.IntRange(min=1), help="Only so often. Default: until it is cleared.")
@control_command
def set_fault(
    control: PaperControl, out: Output, *, name: str, parameters: Sequence[str], times: int | None, **where: str
) -> None:
    """Switch the fault NAME on, e.g. `set delay ms=500 --path '/v5/order/*' --times 1`.

    A push's path is /v5/private/ and its topic, what a socket answers has the path /v5/private.
    """
    known = control.ask("GET", "faults")["known"].get(name, {"parameters": {}})
    values = dict(_value(text, known["parameters"]) for text in parameters)
    count = {} if times is None else {"count": times}
    switched = control.ask("POST", "faults", {**values, "name": name, **where, **count})
    if out.as_json:
        out.json(switched)
        return
    _show_on(out, [switched])
    out.next((control.command("fault", "clear", str(switched["id"])), "switches it off again"))


@fault.command("clear")
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@control_command
def clear_fault(control: PaperControl, out: Output, *, ids: Sequence[int], everything: bool) -> None:
    """Switch faults off, by their ids or all; what they hold goes on as usual."""
    if everything == bool(ids):
        raise click.UsageError("which faults? Give their ids, or --all")
    for path in ["faults"] if everything else [f"faults/{each}" for each in ids]:
        answer = control.ask("DELETE", path)
    if out.as_json:
        out.json({"on": answer["on"]})
    else:
        _show_on(out, answer["on"])


def _value(text: str, parameters: Mapping[str, int | str]) -> tuple[str, int | str]:
    """Read `name=value`; the default of a parameter says whether it is a number."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.UsageError(f"{text!r} is not PARAMETER=VALUE")
    if name in ("name", "path", "account", "count"):
        raise click.UsageError(f"{name!r} is no parameter of a fault: use the options --path, --account, --times")
    if isinstance(parameters.get(name), int):
        try:
            return name, int(value)
        except ValueError:
            raise click.UsageError(f"{name} must be a whole number, not {value!r}") from None
    return name, value


def _show_on(out: Output, faults: Sequence[Mapping[str, Any]]) -> None:
    if not faults:
        out.line("no fault is on", style="green")
        return
    shown = table("id", "fault", "path", "account", "left", "met", "parameters", right=("id", "left", "met"))
    for each in faults:
        left = "" if each["remaining"] is None else str(each["remaining"])
        values = {key: value for key, value in each.items() if key not in _NOT_PARAMETERS}
        met = str(each["hits"])
        add_row(shown, str(each["id"]), each["name"], each["path"], each["account"], left, met, _parameters(values))
    out.show(shown)


def _parameters(values: Mapping[str, int | str]) -> str:
    return " ".join(f"{key}={value}" for key, value in values.items())
