"""What is left behind at the end: every gate's journal must be whole (`risksvc journal verify`)."""

from risksvc.cli.app import app
from tests.chaos.oracle import Verdict
from tests.chaos.world import World


def verify_journals(world: World, verdict: Verdict) -> None:
    """A journal that does not verify is a violation; the gates must have ended."""
    if "journal" not in app.list_commands(None):  # type: ignore[arg-type]  # a lazy group needs no context to list
        return
    for gate in world.gates:
        if not gate.settings.exists():
            continue
        code = world.cli(gate, "journal", "verify").wait(60)
        if code:
            verdict.violate(f"journal: `risksvc journal verify` of gate {gate.number} ends with {code}; see cli.log")
