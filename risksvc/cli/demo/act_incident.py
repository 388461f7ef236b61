"""Act 4: a process that never asks buys $200K net long while the tracker believes it is flat."""

import time
from dataclasses import dataclass

from risksvc.cli.demo.cast import BTC, ETH, SOL, Answer, Cast

SLICES, SLICE = 10, "133.4"  # 1,334 SOL at $150 = $200,100
MS = 1_000_000
# An interval is the position poll's period: 1 s in the demo's settings.
INTERVAL_MS = 1000
BAR_INTERVALS, BAR_LAST_APPROVAL_MS = 2, 500


@dataclass(frozen=True, slots=True)
class Incident:
    """What is to be undone."""

    halts: list[Answer]
    quantity: str


def happen(cast: Cast) -> Incident:
    """The seed's bug, found by itself."""
    timeline = cast.timeline
    timeline.act(4, "A process that never asks buys $200K; the tracker believes it is flat")
    cast.alpha.do("probe", instrument=BTC, side="buy", quantity="0.001", price="50000.0", intended="0.3")
    cast.beta.do("probe", instrument=ETH, side="sell", quantity="0.01", price="2500.00", intended="-5")
    time.sleep(1)
    timeline.say("strategy", "alpha and beta now ask for an order every 20 ms each")
    rogue = cast.world.trader("rogue", gated=False)
    first_ns = _buy(cast, rogue)
    cast.world.wait(lambda: bool(cast.halts()), "a halt", within_s=10)
    halts = cast.halts()
    halt = halts[0]
    timeline.say("gate", f"HALTED by itself: {halt['trigger']}: {halt['reason'][:110]} …")
    cast.show_ledgers("Believed flat, venue long")
    _find(cast, halt, first_ns)
    _told(cast, halt)
    return Incident(halts, str(SLICES * 1334 // 10))


def _buy(cast: Cast, rogue: object) -> int:
    first_ns = 0
    for _ in range(SLICES):
        sent = rogue.do("place", instrument=SOL, side="buy", type="market", quantity=SLICE)  # type: ignore[attr-defined]
        first_ns = first_ns or int(sent["sent_at_ns"])
    cast.timeline.say("rogue", f"bought {SLICES} x {SLICE} SOL at market with its own trade key, without asking")
    return first_ns


def _find(cast: Cast, halt: Answer, first_ns: int) -> None:
    to_halt_ms = (int(halt["at_ns"]) - first_ns) / MS
    cast.timeline.figure(
        "unexplained_fill_to_halt_ms",
        round(to_halt_ms, 1),
        text=f"first unexplained fill to halt: {to_halt_ms:,.0f} ms (bar: {BAR_INTERVALS * INTERVAL_MS:,} ms)",
    )
    cast.timeline.check("found by itself within 2 reconcile intervals", holds=to_halt_ms <= BAR_INTERVALS * INTERVAL_MS)
    held = cast.line(SOL)
    cast.timeline.check(
        "the venue's $200K long is seen, and nobody believes it",
        holds=float(held["venue_position"]) == SLICES * float(SLICE) and not held.get("strategies"),
        observed=f"{held['venue_position']} SOL, ${float(held['value']):,.0f}",
    )


def _told(cast: Cast, halt: Answer) -> None:
    timeline = cast.timeline
    time.sleep(0.6)
    probes = {"alpha": cast.alpha.do("probe", stop=True), "beta": cast.beta.do("probe", stop=True)}
    last_ns = max(int(probe["last_approval_ns"]) for probe in probes.values())
    after_ms = (last_ns - int(halt["at_ns"])) / MS
    approvals = sum(int(probe["approvals"]) for probe in probes.values())
    timeline.figure(
        "halt_to_last_approval_ms",
        round(after_ms, 1),
        text=f"halt to the last approval anywhere: {after_ms:+,.1f} ms (bar: {BAR_LAST_APPROVAL_MS} ms; "
        f"{approvals} approvals before)",
    )
    if after_ms < 0:
        timeline.say("gate", "approvals had ended before the halt: the $200K left no headroom as soon as it was seen")
    timeline.check("no approval later than 500 ms after the halt", holds=after_ms <= BAR_LAST_APPROVAL_MS)
    for name, trader in (("alpha", cast.alpha), ("beta", cast.beta)):
        told = [one for one in trader.do("listen")["heard"] if one["at_ns"] >= int(halt["at_ns"]) - MS]
        pushed = next((one for one in told if one["state"] == "HALTED"), None)
        ms = (int(pushed["at_ns"]) - int(halt["at_ns"])) / MS if pushed else -1
        timeline.check(f"{name} was told by push", holds=pushed is not None, observed=f"after {ms:,.1f} ms")
    denied = cast.alpha.do("ask", instrument=BTC, side="buy", quantity="0.001", price="50000.0", intended="0.3")
    timeline.say("strategy", f"alpha's next order: denied: {denied['message'][:120]}")
    named = "gate:" in denied["message"] and not denied["approved"]
    timeline.check("the next order is denied, with who and why", holds=named, observed=denied["reasons"])
