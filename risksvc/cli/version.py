"""`risksvc version`."""

import platform

import click

from risksvc import __version__
from risksvc.cli.options import json_option
from risksvc.cli.output import Output


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the version of risksvc and of Python."""
    out = Output(as_json=as_json)
    if as_json:
        out.json({"risksvc": __version__, "python": platform.python_version()})
    else:
        out.line(f"risksvc {__version__} (Python {platform.python_version()})")
