"""Acts 5 and 6: the cause, adoption, two people resume; the review with its number, the closed and exported record."""

import json
from decimal import Decimal

from risksvc.cli.demo.cast import BTC, Cast
from risksvc.cli.drill.act_divergence import Happened
from risksvc.cli.drill.act_exit import incident_of
from risksvc.cli.drill.led import Led
from risksvc.cli.drill.receivers import Receivers
from risksvc.cli.drill.world import RECIPIENTS

# In this order, among others.
RECORDED = (
    "OPENED",
    "OWNER",
    "ASSESSED",
    "COURSE_IN_FORCE",
    "FLATTEN_STARTED",
    "FLAT",
    "CAUSE",
    "RESUMED",
    "REVIEWED",
    "CLOSED",
)


def resume(cast: Cast, alice: Led, bob: Led) -> None:
    """Name the cause, explain what is left, agree, resume with two."""
    timeline = cast.timeline
    timeline.act(5, "Cause, adoption, reconcile, resume by two")
    cast.world.stop("rogue")
    timeline.say("world", "the rogue process is stopped, its key revoked")
    alice.follow("incident", "cause", filling=("a process with a trade key of its own; stopped, key revoked",))
    alice.follow("reconcile", expect=(0, 1))
    alice.follow("reconcile", "--explain", expect=(0, 1))
    alice.follow("adopt", "--account", filling=("unapproved-process", "rogue bought, flatten sold"), without="--owner")
    alice.follow("reconcile")
    proposed = alice.follow("resume", filling=("cause found and stopped, flat, adopted",))
    bob.hear(proposed)
    bob.follow("resume", "--confirm")
    cast.world.wait(lambda: not cast.halts(), "the resume", within_s=5)
    passed = cast.alpha.do("ask", instrument=BTC, side="buy", quantity="0.01", price="50000.0", intended="0.3")
    timeline.check("an order passes again", holds=passed["approved"], observed=passed["reasons"] or "")


def review(cast: Cast, alice: Led, happened: Happened) -> None:
    """What it cost, as a number."""
    timeline = cast.timeline
    timeline.act(6, "Review with a number, record, close")
    alice.follow("incident", "show")
    alice.follow("review")
    record = incident_of(cast, happened)["review"]
    timeline.check("the review is recorded, with a number", holds=record["cost"] != "", observed=record["cost"])
    timeline.figure("cost", record["cost"], text=f"what it cost, all together: {record['cost']} {record['currency']}")
    Decimal(record["cost"])


def close(cast: Cast, alice: Led, receivers: Receivers, happened: Happened) -> None:
    """Close, export, and hold everything that was recorded against everything that was done."""
    timeline = cast.timeline
    alice.follow("incident", "close", filling=("cause stopped, flat, reviewed",))
    incident = incident_of(cast, happened)
    kinds = [line["kind"] for line in incident["timeline"]]
    places = [kinds.index(kind) if kind in kinds else -1 for kind in RECORDED]
    timeline.check("the timeline has every step, in order", holds=-1 not in places and places == sorted(places))
    missed = [one["name"] for one in incident["clocks"] if int(one["missed_at_ns"])]
    timeline.check("no clock was missed", holds=not missed, observed=missed)
    ids = [message["message_id"] for message in incident["messages"]]
    cast.world.wait(
        lambda: all(any(one in got.text for got in receivers.of(who)) for one in ids for who in RECIPIENTS),
        "every message to everybody",
        within_s=20,
    )
    timeline.check(f"all {len(ids)} messages reached all {len(RECIPIENTS)} recipients", holds=True)
    exported = cast.world.folder / "incident.json"
    cast.operate("alice", "incident", "export", happened.incident_id, "--format", "json", "--output", str(exported))
    timeline.check("the record is exported", holds=happened.incident_id in json.dumps(json.loads(exported.read_text())))
    verified = cast.world.type("journal", "verify", "--settings", str(cast.world.settings))
    timeline.check("the journal's chain holds", holds=verified.returncode == 0, observed=verified.stderr.strip()[:100])
