"""What a venue can and can't do, said in words at the start: the capability report.

Pure. `findings` gives one row for each capability that the gate needs or uses, always in the same order; `unusable`
says why an account can't be read at all. Nothing here is found out by asking the venue: see `trial.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

from risksvc.core.request_expiry import ExpiryKind
from risksvc.venue.abilities import Abilities, Finding, Verdict
from risksvc.venue.capability_rules import READING, Rule, offer

_YES, _PARTLY, _NO = Verdict.YES, Verdict.PARTLY, Verdict.NO
_OWN_RECORD = "compare the account's equity by hand, with the venue's own record"

# Without one of these an account can't be read, so nothing could be approved.
NEEDED = ("positions", "open orders", "fills", "marks")


# --- orders ---


def look_up_by_client_id(of: Abilities) -> Finding:
    """Whether what became of a client order id can be proven."""
    name = "look-up by client id"
    if of.quirks.listing == "bybit" or (of.quirks.client_id_param and of.offers("fetchOrder")):
        return Finding(name, _YES, "an order is found, or proven absent, by its client id")
    says = "only in the lists of open and ended orders, which prove that an order exists, never that it does not"
    return Finding(name, _PARTLY, says, "an order that never arrived stays reserved: report it as never sent")


def client_order_ids(of: Abilities) -> Finding:
    """Which client order ids the venue takes."""
    quirks = of.quirks
    what = f"at most {quirks.client_order_id_max_length} of [{quirks.client_order_id_characters}]"
    if of.listed:
        return Finding("client order ids", _YES, f"{what}; every other id is denied")
    says = f"not known: {what} is assumed, every other id is denied"
    do = "settings: venue.quirks.client_order_id_max_length and client_order_id_characters"
    return Finding("client order ids", _PARTLY, says, do)


def client_ids_on_fills(of: Abilities) -> Finding:
    """Whether a fill names the order that was approved."""
    name = "client ids on fills"
    if of.quirks.trade_client_id_key:
        return Finding(name, _YES, "a fill names the client id of its order")
    return Finding(name, _NO, "a fill names the venue's order id only: its order is looked up once, by that id")


def reduce_only(of: Abilities) -> Finding:
    """Whether the venue itself keeps a reducing order from growing a position."""
    if of.spot:
        return Finding("reduce-only", _NO, "a spot market knows none: a reducing order counts as an ordinary one")
    if not of.quirks.enforces_reduce_only:
        says = "ccxt hands it to no order here: a reducing order counts as an ordinary one"
        return Finding("reduce-only", _NO, says, "leave room below the limit for orders that close")
    if of.listed:
        return Finding("reduce-only", _YES, "the venue keeps a reducing order from growing or turning a position")
    says = "ccxt hands it on; that the venue enforces it is not proven here"
    return Finding("reduce-only", _PARTLY, says, "settings: venue.quirks.enforces_reduce_only: false, if it does not")


def cancel(of: Abilities) -> Finding:
    """Whether orders can be cancelled by this process."""
    if not of.offers("cancelOrder"):
        return Finding("cancel", _NO, "orders can't be cancelled through ccxt", "cancel by hand, on the venue's screen")
    if not of.quirks.cancel_client_id_param:
        return Finding("cancel", _PARTLY, "by the venue's id, which is looked up first where it isn't known")
    return Finding("cancel", _YES, "by the client's id or the venue's")


def placing(of: Abilities) -> Finding:
    """Whether this process may place the operators' reducing orders."""
    name, kinds = "placing", " and ".join(of.quirks.places)
    if not kinds:
        says = "not proven that ccxt sends an order whole: none is placed, and flatten prints them to place by hand"
        return Finding(name, _NO, says, "settings: venue.quirks.places, once you have tried it: [limit, market]")
    if not of.quirks.places_legs and not of.spot:
        return Finding(name, _PARTLY, f"{kinds} orders; none in hedge mode, where a leg must be named")
    if len(of.quirks.places) == 1:
        return Finding(name, _PARTLY, f"{kinds} orders only")
    return Finding(name, _YES, f"{kinds} orders, with --allow-orders")


