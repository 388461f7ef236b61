"""One rule for each capability that reading an account needs or uses: what the venue says -> a row of the report.

Pure. A rule never guesses: what neither ccxt nor this project's table says is "partly", with what is assumed instead.
"""

from collections.abc import Callable

from risksvc.core.types import plain
from risksvc.venue.abilities import Abilities, Finding, Verdict
from risksvc.venue.quirk_fields import DAY_MS, FillKind

Rule = Callable[[Abilities], Finding]

_YES, _PARTLY, _NO = Verdict.YES, Verdict.PARTLY, Verdict.NO
_UNREADABLE = "another venue, or a class of your own (settings: venue.class) that offers it"
_NAME_THEM = "settings: venue.instruments, with every instrument that this account trades"
_FORCED = (FillKind.LIQUIDATION, FillKind.ADL, FillKind.DELIVERY)


def offer(name: str, call: str, *, yes: str, no: str, do: str) -> Rule:
    """Make the rule of a capability that is one of ccxt's calls, no more."""

    def rule(of: Abilities) -> Finding:
        return Finding(name, _YES, yes) if of.offers(call) else Finding(name, _NO, no, do)

    return rule


# --- what is held and worked ---


def positions(of: Abilities) -> Finding:
    """What is held."""
    name = "positions"
    if of.quirks.unreadable:
        return Finding(name, _NO, of.quirks.unreadable, _UNREADABLE)
    if of.spot:
        if of.offers("fetchBalance"):
            return Finding(name, _YES, "a spot account has none: what is held is read from balances, per asset")
        return Finding(name, _NO, "no balances: what is held can't be read", _UNREADABLE)
    if not of.offers("fetchPositions"):
        return Finding(name, _NO, "what is held can't be read", _UNREADABLE)
    if of.needs_symbol("fetchPositions"):
        return Finding(name, _PARTLY, "listed per instrument only", _NAME_THEM)
    return Finding(name, _YES, "all instruments in one list")


def open_orders(of: Abilities) -> Finding:
    """What is working."""
    name = "open orders"
    if not of.offers("fetchOpenOrders"):
        return Finding(name, _NO, "working orders can't be read", _UNREADABLE)
    if not of.needs_symbol("fetchOpenOrders"):
        return Finding(name, _YES, "all instruments in one list")
    if not of.named:
        return Finding(name, _NO, "listed per instrument only, and none is named: they can't be read", _NAME_THEM)
    says = f"listed per instrument only: read for the {len(of.named)} that are named and for what is held"
    return Finding(name, _PARTLY, says, f"{_NAME_THEM}; an order elsewhere is not seen")


def conditional_orders(of: Abilities) -> Finding:
    """Whether an order that waits for a trigger is seen."""
    name = "conditional orders"
    if of.quirks.listing == "bybit" or (of.listed and of.feature("fetchOpenOrders", "trigger") is not True):
        return Finding(name, _YES, "orders that wait for a trigger are among the open orders")
    do = "place none beside the gate; after a halt, cancel them on the venue's own screen"
    if of.feature("fetchOpenOrders", "trigger") is True:
        says = "orders that wait for a trigger are in a list of their own, which is not read: one shows once it is live"
        return Finding(name, _NO, says, do)
    return Finding(name, _PARTLY, "it is not known whether the open orders include those that wait for a trigger", do)


def fills(of: Abilities) -> Finding:
    """What was executed."""
    name = "fills"
    if not of.offers("fetchMyTrades"):
        return Finding(name, _NO, "executions can't be read", _UNREADABLE)
    if not of.needs_symbol("fetchMyTrades"):
        return Finding(name, _YES, "all instruments in one list")
    whose = f"the {len(of.named)} that are named, " if of.named else ""
    says = (
        f"listed per instrument only: read for {whose}what is held and what is working; a fill elsewhere shows once "
        "its position does"
    )
    return Finding(name, _PARTLY, says, _NAME_THEM)


def fill_history(of: Abilities) -> Finding:
    """How far back fills can be read."""
    days = of.quirks.fill_history_ms // DAY_MS
    stated = of.feature("fetchMyTrades", "daysBack")
    if isinstance(stated, int) or of.quirks.fill_history_ms > 7 * DAY_MS:
        return Finding("fill history", _YES, f"{days} days: after a longer downtime what happened must be adopted")
    says = f"not known: taken to be {days} days; after a longer downtime what happened must be adopted"
    return Finding("fill history", _PARTLY, says, "settings: venue.quirks.fill_history_ms, once you know it")


