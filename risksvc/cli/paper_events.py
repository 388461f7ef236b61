"""`risksvc paper fill`, `liquidate`, `price` …: what happens at a paper venue that runs without a strategy asking.

Each event of the control API is one row of `EVENT_COMMANDS`: its command, the fields that must be given, and those that
may be. Fields are sent as they are typed; the venue checks them and says what is allowed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from risksvc.cli.output import Output
from risksvc.cli.paper_control import Answer, PaperControl, control_command

# How optional fields are typed: the option, what the help says.
OPTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "account": ("--account", "Whose."),
    "qty": ("--qty", "How much. Default: all."),
    "price": ("--price", "At which price. Default: the mid."),
    "rate": ("--rate", "A ratio: 0.0001 is one basis point."),
    "orderType": ("--type", "Limit or Market. Default: Limit with a price, Market without."),
    "timeInForce": ("--time-in-force", "GTC, IOC, FOK or PostOnly."),
    "reduceOnly": ("--reduce-only", "true or false."),
    "orderLinkId": ("--link-id", "The client's id of the order."),
    "positionIdx": ("--position-idx", "In hedge mode: 1 the long leg, 2 the short one."),
    "takeProfit": ("--take-profit", "A price."),
    "stopLoss": ("--stop-loss", "A price."),
    "category": ("--category", "linear, inverse or spot. Default: linear or inverse, as the symbol says."),
    "quote": ("--quote", "USDT or USDC."),
    "tick": ("--tick", "The step of its prices."),
    "step": ("--step", "The step of its quantities."),
    "status": ("--status", "Trading or PreLaunch."),
    "execType": ("--exec-type", "Delivery or Settle."),
    "levels": ("--levels", "How many levels each side has."),
    "half_spread_bps": ("--half-spread-bps", "From the mid to the best level."),
    "gap_bps": ("--gap-bps", "From one level to the next."),
    "first_notional": ("--first-notional", "What the best level holds, in the quote coin."),
    "growth_notional": ("--growth-notional", "How much more each further level holds."),
    "level_qty": ("--level-qty", "What every level holds instead, in the order unit. 0: by its worth."),
    "refill_ms": ("--refill-ms", "How long an emptied level takes to fill again. 0: until the next step."),
}

# Fields of an answer that are worth a line, in this order; --json has all.
_SHOWN: Final = (
    "account", "hedge", "symbol", "status", "side", "orderId", "orderLinkId", "execId", "execType", "execQty",
    "execPrice", "execFee", "type", "currency", "change", "cashBalance", "mid", "held", "bid", "ask",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCommand:
    """One row: `event` is the control API's name for it, `says` the help's first line.

    `for_all`: without an account it concerns all of them. `signed`: its last argument may be a negative number.
    """

    event: str
    command: str
    arguments: tuple[str, ...]
    options: tuple[str, ...]
    says: str
    for_all: bool = False
    signed: bool = False


EVENT_COMMANDS: Final = (
    EventCommand(
        event="order",
        command="order",
        arguments=("symbol", "side", "qty"),
        options=(
            "account",
            "price",
            "orderType",
            "timeInForce",
            "reduceOnly",
            "orderLinkId",
            "positionIdx",
            "takeProfit",
            "stopLoss",
            "category",
        ),
        says="Place an order for an account, as a process with its key would.",
    ),
    EventCommand(
        event="fill",
        command="fill",
        arguments=("symbol", "side", "qty"),
        options=("account", "price", "orderLinkId", "positionIdx", "category"),
        says="Give an account a fill that none of its orders asked for.",
    ),
    EventCommand(
        event="drift",
        command="drift",
        arguments=("symbol", "qty"),
        options=("account", "positionIdx"),
        says="Move a position by a signed quantity, without an execution that says so.",
        signed=True,
    ),
    EventCommand(
        event="liquidation",
        command="liquidate",
        arguments=("symbol",),
        options=("account", "qty", "positionIdx"),
        says="Close a position, or a part of it, by force.",
    ),
    EventCommand(
        event="adl",
        command="adl",
        arguments=("symbol",),
        options=("account", "qty", "price", "positionIdx"),
        says="Deleverage a position, or a part of it, against somebody else's liquidation.",
    ),
    EventCommand(
        event="funding",
        command="funding",
        arguments=("symbol",),
        options=("rate", "account"),
        says="Settle funding with all accounts, or one: longs pay shorts, or receive with a negative rate.",
        for_all=True,
    ),
    EventCommand(
        event="delivery",
        command="delivery",
        arguments=("symbol",),
        options=("price", "execType"),
        says="End a contract: positions are closed, orders cancelled, trading is over.",
    ),
    EventCommand(
        event="delisting",
        command="delisting",
        arguments=("symbol",),
        options=("category",),
        says="Stop trading an instrument: orders are cancelled, positions stay.",
    ),
    EventCommand(
        event="transfer",
        command="transfer",
        arguments=("coin", "amount"),
        options=("account",),
        says="Move coins into an account, or out of it with a negative amount.",
        signed=True,
    ),
    EventCommand(
        event="stops",
        command="stops",
        arguments=("symbol",),
        options=("account", "takeProfit", "stopLoss", "qty", "positionIdx"),
        says="Hang a take-profit, a stop-loss or both on a position, as a trader does by hand.",
    ),
    EventCommand(
        event="hedge",
        command="hedge",
        arguments=("on",),
        options=("account",),
        says="Put an account into hedge mode (true), or back into one-way mode (false).",
    ),
    EventCommand(
        event="listing",
        command="listing",
        arguments=("base",),
        options=("price", "tick", "step", "status", "category", "quote"),
        says="Begin to trade a new instrument, or announce it (status PreLaunch).",
    ),
)

_DEPTH_FIELDS: Final = (
    "levels",
    "half_spread_bps",
    "gap_bps",
    "first_notional",
    "growth_notional",
    "level_qty",
    "refill_ms",
)


def event_commands() -> Iterator[click.Command]:
    """Make the commands of the table."""
    return (_made(row) for row in EVENT_COMMANDS)


@click.command()
@click.argument("symbol")
@click.argument("value", required=False)
@click.option("--moving", is_flag=True, help="Let it follow its path from VALUE instead of holding it there.")
@click.option("--let-go", is_flag=True, help="Let a held price follow its path again.")
@control_command
def price(control: PaperControl, out: Output, *, symbol: str, value: str | None, moving: bool, let_go: bool) -> None:
    """Put an instrument's price at VALUE and hold it there; orders that it reaches are filled."""
    if let_go == (value is not None):
        raise click.UsageError("give a VALUE, or --let-go")
    body = {"symbol": symbol} if value is None else {"symbol": symbol, "price": value, "hold": not moving}
    _show(out, "price", control.ask("POST", "price", body))


