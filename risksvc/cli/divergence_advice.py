"""What to do about each class of divergence: a sentence, the exact next commands, and what is adopted when it is known.

Data, as the runbook has it in words. A class that a newer gate names and this command does not know gets no advice of
its own: the table never guesses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from risksvc.cli.adopt_view import selection
from risksvc.core.divergences import DivergenceClass
from risksvc.v1.operator_pb2 import AdoptItem, Divergence

Command = tuple[tuple[str, ...], str]

# So many items are named one by one; more are adopted with --all.
_NAMED = 3
_EXPLAINED = ("--cause", "<manual-trade, lost-journal, ...>", "--reason", "<why it is right>")


@dataclass(frozen=True, slots=True)
class Advice:
    """`commands`: words with {account}, {instrument}, {strategy}, and what for; `adopts`: the field of what settles."""

    do: str
    commands: tuple[Command, ...] = ()
    adopts: str = ""


_HALT = (("halt", "--account", "{account}", "--reason", "<why>"), "if it is not halted yet: stops the whole account")
_STOP = (
    ("halt", "--account", "{account}", "--strategy", "{strategy}", "--reason", "<why>"),
    "stops this strategy alone, until its tracker is mended",
)
_ORDERS = (("orders", "--account", "{account}"), "what can still fill")
_CANCEL = (
    ("cancel-all", "--account", "{account}", "--instrument", "{instrument}", "--reason", "<why>"),
    "cancels what works in it, or lists what to cancel by hand",
)
_AGAIN = (("reconcile", "--explain", "--account", "{account}"), "reads again: fills may have come late")
_FEED = (("venue", "--account", "{account}"), "starts its venue process again, after the old one is stopped")
_CHECK = (("venue", "check", "--account", "{account}"), "tries the venue: its clock, its markets, the key")
_EXPOSURE = (("exposure", "--account", "{account}"), "what is left, against its limits")
_POSITIONS = (("positions", "--account", "{account}"), "what is held now")
_LIMITS = (("limits", "reload", "--reason", "<why>"), "after `max_residual` was raised, and reviewed")
_STATUS = (("status",), "what the last failed read said, and what is closed")

ADVICE: Mapping[DivergenceClass, Advice] = {
    DivergenceClass.MISSING_FILL: Advice(
        "Fills are late at the venue: read again. If its own website shows the fills and we never get them, adopt the "
        "difference.",
        (_AGAIN,),
        adopts="position_quantity",
    ),
    DivergenceClass.UNEXPECTED_FILL: Advice(
        "Somebody trades this account without asking. Halt, find the program or person, revoke its key, close what "
        "should not be held, then adopt the fill.",
        (_HALT, _ORDERS),
        adopts="trade_id",
    ),
    DivergenceClass.UNEXPECTED_ORDER: Advice(
        "Somebody placed an order without asking. Cancel it, or adopt it if it is right; find who holds the key.",
        (_HALT, _CANCEL),
        adopts="venue_order_id",
    ),
    DivergenceClass.LOST_ORDER: Advice(
        "Look for the order on the venue's own website. If it is not there, adopt it as finished; until then it "
        "counts.",
        (_AGAIN,),
        adopts="lost_client_order_id",
    ),
    DivergenceClass.PHANTOM_FILL: Advice(
        "A strategy invents fills, or the venue took one back: stop the strategy, and ask the venue about the trade "
        "id. If it never happened, adopt it: it is then forgotten, and moves nothing.",
        (_STOP,),
        adopts="trade_id",
    ),
    DivergenceClass.POSITION_DRIFT: Advice(
        "Trust the venue. No fill explains it: read again, then ask the venue's support; adopt the difference when you "
        "know where it comes from.",
        (_AGAIN, _HALT),
        adopts="position_quantity",
    ),
    DivergenceClass.BELIEF_DRIFT: Advice(
        "Where the venue agrees with the ledger, the strategy's tracker is wrong: stop it, mend it, restart it. Where "
        "it agrees with the strategy, fills are late or missing: read again. Nothing is adopted for this.",
        (_STOP, _AGAIN),
    ),
    DivergenceClass.UNATTRIBUTED_RESIDUAL: Advice(
        "What rounding and fees leave adds up: often a fee in the asset itself that the fills do not carry. Find the "
        "asset whose balance is not its ledger; if it is right so, raise `max_residual` by a reviewed reload.",
        (_AGAIN, _LIMITS),
    ),
    DivergenceClass.LIQUIDATION: Advice(
        "The venue closed a position by force. Find out why the margin was gone before anything resumes.",
        (_EXPOSURE,),
    ),
    DivergenceClass.ADL: Advice(
        "The venue reduced a position. The strategy must hear of it: its hedge elsewhere is now too large.",
        (_POSITIONS,),
    ),
    DivergenceClass.DELIVERY: Advice("Nothing is to be done: a contract ended."),
    DivergenceClass.FUNDING: Advice("Nothing is to be done: cash moved, no position."),
    DivergenceClass.TRANSFER: Advice("Nothing is to be done if somebody of yours moved it. If nobody did: halt."),
    DivergenceClass.STALE_VENUE: Advice(
        "Nobody sees what the account holds. Is the venue process running, is the exchange up?", (_STATUS, _FEED)
    ),
    DivergenceClass.UNREADABLE_VENUE: Advice(
        "The venue answers badly or not at all. Nothing is taken for flat meanwhile; mend what the message says.",
        (_STATUS, _CHECK, _FEED),
    ),
    DivergenceClass.UNKNOWN_INSTRUMENT: Advice(
        "The venue shows an instrument that it did not list. The feed reads the markets again by itself; if that does "
        "not end it, restart the feed.",
        (_FEED,),
    ),
    DivergenceClass.EQUITY_MISMATCH: Advice(
        "Money moved that nobody explains. Hold the venue's own transaction log against the fills of that time.",
        (_EXPOSURE,),
    ),
}


def advice_for(divergence: Divergence) -> Advice | None:
    """What to do; None: this command does not know the class."""
    known = {one.value: advice for one, advice in ADVICE.items()}
    return known.get(divergence.divergence_class)


def commands_for(divergence: Divergence, items: Sequence[AdoptItem]) -> Iterator[Command]:
    """The next commands, ready to paste. `items`: what could be adopted in its instrument."""
    advice = advice_for(divergence)
    if advice is None:
        return
    values = {
        "account": divergence.account,
        "instrument": divergence.instrument,
        "strategy": divergence.strategy,
    }
    for words, purpose in advice.commands:
        if divergence.strategy or "{strategy}" not in words:
            yield tuple(word.format_map(values) if word.startswith("{") else word for word in words), purpose
    settles = [item for item in items if advice.adopts and getattr(item, advice.adopts)]
    yield from adoptions(divergence.account, settles)


def adoptions(account: str, items: Sequence[AdoptItem]) -> Iterator[Command]:
    """The commands that explain these items, ready to paste but for what only a person can say."""
    start, purpose = ("adopt", "--account", account), "when you know what it is and whose; without --owner nobody's"
    rest = ("--owner", "<STRATEGY>", *_EXPLAINED)
    if len(items) > _NAMED:
        yield (*start, "--all", "--instrument", items[0].instrument, *rest), f"all {len(items)}: {purpose}"
        return
    for item in items:
        yield (*start, *selection(item), *rest), purpose