def request_expiry(of: Abilities) -> Finding:
    """Whether an order that comes late is refused."""
    name = "request expiry"
    if of.expiry.bounded:
        how = {
            ExpiryKind.OPTION: "signed into every request",
            ExpiryKind.PARAM: "a parameter of each order",
            ExpiryKind.HEADER: "a header while an order is sent",
        }[of.expiry.kind]
        return Finding(name, _YES, f"{of.expiry.name}, {how}: an order that comes late is refused")
    says = f"no order is refused for being late ({of.expiry.note}): one approved before a halt may arrive after it"
    return Finding(name, _NO, says, "after a halt, read the open orders again and cancel what came late")


def ledger(of: Abilities) -> Finding:
    """Whether what moved the balance is listed."""
    if not of.offers("fetchLedger"):
        says = "no list of what moved the balance: the equity check can't name the cause of a difference"
        return Finding("ledger", _NO, says, _OWN_RECORD)
    if of.quirks.ledger_kinds:
        return Finding("ledger", _YES, "what moved the balance is listed, and its kinds are known")
    says = "what moved the balance is listed, but what its kinds mean is not known: they explain nothing"
    return Finding("ledger", _PARTLY, says, "settings: venue.quirks.ledger_kinds")


def balances(of: Abilities) -> Finding:
    """Whether equity can be checked."""
    name = "balances"
    if not of.offers("fetchBalance"):
        return Finding(name, _NO, "not listed: no equity check", _OWN_RECORD)
    if of.spot or of.quirks.balance_total:
        return Finding(name, _YES, "read for the equity check, where the ledger is understood too")
    says = "listed, but whether a total counts unrealised profit is not known: equity is not checked"
    return Finding(name, _PARTLY, says, "settings: venue.quirks.balance_total, wallet or equity")


_TRADING: tuple[Rule, ...] = (
    look_up_by_client_id,
    offer(
        "look-up by venue id",
        "fetchOrder",
        yes="an order is found by the venue's id",
        no="an order can't be asked for by its id: it is searched for in the lists",
        do="keep fewer orders open than the lists show",
    ),
    client_order_ids,
    client_ids_on_fills,
    reduce_only,
    placing,
    cancel,
    offer(
        "cancel all",
        "cancelAllOrders",
        yes="the venue has a request for it; what it leaves is cancelled per instrument and order by order",
        no="no request for it: this process cancels order by order",
        do="nothing; with hundreds of orders it takes seconds",
    ),
    offer(
        "dead-man switch",
        "cancelAllOrdersAfter",
        yes="the venue can cancel all orders when this process is gone (settings: venue.dead_man); protective ones too",
        no="none: orders stay when everything here has died",
        do="keep the venue's own screen at hand",
    ),
    request_expiry,
)

_MONEY: tuple[Rule, ...] = (
    balances,
    ledger,
    offer(
        "funding history",
        "fetchFundingHistory",
        yes="funding payments are listed",
        no="funding payments are not listed by themselves",
        do=_OWN_RECORD,
    ),
)


def _sandbox(of: Abilities) -> Finding:
    if of.sandbox:
        return Finding("sandbox", _YES, "the venue has a test network (settings: venue.sandbox: true)")
    return Finding("sandbox", _NO, "no test network in ccxt", "try settings against `risksvc paper`, or a tiny account")


RULES: tuple[Rule, ...] = (*READING, *_TRADING, *_MONEY, _sandbox)


def findings(of: Abilities) -> tuple[Finding, ...]:
    """Give the whole report, one row for each rule."""
    return tuple(_with_remark(rule(of), of) for rule in RULES)


def _with_remark(found: Finding, of: Abilities) -> Finding:
    """Add what the table says besides; a row with a remark is no plain yes."""
    remark = of.quirks.remarks.get(found.name)
    if not remark:
        return found
    verdict = _PARTLY if found.verdict is _YES else found.verdict
    return replace(found, verdict=verdict, says=f"{found.says}; {remark}")


def unusable(report: Sequence[Finding]) -> str:
    """Say in one line why the account can't be read at all; empty: it can."""
    missing = [row for row in report if row.name in NEEDED and row.verdict is _NO]
    return "; ".join(f"{row.name}: {row.says}" for row in missing)


def shortcomings(report: Sequence[Finding]) -> tuple[Finding, ...]:
    """Give the rows that are no plain yes."""
    return tuple(row for row in report if row.verdict is not _YES)
