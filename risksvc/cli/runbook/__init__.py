"""`risksvc runbook`: the steps of an incident, and what each alert asks for. The texts are beside this."""

from risksvc.cli.runbook.command import runbook

__all__ = ["runbook"]
