"""Acts 3 and 4: the operator looks at the venue itself, is led to FLATTEN, and executes it to a certificate."""

import re
import time

from risksvc.cli.demo.cast import SOL, Answer, Cast
from risksvc.cli.demo.timeline import CheckFailedError
from risksvc.cli.drill.act_divergence import Happened
from risksvc.cli.drill.led import Led

BAR_ASSESS_S = 2.0
CLOCKS = ("ASSESS", "FLATTEN")


def incident_of(cast: Cast, happened: Happened) -> Answer:
    """The incident as the gate has it now."""
    return dict(cast.world.operate("alice", "incident", "show", happened.incident_id)[1]["incident"])


def assess_and_decide(cast: Cast, alice: Led, happened: Happened) -> None:
    """From the alert's first command to a course in force."""
    timeline = cast.timeline
    timeline.act(3, "Assess and decide, typing what is printed")
    alice.begin("status")
    alice.follow("incident", "take")
    began = time.monotonic()
    page = alice.follow("assess", expect=(0, 1))
    took = time.monotonic() - began
    timeline.figure("assess_s", round(took, 2), text=f"assess, process start included: {took:.2f} s")
    timeline.check("the page shows the venue's long, from the venue", holds="+1,334" in page and SOL in page)
    answer = cast.world.operate("alice", "assess", "--account", "main")[1]
    timeline.check(
        "the assessment itself took less than 2 s",
        holds=int(answer["took_ms"]) < BAR_ASSESS_S * 1000,
        observed=f"{answer['took_ms']} ms",
    )
    refused = cast.operate("alice", "hold", "--reason", "it will come back", expect=1)
    reasons = [one["reason"].removeprefix("REFUSAL_REASON_") for one in refused["refusals"]]
    timeline.check("to hold is refused outside the band", holds="FLATTEN_REQUIRED" in reasons, observed=reasons)
    alice.follow("decide")
    timeline.check("FLATTEN is in force, by rule", holds=incident_of(cast, happened)["course"] == "COURSE_FLATTEN")


def flatten(cast: Cast, alice: Led, happened: Happened) -> None:
    """Dry run, execution, certificate."""
    timeline = cast.timeline
    timeline.act(4, "Flatten: plan, execution, certificate")
    plan = alice.follow("flatten", expect=(0, 1))
    timeline.check(
        "the dry run sends nothing, and shows the slices", holds=SOL in plan and not _flattens(cast, happened)
    )
    alice.follow("flatten", filling=("decided: flatten",))
    done = cast.world.operate("alice", "flatten", "--show", _flattens(cast, happened)[-1])[1]
    timeline.check("it ended FLAT", holds=done["phase"] == "FLATTEN_PHASE_FLAT", observed=done["phase"])
    reads = done["certificate"]["reads"]
    timeline.check("the certificate names two complete reads", holds=len(reads) == 2, observed=len(reads))  # noqa: PLR2004
    held = cast.world.paper_state()["accounts"]["main"]["positions"].get("SOLUSDT")
    timeline.check("the venue itself has no SOL left", holds=not held, observed=held or "")
    at_once, cost = _numbers(plan)
    timeline.figure("flatten_cost", cost, text=f"flatten: ${cost:,.2f} in slices, ${at_once:,.2f} as one market order")
    timeline.check("less than half the cost of one market order", holds=cost < at_once / 2)
    clocks = {one["name"]: one for one in incident_of(cast, happened)["clocks"]}
    for name in CLOCKS:
        in_time = name in clocks and int(clocks[name]["met_at_ns"]) > 0 and not int(clocks[name]["missed_at_ns"])
        timeline.check(f"clock {name} was met in time", holds=in_time)


def _numbers(plan: str) -> tuple[float, float]:
    """The plan's estimates: as one market order, and in slices."""
    found = re.search(r"([\d,.]+) in slices, ([\d,.]+) as one market order", plan)
    if found is None:
        raise CheckFailedError("the plan has no estimated cost")
    sliced, at_once = (float(text.replace(",", "")) for text in found.groups())
    return at_once, sliced


def _flattens(cast: Cast, happened: Happened) -> list[str]:
    return list(incident_of(cast, happened)["flatten_ids"])
