"""The files of a review, column by column: the one place that says what they are called and what may stand in them.

`deploy/review/README.md` shows these tables to people; a test holds the two against each other.
"""

from risksvc.cli.review import cells
from risksvc.cli.review.csv_table import Column, Table
from risksvc.core.types import InstrumentKind
from risksvc.core.venue_events import FillKind

FLATTEN = "flatten"
SENT, DENIED, NEVER_SENT = "sent", "denied", "never_sent"
FILL_KINDS = {
    "trade": FillKind.TRADE,
    FLATTEN: FillKind.TRADE,
    "liquidation": FillKind.LIQUIDATION,
    "adl": FillKind.ADL,
    "delivery": FillKind.DELIVERY,
    "transfer": FillKind.TRANSFER,
}
_KINDS = {kind.value.lower(): kind for kind in InstrumentKind}

_TIME = Column(
    "time", cells.moment, "ISO 8601, UTC unless it says otherwise, or milliseconds since 1970", True, ("timestamp",)
)
_INSTRUMENT = Column("instrument", cells.name, "as instruments.csv names it", True, ("symbol",))
_STRATEGY = Column("strategy", cells.name, "whose", True)
_VERSION = Column("version", cells.words, "the code that decided; shows since when it was wrong", absent="")

INSTRUMENTS = Table(
    "instruments.csv",
    "every instrument that is traded, or instruments.yaml with the same keys below each instrument's name",
    (
        _INSTRUMENT,
        Column("kind", cells.one_of(_KINDS), "linear, inverse or spot", True),
        Column("base", cells.name, "base currency", True),
        Column("quote", cells.name, "quote currency, in which prices are", True),
        Column(
            "contract_size",
            cells.positive,
            "per unit of quantity: base units (linear), quote units (inverse), 1 (spot)",
            True,
        ),
        Column("quantity_step", cells.positive, "what quantities are multiples of; empty: not rounded"),
        Column("price_step", cells.positive, "what prices are multiples of"),
        Column(
            "rate",
            cells.positive,
            "report currency per unit of quote currency; empty: limits.yaml's, else 1 for USD, USDT, USDC",
        ),
        Column(
            "max_net_exposure", cells.positive, "its limit, in the report's currency; empty: limits.yaml's, else none"
        ),
    ),
)
FILLS = Table(
    "fills.csv",
    "every fill of the account, each once: the venue's word, not the strategy's",
    (
        _TIME,
        _INSTRUMENT,
        Column("side", cells.side, "buy or sell", True),
        Column("quantity", cells.positive, "above 0, in the unit that orders are sent in", True, ("amount",)),
        Column("price", cells.positive, "above 0", True),
        Column(
            "trade_id",
            cells.identifier,
            "the venue's id; a repeat within an instrument counts once; empty: every line is a fill of its own",
            absent="",
        ),
        Column(
            "client_order_id",
            cells.identifier,
            "the order of orders.csv that it fills; empty or not there: nobody's decision",
            absent="",
        ),
        Column("venue_order_id", cells.identifier, "the same by the venue's id", absent=""),
        Column("strategy", cells.name, "whose it is where no order says so; empty: nobody knows", absent=""),
        Column("fee", cells.number, "paid above 0, received below", absent=None),
        Column("fee_currency", cells.name, "empty: what the instrument settles in", absent=""),
        Column(
            "kind",
            cells.one_of({kind: kind for kind in FILL_KINDS}),
            ", ".join(FILL_KINDS) + "; empty: trade",
            absent="trade",
        ),
    ),
)
ORDERS = Table(
    "orders.csv",
    "every order that a strategy decided to send, also one that was denied; a person's own carries `person`",
    (
        _TIME,
        _STRATEGY,
        _INSTRUMENT,
        Column("client_order_id", cells.identifier, "unique in the file", True),
        Column("side", cells.side, "buy or sell", True),
        Column("quantity", cells.positive, "above 0", True, ("amount",)),
        Column("venue_order_id", cells.identifier, "the venue's id, where fills name only that", absent=""),
        Column(
            "belief",
            cells.number,
            "the position that it believed it held, working orders not counted; empty: the last of beliefs.csv",
        ),
        Column("intent", cells.number, "the position that it wanted to reach; empty: the last of intents.csv"),
        Column("version", cells.words, "the code that decided", absent=""),
        Column(
            "outcome",
            cells.one_of({one: one for one in (SENT, DENIED, NEVER_SENT)}),
            "sent, denied or never_sent; empty: sent",
            absent=SENT,
        ),
        Column("person", cells.words, "who placed it by hand: no decision of the strategy", absent=""),
    ),
)
BELIEFS = Table(
    "beliefs.csv",
    "what a strategy's own tracker said it held, whenever it said so or it changed",
    (_TIME, _STRATEGY, _INSTRUMENT, Column("quantity", cells.number, "signed", True, ("amount",)), _VERSION),
)
INTENTS = Table(
    "intents.csv",
    "the position that a strategy wanted to hold, whenever that changed",
    (_TIME, _STRATEGY, _INSTRUMENT, Column("quantity", cells.number, "signed", True, ("amount",)), _VERSION),
)
PRICES = Table(
    "prices.csv",
    "marks, or bars: several files prices-….csv are read as one",
    (
        _TIME,
        Column("instrument", cells.name, "may be left out where there is only one", also=("symbol",)),
        Column("price", cells.positive, "the mark from this time on until the next line", also=("mark",)),
        Column("bid", cells.positive, "with ask: half of the spread"),
        Column("ask", cells.positive, "with bid"),
        Column("open", cells.positive, "of a bar that begins at this time, in place of price"),
        Column("high", cells.positive, "the highest until the next line"),
        Column("low", cells.positive, "the lowest until the next line"),
        Column("close", cells.positive, "of a bar; the last bar's is used"),
    ),
    ignored=("volume", "turnover", "trades"),
)
FUNDING = Table(
    "funding.csv",
    "funding; one of rate and payment in each line",
    (
        _TIME,
        _INSTRUMENT,
        Column("rate", cells.number, "what a long position pays, as a fraction of its value: 0.0001 is a basis point"),
        Column("payment", cells.number, "what the account received, in the currency that the instrument settles in"),
    ),
)
POSITIONS = Table(
    "positions.csv",
    "what was held before the first line of the other files",
    (
        _INSTRUMENT,
        Column("strategy", cells.name, "whose; empty: nobody's", absent=""),
        Column("actual", cells.number, "signed, what the venue held", True),
        Column("believed", cells.number, "what the strategy believed; empty: the same"),
    ),
)
TABLES = (INSTRUMENTS, FILLS, ORDERS, BELIEFS, INTENTS, PRICES, FUNDING, POSITIONS)
# The fewest that a review can be made from.
NEEDED = (INSTRUMENTS, FILLS, PRICES)
LIMITS = "limits.yaml"
