"""Acts 2 and 3: what passes to the cent, what a breach costs; limits are reloaded, a broken file is refused."""

from risksvc.cli.demo.cast import ADA, BTC, DOGE, ETH, XRP, Answer, Cast
from risksvc.cli.demo.files import BROKEN, LOWERED
from risksvc.cli.demo.world import TraderHandle

# Resting far below the market they never fill, and count at the mark: $50,000 + $50,000 + $27,500.
RESTING = ((XRP, "100000", "0.4"), (ADA, "125000", "0.3"), (DOGE, "275000", "0.08"))


def attempt(cast: Cast) -> None:
    """Every headline limit, at the limit and one cent or one step above."""
    cast.timeline.act(2, "$50,000.00 passes, $50,000.01 does not")
    _total(cast)
    _band(cast)
    _net(cast)


def _outcome(cast: Cast, who: str, what: str, answer: Answer) -> None:
    verdict = "approved" if answer["approved"] else f"DENIED {', '.join(answer['reasons'])}"
    cast.timeline.say("strategy", f"{who} asks: {what}: {verdict}")
    if not answer["approved"]:
        cast.timeline.say("gate", answer["messages"][-1])


def _rest(cast: Cast, trader: TraderHandle, orders: tuple[tuple[str, str, str], ...]) -> list[Answer]:
    placed = []
    for instrument, quantity, price in orders:
        order = {"side": "buy", "type": "limit", "quantity": quantity, "price": price, "wait_fill": False}
        answer = cast.ask(trader, "trade", instrument=instrument, intended=quantity, **order)
        cast.timeline.check(f"a resting buy of {quantity} {instrument} is approved", holds=answer["approved"])
        placed.append({**answer, "instrument": instrument})
    return placed


def _cancel(cast: Cast, trader: TraderHandle, placed: list[Answer]) -> None:
    for order in placed:
        trader.do("cancel", **{key: order[key] for key in ("instrument", "venue_order_id", "client_order_id")})
    cast.timeline.say("strategy", f"{len(placed)} resting orders cancelled (a cancel needs no approval, in any state)")
    cast.released()


def _total(cast: Cast) -> None:
    placed = _rest(cast, cast.beta, RESTING)
    ask = {"instrument": ETH, "side": "sell", "quantity": "1", "intended": "-5"}
    exact = cast.ask(cast.beta, "ask", price="2500.00", **ask)
    _outcome(cast, "beta", "total worst case of $150,000.00", exact)
    cast.timeline.check("$150,000.00 in total passes", holds=exact["approved"], observed=exact["total_after"])
    cast.released_but(len(placed))
    above = cast.ask(cast.beta, "ask", price="2500.01", **ask)
    _outcome(cast, "beta", "total worst case of $150,000.01", above)
    denied = above["reasons"] == ["HEADROOM_RESERVED"]
    cast.timeline.check("$150,000.01 is denied", holds=denied, observed=above["total_after"])
    cast.timeline.check("nothing trips: part of it is alpha's", holds=not cast.halts())
    _cancel(cast, cast.beta, placed)


def _band(cast: Cast) -> None:
    ask = {"instrument": ETH, "side": "sell", "price": "2500.00", "intended": "-4"}
    exact = cast.ask(cast.beta, "ask", quantity="2", **ask)
    _outcome(cast, "beta", "-6 ETH, 150 % of the -4 it intends", exact)
    cast.timeline.check("150 % of intended size passes", holds=exact["approved"])
    cast.released()
    above = cast.ask(cast.beta, "ask", quantity="2.01", **ask)
    _outcome(cast, "beta", "-6.01 ETH", above)
    cast.timeline.check("one step more is denied", holds=above["reasons"] == ["INTENDED_BAND"])
    _tripped(cast, "beta", "TRADING_STATE_REDUCING")
    other = cast.ask(cast.alpha, "ask", instrument=BTC, side="buy", quantity="0.01", price="50000.0", intended="0.2")
    cast.timeline.check("the other strategy trades on", holds=other["approved"])
    cast.released()
    cast.resume("beta's sizing was explained; its limits stand")


def _net(cast: Cast) -> None:
    placed = _rest(cast, cast.alpha, ((BTC, "0.7", "45000.0"),))
    ask = {"instrument": BTC, "side": "buy", "quantity": "0.1", "intended": "1"}
    exact = cast.ask(cast.alpha, "ask", price="50000.0", **ask)
    _outcome(cast, "alpha", "BTC worst case of $50,000.00", exact)
    cast.timeline.check("$50,000.00 passes", holds=exact["approved"], observed=exact["exposure_after"])
    cast.released_but(len(placed))
    for attempt_number in (1, 2, 3):
        # The client library takes REDUCING for an answer; the second and third time the gate itself is asked.
        how = {"do": "ask"} if attempt_number == 1 else {"do": "insist", "strategy": "alpha", "gate": cast.world.gate}
        above = cast.ask(cast.alpha, str(how.pop("do")), price="50000.1", **ask, **how)
        _outcome(cast, "alpha", f"BTC worst case of $50,000.01 (attempt {attempt_number})", above)
        cast.timeline.check(
            "$50,000.01 is denied", holds="MAX_NET_EXPOSURE" in above["reasons"], observed=above["exposure_after"]
        )
        state = "TRADING_STATE_HALTED" if attempt_number == 3 else "TRADING_STATE_REDUCING"  # noqa: PLR2004
        _tripped(cast, "alpha", state)
    _cancel(cast, cast.alpha, placed)
    cast.resume("alpha's sizing was fixed; it starts from its old size")


def _tripped(cast: Cast, strategy: str, state: str) -> None:
    states = {one["strategy"]: one["trading_state"] for one in cast.status()["accounts"][0]["strategies"]}
    cast.timeline.check(f"{strategy} is {state[14:]}", holds=states[strategy] == state, observed=states)


def reload(cast: Cast) -> None:
    """Good limits replace the old, whole; bad ones are refused, and the old stand."""
    timeline = cast.timeline
    timeline.act(3, "Limits are reloaded; a broken file is refused")
    cast.world.limits.write_text(LOWERED)
    good = cast.operate("alice", "limits", "reload", "--reason", "SOL is thin this week")
    for change in good["changes"]:
        timeline.say("gate", f"{change['key']}: {change.get('before', '')} -> {change.get('after', '')}")
    timeline.check("the new limits are in force", holds=bool(good["loaded"]) and bool(good["changes"]))
    cast.world.limits.write_text(BROKEN)
    bad = cast.operate("alice", "limits", "reload", "--reason", "a slip of the finger", expect=1)
    mistake = bad["errors"][0]
    timeline.say("gate", f"refused: line {mistake['line']}: {mistake['key']}: {mistake['message']}")
    line = BROKEN.splitlines().index(next(one for one in BROKEN.splitlines() if "exposre" in one)) + 1
    timeline.check("the mistake is named with its line", holds=mistake["line"] == line, observed=f"line {line}")
    stands = cast.operate("alice", "limits", "show")["hash"]
    timeline.check("the old limits stand", holds=stands == good["hash"], observed=stands[:12])
    cast.world.limits.write_text(LOWERED)
