"""Act 1: orders are approved, placed, filled, reconciled; three ledgers agree."""

from risksvc.cli.demo.cast import BTC, ETH, Cast


def trade(cast: Cast) -> None:
    """Two strategies open a position each."""
    timeline = cast.timeline
    timeline.act(1, "Two strategies trade; belief, ledger and venue agree")
    timeline.say("gate", f"open after {cast.wait_open():.1f} s: account flat, nothing to adopt")
    order = {"side": "buy", "type": "market", "quantity": "0.2", "intended": "0.2"}
    bought = cast.ask(cast.alpha, "trade", instrument=BTC, **order)
    timeline.say("strategy", f"alpha buys 0.2 BTC at market: {_said(bought)}")
    order = {"side": "sell", "type": "market", "quantity": "4", "intended": "-4"}
    sold = cast.ask(cast.beta, "trade", instrument=ETH, **order)
    timeline.say("strategy", f"beta sells 4 ETH at market: {_said(sold)}")
    timeline.check("both orders were approved", holds=bought["approved"] and sold["approved"])
    timeline.check(
        "both were filled whole at the venue",
        holds=(bought.get("filled"), sold.get("filled")) == ("0.200", "4.00")
        or (float(bought.get("filled", 0)), float(sold.get("filled", 0))) == (0.2, 4.0),
        observed=f"{bought.get('filled')} BTC, {sold.get('filled')} ETH",
    )
    cast.world.wait(lambda: len(cast.held()) == 2 and cast.agree(), "agreement", within_s=10)  # noqa: PLR2004
    cast.show_ledgers("After one reconcile")
    timeline.check("belief, ledger and venue agree", holds=cast.agree())


def _said(answer: dict[str, object]) -> str:
    if answer["approved"]:
        return f"approved, filled {answer.get('filled')}"
    return f"denied: {answer['message']}"