@click.command()
@click.argument("symbol")
@control_command
def depth(control: PaperControl, out: Output, *, symbol: str, **fields: str | None) -> None:
    """Give the depth of an instrument another shape."""
    _show(out, "depth", control.ask("POST", "depth", {"symbol": symbol, **_given(fields)}))


def _option(field: str, *, account: str | None = None) -> click.Option:
    option, text = OPTIONS[field]
    default = account if field == "account" else None
    return click.Option([option, field], metavar="VALUE", help=text, default=default, show_default=default is not None)


depth.params.extend(_option(field) for field in _DEPTH_FIELDS)


def _made(row: EventCommand) -> click.Command:
    @control_command
    def happen(control: PaperControl, out: Output, **fields: str | None) -> None:
        body = _given(fields)
        if row.event == "order":
            body.setdefault("orderType", "Limit" if "price" in body else "Market")
        _show(out, row.command, control.ask("POST", "events", {"name": row.event, **body}))

    settings = {"ignore_unknown_options": row.signed}
    command: click.Command = click.command(row.command, help=row.says, context_settings=settings)(happen)
    command.params[:0] = [click.Argument([field], metavar=field.upper()) for field in row.arguments]
    command.params += [_option(field, account=None if row.for_all else "main") for field in row.options]
    return command


def _given(fields: Mapping[str, str | None]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _show(out: Output, what: str, answer: Answer) -> None:
    if out.as_json:
        out.json(answer)
        return
    rows = answer.get("list", [answer])
    out.line(f"{what}: done" if rows else f"{what}: done, and it concerned nobody", style="green")
    for row in rows:
        out.line("  " + "  ".join(f"{key} {row[key]}" for key in _SHOWN if row.get(key) not in (None, "")))
