"""Whose a fill is, as a journal tells it: which approved order it fills, and which decision of a strategy that was.

The rules are the gate's (`risksvc.core.fills`), applied afterwards, when every id is known: by client order id, else by
the venue's order id; then by an announcement; then by adoption. A person's order is nobody's decision. An amended
order's fills belong to the amendment that was in force.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from risksvc.core.events import AdoptItem, OrderExpected
from risksvc.core.types import ZERO, Nanoseconds, Order, ReplaceMode, Side
from risksvc.core.venue_events import Fill
from risksvc.gate.review.material import Whose


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """One approval. `decision_id` empty: a person's, the gate's own, or one from before the journal's first entry.

    `spread`: it is not said whose position it takes down. `instrument`, `side`: empty and None: not said.
    """

    at: Nanoseconds
    strategy: str
    decision_id: str = ""
    flatten: bool = False
    spread: bool = False
    instrument: str = ""
    side: Side | None = None

    def is_another(self, fill: Fill) -> bool:
        """True when a fill that carries its id can't be of it: another instrument, or the other side."""
        return self.instrument not in ("", fill.instrument) or self.side not in (None, fill.side)


@dataclass(slots=True)
class _Announced:
    """An order that a person announced and that carries no id at the venue."""

    event: OrderExpected
    at: Nanoseconds
    left: Decimal


@dataclass(slots=True)
class OrderNames:
    """Every approved order of one account by its ids; `roots`: what an amendment's id amends."""

    versions: dict[str, list[KnownOrder]] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    by_venue_id: dict[str, str] = field(default_factory=dict)
    never_sent: dict[str, None] = field(default_factory=dict)
    announced: list[_Announced] = field(default_factory=list)
    adopted_fills: dict[tuple[str, str], str] = field(default_factory=dict)
    adopted_orders: dict[str, str] = field(default_factory=dict)

    def approve(self, order: Order, known: KnownOrder) -> None:
        """Take an approval in; an amendment joins the order that it changes."""
        root = order.client_order_id
        if order.replaces and order.replace_mode is ReplaceMode.AMEND:
            root = self.roots.get(order.replaces, order.replaces)
        self.roots[order.client_order_id] = root
        self.versions.setdefault(root, []).append(replace(known, instrument=order.instrument, side=order.side))

    def made_by_gate(self, client_order_id: str, known: KnownOrder) -> None:
        """Take in an order that the gate made itself, to flatten."""
        self.roots[client_order_id] = client_order_id
        self.versions.setdefault(client_order_id, []).append(known)

    def announce(self, event: OrderExpected, at: Nanoseconds) -> None:
        """Take an announced order in."""
        if event.named:
            self.approve(event.order, KnownOrder(at, event.order.strategy))
        else:
            self.announced.append(_Announced(event, at, event.order.quantity))

    def knows(self, client_order_id: str) -> bool:
        """True when an order of this id was approved."""
        return client_order_id in self.roots

    def name_at_venue(self, client_order_id: str, venue_order_id: str) -> None:
        """Learn the venue's id of an order."""
        if client_order_id and venue_order_id:
            self.by_venue_id[venue_order_id] = client_order_id

    def adopt(self, item: AdoptItem) -> None:
        """A person said whose something is; a position's quantity is no order's."""
        if item.trade_id:
            self.adopted_fills[item.instrument, item.trade_id] = item.owner
        elif item.venue_order_id:
            self.adopted_orders[item.venue_order_id] = item.owner

    def root_of(self, fill: Fill) -> str:
        """The id that the fill's order was first approved under; empty: no approval explains it."""
        named = self.roots.get(fill.client_order_id, "")
        root = named or self.roots.get(self.by_venue_id.get(fill.venue_order_id, ""), "")
        return "" if root and self.versions[root][0].is_another(fill) else root

    def whose(self, fill: Fill, *, seen_at: Nanoseconds) -> Whose:
        """Whose a fill is. Each fill is asked about once: what was announced is used up."""
        versions = self.versions.get(self.root_of(fill))
        if versions:
            known = next((one for one in reversed(versions) if one.at <= seen_at), versions[0])
            at = known.at if known.decision_id else 0
            return Whose(known.strategy, known.decision_id, at, flatten=known.flatten, spread=known.spread)
        announced = self._announced(fill, seen_at)
        if announced is not None:
            return Whose(announced.event.order.strategy)
        ids = (fill.venue_order_id, fill.client_order_id)
        owner = next((self.adopted_orders[one] for one in ids if one in self.adopted_orders), "")
        return Whose(self.adopted_fills.get((fill.instrument, fill.trade_id), owner))

    def _announced(self, fill: Fill, seen_at: Nanoseconds) -> _Announced | None:
        for one in self.announced:
            order = one.event.order
            fits = order.instrument == fill.instrument and order.side is fill.side and fill.quantity <= one.left
            if fits and one.at <= seen_at and one.left > ZERO:
                one.left -= fill.quantity
                return one
        return None