def page_sizes(of: Abilities) -> Finding:
    """Whether a list that was cut can be told from a whole one."""
    known = {
        "positions": of.quirks.pages.positions,
        "open_orders": _limit(of, "fetchOpenOrders", of.quirks.pages.open_orders),
        "fills": _limit(of, "fetchMyTrades", of.quirks.pages.fills),
    }
    unknown = [name for name, size in known.items() if size is None]
    if not unknown:
        return Finding("page sizes", _YES, "known: a list that was cut is noticed")
    says = f"not known for {', '.join(unknown)}: a length that venues cut at (20, 50, 100, ...) counts as cut"
    return Finding("page sizes", _PARTLY, says, "settings: venue.quirks.pages, 0 for a list that is never cut")


def _limit(of: Abilities, method: str, known: int | None) -> object:
    return known if known is not None else of.feature(method, "limit")


def kinds(of: Abilities) -> Finding:
    """Whether a liquidation looks like one."""
    name = "kinds of execution"
    if of.spot:
        return Finding(name, _YES, "does not apply to a spot account: every execution is a trade")
    told = set(of.quirks.kinds.values())
    missing = [kind.value for kind in _FORCED if kind not in told]
    if not missing:
        return Finding(name, _YES, "liquidation, ADL and delivery are told apart from trades, funding is no fill")
    says = (
        f"{', '.join(missing)} can't be told from an ordinary trade: halted on all the same, as a fill that no "
        "approval explains"
    )
    verdict = _PARTLY if of.quirks.kinds else _NO
    return Finding(name, verdict, says, "look at the venue's own record before you adopt such a fill")


def sequence_numbers(of: Abilities) -> Finding:
    """Whether positions and fills can be put in one order."""
    name = "sequence numbers"
    if of.quirks.position_seq_key and of.quirks.fill_seq_key:
        return Finding(name, _YES, "positions and fills carry one: which fills a position includes is exact")
    says = "none on both positions and fills: a position is matched to the fills by time and quantity (window method)"
    return Finding(name, _NO, says)


def position_lag(of: Abilities) -> Finding:
    """How far positions lag behind fills."""
    lag = f"{of.quirks.position_lag_ms:,} ms"
    says = f"positions are taken to lag behind fills by up to {lag}; the gate measures it as it runs"
    return Finding("position lag", _PARTLY, says, "accounts.<name>.settle must not be shorter than the real lag")


# --- shapes of account ---


def hedge_mode(of: Abilities) -> Finding:
    """Whether two legs of one instrument are understood."""
    name, quirks = "hedge mode", of.quirks
    if of.spot:
        return Finding(name, _YES, "does not apply to a spot account")
    if quirks.leg_key and (quirks.fill_leg_key or quirks.closed_key):
        return Finding(name, _YES, "positions, orders and fills say which leg they are")
    if quirks.leg_key:
        says = "positions and orders say which leg they are, fills do not: the ledger can't follow the legs"
        return Finding(name, _PARTLY, says, "set the account to one-way mode")
    if of.offers("setPositionMode") or not of.listed:
        says = "which leg an order or a fill moves is not known: two legs are netted"
        return Finding(name, _PARTLY, says, "set the account to one-way mode")
    return Finding(name, _NO, "the venue has one position per instrument: nothing to do")


def spot(of: Abilities) -> Finding:
    """Whether a spot account can be read."""
    name = "spot"
    if of.spot:
        return Finding(name, _YES, "this account is read as a spot account")
    if not of.offers("spot"):
        return Finding(name, _NO, "the venue has no spot market in ccxt", "nothing, for an account of derivatives")
    says = "not read in this account; coins that are held beside the contracts are collateral, not exposure"
    return Finding(name, _PARTLY, says, "an account entry of its own with kind: spot")


def inverse(of: Abilities) -> Finding:
    """Whether contracts that settle in the coin can be read."""
    name = "inverse"
    if of.spot:
        return Finding(name, _YES, "does not apply to a spot account")
    if of.linear_only:
        return Finding(
            name, _NO, "this exchange class lists linear contracts only", "a class of its own, where ccxt has one"
        )
    if of.knows("swap", "inverse"):
        return Finding(name, _YES, "contracts that settle in the base coin are read too, their quantity in quote units")
    return Finding(name, _NO, "ccxt knows no inverse contracts here", "nothing, for an account of linear contracts")


