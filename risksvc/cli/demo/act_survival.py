"""Act 6: kill -9 of the gate while halted; Redis taken away, and back."""

import time

from risksvc.cli.demo.cast import BTC, Cast

MS = 1_000_000
BAR_DENIED_MS = 300


def survive(cast: Cast) -> None:
    """What must not be lost is not lost."""
    cast.timeline.act(6, "kill -9 while halted; Redis taken away")
    _killed(cast)
    _without_redis(cast)


def _killed(cast: Cast) -> None:
    timeline = cast.timeline
    halted = cast.operate("bob", "halt", "--reason", "drill: does a halt survive kill -9?")
    timeline.say("gate", f"halt {halted['halt_id']}: {halted['effect']}")
    cast.world.kill("gate")
    timeline.say("world", "kill -9 gate")
    began = time.monotonic()
    cast.world.start_gate()
    ids = [halt["halt_id"] for halt in cast.halts()]
    took = time.monotonic() - began
    timeline.check(
        "it comes back halted", holds=halted["halt_id"] in ids, observed=f"asked again {took:.1f} s after the start"
    )
    cast.world.wait(lambda: cast.status()["accounts"][0].get("feed_connected", False), "the venue feed", within_s=15)
    cast.operate("alice", "reconcile")
    cast.resume("the drill is over")
    cast.wait_open()


def _without_redis(cast: Cast) -> None:
    timeline = cast.timeline
    cast.world.wait(lambda: _asks(cast), "an approval", within_s=15)
    cast.alpha.do("probe", instrument=BTC, side="buy", quantity="0.001", price="50000.0", intended="0.3")
    time.sleep(0.5)
    gone_ns = time.time_ns()
    cast.world.kill("redis")
    timeline.say("world", "kill -9 redis")
    time.sleep(1)
    probe = cast.alpha.do("probe", stop=True)
    denied_ms = (int(probe["first_denial_ns"]) - gone_ns) / MS
    last_ms = (int(probe["last_decided_ns"]) - gone_ns) / MS
    timeline.figure(
        "redis_gone_to_denied_ms",
        round(denied_ms, 1),
        text=f"Redis gone to the first denial: {denied_ms:,.0f} ms; to the last approval: {last_ms:,.0f} ms "
        f"(bar: {BAR_DENIED_MS} ms)",
    )
    reason = "KILL_SWITCH_UNREACHABLE" in probe["last_denial"]
    timeline.check("denied with that reason", holds=reason, observed=probe["last_denial"][:90])
    timeline.check("nothing approved later than 300 ms", holds=last_ms <= BAR_DENIED_MS, observed=f"{last_ms:,.0f} ms")
    cast.world.start_redis()
    took = cast.world.wait(lambda: _asks(cast), "recovery", within_s=20)
    timeline.check("Redis is back, and the gate recovers by itself", holds=True, observed=f"{took:.1f} s")


def _asks(cast: Cast) -> bool:
    order = {"instrument": BTC, "side": "buy", "quantity": "0.001", "price": "50000.0", "intended": "0.3"}
    return bool(cast.alpha.do("ask", **order)["approved"])
