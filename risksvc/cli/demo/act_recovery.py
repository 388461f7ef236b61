"""Act 5: refused while the cause persists; closed, adopted, reconciled; proposed, confirmed; an order passes."""

from risksvc.cli.demo.act_incident import Incident
from risksvc.cli.demo.cast import BTC, SOL, Cast


def recover(cast: Cast, incident: Incident) -> None:
    """From halt to trading again."""
    timeline = cast.timeline
    timeline.act(5, "Close, adopt, reconcile; two people resume")
    ids = [halt["halt_id"] for halt in incident.halts]
    refused = cast.operate("alice", "resume", *ids, "--reason", "let us see", expect=1)
    reasons = sorted({one["reason"].removeprefix("REFUSAL_REASON_") for one in refused["refusals"]})
    timeline.check("resume is refused while the cause persists", holds="UNEXPLAINED" in reasons, observed=reasons)
    _close(cast, incident.quantity)
    _adopt(cast)
    agrees = cast.operate("alice", "reconcile")["results"][0]
    timeline.check("reconciliation agrees", holds=bool(agrees.get("agrees")))
    _resume(cast, ids)


def _close(cast: Cast, quantity: str) -> None:
    timeline = cast.timeline
    words = ("--account", "main", "--instrument", SOL, "--side", "sell", "--quantity", quantity, "--type", "market")
    checked = cast.operate("alice", "check-reducing", *words, "--reason", "close the unexplained position")["decision"]
    timeline.check("a reducing order passes the gate while HALTED", holds=checked["outcome"] == "OUTCOME_APPROVED")
    desk = cast.world.trader("desk", gated=False)
    order = {"instrument": SOL, "side": "sell", "type": "market", "quantity": quantity, "reduce_only": True}
    desk.do("place", client_order_id=checked["client_order_id"], **order)
    took = cast.world.wait(lambda: not cast.line(SOL).get("venue_position", "x").strip("0"), "a flat SOL", within_s=10)
    timeline.say("operator", f"alice sells {quantity} SOL reduce-only at the venue; flat there after {took:.1f} s")
    over = cast.operate("alice", "check-reducing", *words, "--reason", "once too often", expect=1)["decision"]
    reason = over["denials"][0]["reason"]
    timeline.check("selling once too often is denied", holds="NOT_REDUCING" in reason, observed=reason)


def _adopt(cast: Cast) -> None:
    words = ("--account", "main", "--all", "--cause", "unapproved-process", "--reason", "rogue bought, alice closed it")
    adopted = cast.operate("alice", "adopt", *words)
    number = int(adopted.get("adopted", 0))
    cast.timeline.check("the unexplained fills are adopted, each by name", holds=number > 0, observed=f"{number} items")


def _resume(cast: Cast, ids: list[str]) -> None:
    timeline = cast.timeline
    words = ("--reason", "rogue process stopped and its key revoked; position closed and adopted")
    proposed = cast.operate("alice", "resume", *ids, *words)
    waits = proposed["outcome"] == "RESUME_OUTCOME_PROPOSED"
    timeline.check("a P0 resume waits for a second person", holds=waits)
    same = cast.operate("alice", "resume", "--confirm", proposed["proposal_id"], expect=1)
    timeline.check("who proposed can't confirm", holds="SAME_PERSON" in same["refusals"][0]["reason"])
    cast.operate("bob", "resume", "--confirm", proposed["proposal_id"])
    cast.world.wait(lambda: not cast.halts(), "the resume", within_s=5)
    passed = cast.ask(cast.alpha, "ask", instrument=BTC, side="buy", quantity="0.01", price="50000.0", intended="0.3")
    timeline.check("an order passes again", holds=passed["approved"], observed=passed["reasons"] or "")
