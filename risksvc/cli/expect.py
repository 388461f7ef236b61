"""`risksvc expect`: a person announces an order that he will place at the venue by hand. Sends nothing itself.

The gate checks it like any other order and reserves its share of the limits, so that its fill is explained when it
comes. What was not announced, or differs from what was, is unexpected and halts the account.
"""

import re
from dataclasses import dataclass

import click

from risksvc.cli.connection import Gate
from risksvc.cli.denial_table import denial_table
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import gate_command, reason_option
from risksvc.cli.output import Output
from risksvc.cli.text import duration, moment, money, quantity
from risksvc.v1 import strategy_pb2, types_pb2
from risksvc.v1.operator_pb2 import ExpectOrderRequest

_SIDES = {"buy": types_pb2.SIDE_BUY, "sell": types_pb2.SIDE_SELL}
_CODES = {strategy_pb2.OUTCOME_APPROVED: ExitCode.OK, strategy_pb2.OUTCOME_DENIED: ExitCode.NO}
_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h)", re.ASCII)
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def _milliseconds(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    """A duration as one writes it: 500ms, 90s, 10m, 1h. Whether it is allowed is the gate's to say."""
    found = _DURATION.fullmatch(value)
    if found is None or not int(found[1]):
        raise click.BadParameter(f"{value!r} is not a duration; write 90s, 10m or 1h")
    return int(found[1]) * _UNITS_MS[found[2]]


@dataclass(frozen=True, slots=True)
class _Announced:
    """The order in words, as a person will place it."""

    what: str
    named: bool


@click.command()
@click.option("--account", required=True, metavar="NAME", help="The account.")
@click.option("--strategy", required=True, metavar="NAME", help="Whose it is: a strategy of the limits file.")
@click.option("--instrument", required=True, metavar="NAME", help="E.g. BTC/USDT:USDT.")
@click.option("--side", required=True, type=click.Choice(list(_SIDES)))
@click.option("--quantity", "amount", required=True, help="In the venue's order unit.")
@click.option("--price", default="", help="Limit price. Default: a market order.")
@click.option("--reduce-only", is_flag=True, help="The order will carry the reduce-only flag.")
@click.option(
    "--client-order-id",
    default="",
    metavar="ID",
    help="The id that it will carry at the venue. Default: it is known by instrument, side, quantity and price.",
)
@click.option(
    "--for",
    "within",
    default="1m",
    show_default=True,
    callback=_milliseconds,
    metavar="DURATION",
    help="How long it may take to get there, an hour at most.",
)
@reason_option()
@gate_command
def expect(  # noqa: PLR0913 - one parameter per option
    gate: Gate,
    out: Output,
    *,
    account: str,
    strategy: str,
    instrument: str,
    side: str,
    amount: str,
    price: str,
    reduce_only: bool,
    client_order_id: str,
    within: int,
    reason: str,
) -> ExitCode:
    """Announce an order that you will place by hand. Exit 1: denied, do not place it.

    An ordinary check with a reservation: limits, bands and halts hold for it as for a strategy's order.
    """
    request = ExpectOrderRequest(
        account=account,
        strategy=strategy,
        instrument=instrument,
        side=_SIDES[side],
        type=types_pb2.ORDER_TYPE_LIMIT if price else types_pb2.ORDER_TYPE_MARKET,
        quantity=amount,
        limit_price=price,
        reduce_only=reduce_only,
        client_order_id=client_order_id,
        valid_ms=within,
        reason=reason,
    )
    answer = gate.ask(lambda stub: stub.ExpectOrder, request)
    if out.as_json:
        out.json(answer)
    else:
        at = f"limit {quantity(price)}" if price else "market"
        what = f"{side} {quantity(amount)} {instrument}, {at}{', reduce-only' if reduce_only else ''}"
        _show(out, answer.decision, _Announced(what, bool(client_order_id)), account)
    return _CODES.get(answer.decision.outcome, ExitCode.UNDECIDED)


def _show(out: Output, decision: strategy_pb2.CheckOrderResponse, order: _Announced, account: str) -> None:
    if decision.outcome == strategy_pb2.OUTCOME_APPROVED:
        out.line(f" APPROVED  {order.what}", style="bold green")
        _show_approval(out, decision, order, account)
    elif decision.outcome == strategy_pb2.OUTCOME_DENIED:
        out.line(f" DENIED  {order.what}: do not place it", style="bold red")
        out.show(denial_table(decision.denials))
        out.next((("exposure",), "what is used of the limits"), (("status",), "what is halted, and why"))
    else:
        out.line("The gate did not say what it decided: do not place the order.", style="bold red")


def _show_approval(out: Output, decision: strategy_pb2.CheckOrderResponse, order: _Announced, account: str) -> None:
    id_ = decision.client_order_id
    until = f"{moment(decision.valid_until_ns)}, {duration(decision.valid_for_ns)} from now"
    out.line(f"place at the venue  {order.what}: once, in account {account}")
    out.line(f"until               {until}; placed later it is unexpected, and halts the account")
    if order.named:
        out.line(f"it is known by      its client order id: give it {id_}, without it the order is unexpected")
    else:
        out.line(
            "it is known by      instrument, side, quantity and price; larger or at a worse price it is unexpected"
        )
        out.line(f"the gate calls it   {id_}")
    used, limit = decision.instrument_exposure.after, decision.instrument_exposure.limit
    if used and limit:
        out.line(f"worst case with it  {money(used)} of {money(limit)} in this instrument")
    out.next(
        (("reservations", "--account", account), "it stands there until the venue proves that it is finished"),
        (("reconcile", "--explain", "--account", account), "once it has filled: the fill is explained"),
    )