# --- prices, time, cadence ---


def marks(of: Abilities) -> Finding:
    """Whether there is a price to value with."""
    name = "marks"
    if not of.offers("fetchTickers"):
        return Finding(name, _NO, "no list of tickers: nothing can be valued", _UNREADABLE)
    if of.spot:
        return Finding(name, _PARTLY, "a spot market has no mark price: the middle of bid and ask stands in for it")
    if of.offers("fetchMarkPrices"):
        return Finding(name, _YES, "the venue's mark prices, in a list of their own")
    if of.quirks.marks_in_tickers or of.quirks.mark_key:
        return Finding(name, _YES, "the venue's mark prices, in its tickers")
    do = "settings: venue.quirks.mark_key, where a ticker's `info` holds the mark"
    if of.listed:
        return Finding(name, _NO, "its tickers carry no mark price: every order is denied", do)
    says = "it is not known whether its tickers carry a mark price; without one every order is denied"
    return Finding(name, _PARTLY, says, do)


def clock(of: Abilities) -> Finding:
    """Whether the venue's clock can be measured."""
    if of.offers("fetchTime"):
        return Finding("clock", _YES, "its time is asked for, and the difference corrected")
    says = "it tells no time: this machine's clock is taken for the venue's"
    return Finding("clock", _NO, says, "keep this machine's clock right (NTP, chrony)")


def rate_limit(of: Abilities) -> Finding:
    """Whether the cadence fits into the rate limit."""
    name, costs = "rate limit", of.quirks.spot_costs if of.spot else of.quirks.costs
    count = max(len(of.named), 1)
    units = (
        costs.positions
        + costs.open_orders * (count if of.needs_symbol("fetchOpenOrders") else 1)
        + 2 * costs.fills * (count if of.needs_symbol("fetchMyTrades") else 1)
    )
    takes_ms = int(units * of.rate_limit_ms)
    sum_of_it = f"{plain(units)} x {plain(of.rate_limit_ms)} ms"
    says = f"a complete read takes at least {takes_ms:,} ms of ccxt's throttle ({sum_of_it})"
    if takes_ms - costs.fills * of.rate_limit_ms > of.read_timeout_ms:  # nothing waits for the last request's cost
        says = f"{says}, and is given up after {of.read_timeout_ms:,} ms: it never completes"
        return Finding(name, _NO, says, "name fewer instruments, or see venue.quirks.rate_limit_ms and costs")
    every = f"a cadence of {of.positions_every_ms:,} ms"
    if takes_ms > of.positions_every_ms:
        return Finding(name, _NO, f"{says}: {every} can't be kept", f"cadence: {{positions: {-(-takes_ms // 1_000)}s}}")
    return Finding(name, _YES, f"{says}: {every} can be kept")


def streams(of: Abilities) -> Finding:
    """Which private streams may trigger a read."""
    name = "private streams"
    wanted = {"watchOrders": "orders", "watchMyTrades": "fills", "watchPositions": "positions"}
    got = [words for call, words in wanted.items() if call in of.quirks.stream]
    if len(got) == len(wanted):
        return Finding(name, _YES, "orders, fills and positions trigger a read; never taken as state")
    slower = f"changes show at the next poll, {of.positions_every_ms:,} ms apart at most"
    if got:
        return Finding(name, _PARTLY, f"{', '.join(got)} only: other {slower}")
    why = "ccxt has none that is known to work here"
    return Finding(name, _NO, f"{why}: {slower}", "a shorter cadence.positions, if the rate limit allows it")


READING: tuple[Rule, ...] = (
    positions,
    open_orders,
    conditional_orders,
    fills,
    fill_history,
    page_sizes,
    kinds,
    sequence_numbers,
    position_lag,
    hedge_mode,
    spot,
    inverse,
    marks,
    offer(
        "order book",
        "fetchOrderBook",
        yes="depth can be read before something is closed",
        no="no depth: what closing would cost can't be estimated",
        do="look at the venue's own screen before you flatten",
    ),
    clock,
    rate_limit,
    streams,
)
