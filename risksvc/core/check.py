"""One order that is asked about, with everything that a rule may want to know of it: found once, projected once.

Nothing is judged here (`risksvc.core.checks`, `risksvc.core.sizing`) and nothing is changed: what there would be with
the order is computed beside what there is.
"""

from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.events import OrderChecked, OrderExpected, ReducingOrderChecked
from risksvc.core.exposure import Working, WorstCase, worst_case
from risksvc.core.limits import AccountLimits
from risksvc.core.positions import strategy_intent
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import ZERO, Nanoseconds, PositionRange, Scope, TradingState

Asked = OrderChecked | OrderExpected | ReducingOrderChecked


class Check:
    """One order against everything that it depends on, each looked up once.

    `mine` is the strategy over all instruments, `part` what it has in this one; `strategy_limits` is None for an
    operator's order, which only reduces. `announced`: a person will place it by hand, and has no tracker that could say
    what it believes. What `project` finds stands below it.
    """

    __slots__ = (
        "after",
        "amends",
        "announced",
        "belief_given",
        "book",
        "delta_quantity",
        "instrument",
        "instrument_limits",
        "intent",
        "limits",
        "line",
        "mark",
        "mine",
        "mine_after",
        "mine_working",
        "now",
        "operator",
        "order",
        "order_unit",
        "part",
        "reduces",
        "remaining",
        "state",
        "strategy_limits",
        "total_after",
        "value",
        "working",
    )

    amends: Reservation | None
    order_unit: Decimal
    remaining: Decimal
    delta_quantity: Decimal
    value: Decimal
    working: Working
    mine_working: Working
    after: WorstCase
    mine_after: WorstCase
    total_after: Decimal
    intent: PositionRange | None

    def __init__(
        self, asked: Asked, book: AccountBook, limits: AccountLimits, *, state: TradingState, now: Nanoseconds
    ) -> None:
        order = asked.order
        symbol, name, kind = order.instrument, order.strategy, type(asked)
        self.order, self.book, self.limits, self.state, self.now = order, book, limits, state, now
        self.operator, self.announced = kind is ReducingOrderChecked, kind is OrderExpected
        self.belief_given = isinstance(asked, OrderChecked) and asked.belief is not None
        self.reduces = order.reduce_only
        self.line = line = book.line_for(symbol)
        self.part = line.strategies.get(name) or line.strategy(name)
        self.mine = book.strategies.get(name) or book.strategy(name)
        self.instrument, self.mark = book.instruments.get(symbol), line.marks.get(symbol)
        self.instrument_limits = limits.instruments.get(symbol) or book.unlisted_limits()
        self.strategy_limits = None if self.operator else limits.strategies.get(name)

    def project(self, amends: Reservation | None) -> None:
        """What there would be with the order.

        `order_unit` is the value of one unit of it at its worst price, `remaining` what of it could fill, at `value`;
        `delta_quantity` what it would add to the sums; `working` and `after` are sums and worst case of the instrument
        with it, `mine_working` and `mine_after` the strategy's.
        """
        order, book, line, part = self.order, self.book, self.line, self.part
        remaining, price, reduces = order.quantity, order.limit_price, self.reduces and book.enforces_reduce_only
        if amends is not None:
            remaining, price, reduces = amends.amended(order)
        self.order_unit = at_worst = book.order_unit(line, order, price)
        more = remaining
        more_value = value = remaining * at_worst
        if amends is not None:
            more, more_value = more - amends.counted_quantity, value - amends.counted_value
        unit, position = line.unit or ZERO, part.position
        self.amends, self.remaining, self.value, self.delta_quantity = amends, remaining, value, more
        self.working = working = line.working.plus(order.side, more, value=more_value, reduces=reduces)
        self.mine_working = mine = part.working.plus(order.side, more, value=more_value, reduces=False)
        self.after = after = worst_case(line.low, line.high, working, unit)
        self.mine_after = worst_case(position, position, mine, unit)
        self.total_after = book.total - line.worst.exposure + after.exposure
        own = self.strategy_limits
        self.intent = None if own is None else strategy_intent(part, own, order.instrument)

    @property
    def here(self) -> Scope:
        """The instrument's scope."""
        return Scope(self.order.account, instrument=self.order.instrument)

    @property
    def whose(self) -> Scope:
        """The strategy's scope."""
        return Scope(self.order.account, strategy=self.order.strategy)

    @property
    def whose_here(self) -> Scope:
        """The strategy's scope in this instrument."""
        return Scope(self.order.account, strategy=self.order.strategy, instrument=self.order.instrument)

    @property
    def everywhere(self) -> Scope:
        """The account's scope."""
        return Scope(self.order.account)

    def proven_after(self) -> WorstCase:
        """The strategy's own doing: its position, its proven working orders, this order. Walks the orders."""
        working = proven_working(self.part, without=self.amends)
        working = working.plus(self.order.side, self.remaining, value=self.value, reduces=False)
        position = self.part.position
        return worst_case(position, position, working=working, unit=self.line.unit or ZERO)


def proven_working(part: StrategyLine, *, without: Reservation | None = None) -> Working:
    """Sums over a strategy's orders that are known to work at the venue."""
    total = Working()
    for one in part.reservations.values():
        if one.proven and one is not without:
            total = total.plus(one.order.side, one.counted_quantity, value=one.counted_value, reduces=False)
    return total
