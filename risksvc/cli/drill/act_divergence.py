"""Act 1: a process that never asks buys $200K; the gate halts by itself, an incident opens, everybody is told."""

import time
from dataclasses import dataclass

from risksvc.cli.demo.act_opening import trade
from risksvc.cli.demo.cast import SOL, Cast
from risksvc.cli.drill.receivers import Received, Receivers
from risksvc.cli.drill.world import PARTICIPANT, RECIPIENTS

SLICES, SLICE = 10, "133.4"  # 1,334 SOL at $150 = $200,100
BAR_TOLD_S = 5.0
MOVED_PRICE = "148.5"  # while the halt stands the market moves against the position
THIN = {"levels": 40, "half_spread_bps": "1", "gap_bps": "4", "first_notional": "6000", "growth_notional": "0"}
S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Happened:
    """The incident that the drill is about."""

    incident_id: str
    bought_ns: int
    halted_ns: int


def happen(cast: Cast, receivers: Receivers) -> Happened:
    """Two strategies trade as they should; then the seed's position appears."""
    trade(cast)
    timeline = cast.timeline
    timeline.act(2, "$200K that nobody approved: halted, an incident, everybody told at once")
    rogue = cast.world.trader("rogue", gated=False)
    bought_ns = 0
    for _ in range(SLICES):
        sent = rogue.do("place", instrument=SOL, side="buy", type="market", quantity=SLICE)
        bought_ns = bought_ns or int(sent["sent_at_ns"])
    timeline.say("rogue", f"bought {SLICES} x {SLICE} SOL at market with its own trade key, without asking")
    cast.world.wait(lambda: bool(cast.halts()), "a halt", within_s=10)
    halt = cast.halts()[0]
    timeline.say("gate", f"HALTED by itself: {halt['trigger']}")
    incident = cast.world.operate("alice", "incident", "show")[1]["incident"]
    timeline.check("the halt opened an incident by itself", holds=incident["halt_ids"][:1] == [halt["halt_id"]])
    timeline.check("P0: money moves in the wrong direction", holds=incident["severity"] == "SEVERITY_P0")
    _evidence(cast, incident)
    happened = Happened(str(incident["incident_id"]), bought_ns, int(halt["at_ns"]))
    _told(cast, receivers, happened)
    cast.world.paper("price", symbol="SOLUSDT", price=MOVED_PRICE)
    cast.world.paper("depth", symbol="SOLUSDT", **THIN)
    timeline.say("world", f"SOL falls to {MOVED_PRICE} while the halt stands, and its book grows thin")
    return happened


def _evidence(cast: Cast, incident: dict[str, object]) -> None:
    evidence = incident["evidence"]
    assert isinstance(evidence, dict)  # noqa: S101 - the answer's shape
    rows = {row["instrument"]: row for row in evidence["positions"]}
    held = rows.get(SOL, {})
    seen = f"believed {held.get('believed') or 'nothing'}, ledger {held.get('ledger')}, venue {held.get('venue')}"
    cast.timeline.check(
        "its evidence: nobody believes in SOL, the venue has told of a long",
        holds=not held.get("believed") and max(float(held.get(one) or 0) for one in ("venue", "ledger")) > 0,
        observed=seen,
    )
    cast.timeline.check(
        "its evidence: limits hash, fills", holds=bool(evidence["limits_hash"]) and bool(evidence["fills"])
    )


def _told(cast: Cast, receivers: Receivers, happened: Happened) -> None:
    def first(recipient: str) -> Received | None:
        return next((one for one in receivers.of(recipient) if happened.incident_id in one.text), None)

    cast.world.wait(lambda: all(first(one) for one in RECIPIENTS), "a message to everybody", within_s=15)
    time.sleep(0.2)
    firsts = [found for one in RECIPIENTS if (found := first(one)) is not None]
    slowest = (max(one.at_ns for one in firsts) - happened.halted_ns) / S
    cast.timeline.figure(
        "halt_to_told_s",
        round(slowest, 2),
        text=f"halt to the last of {len(firsts)} recipients: {slowest:.2f} s (bar: {BAR_TOLD_S:.0f} s)",
    )
    cast.timeline.check("everybody was told within 5 s", holds=slowest <= BAR_TOLD_S)
    cast.timeline.check("the same text for all", holds=len({one.text for one in firsts}) == 1)
    cast.timeline.check("exchange support stands in it, with our id there", holds=PARTICIPANT in firsts[0].text)
