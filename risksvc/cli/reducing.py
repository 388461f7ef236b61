"""`risksvc check-reducing`: approval of an operator's own reducing order, also while HALTED. Sends nothing itself."""

import click

from risksvc.cli.connection import Gate
from risksvc.cli.denial_table import denial_table
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import gate_command, reason_option
from risksvc.cli.output import Output
from risksvc.cli.text import duration, quantity
from risksvc.v1 import strategy_pb2, types_pb2
from risksvc.v1.operator_pb2 import CheckReducingOrderRequest

_SIDES = {"buy": types_pb2.SIDE_BUY, "sell": types_pb2.SIDE_SELL}
_TYPES = {"limit": types_pb2.ORDER_TYPE_LIMIT, "market": types_pb2.ORDER_TYPE_MARKET}
_CODES = {strategy_pb2.OUTCOME_APPROVED: ExitCode.OK, strategy_pb2.OUTCOME_DENIED: ExitCode.NO}


@click.command("check-reducing")
@click.option("--account", required=True, metavar="NAME", help="The account.")
@click.option("--instrument", required=True, metavar="NAME", help="E.g. BTC/USDT:USDT.")
@click.option(
    "--side", required=True, type=click.Choice(list(_SIDES)), help="sell reduces a long position, buy a short one."
)
@click.option("--quantity", "amount", required=True, help="In the venue's order unit; at most what is held.")
@click.option("--type", "order_type", type=click.Choice(list(_TYPES)), default="market", show_default=True)
@click.option("--price", default="", help="Limit price; with --type limit.")
@click.option(
    "--strategy", default="", metavar="NAME", help="Whose position. Default: nobody's, the account's own part."
)
@click.option("--client-order-id", default="", metavar="ID", help="Default: the gate makes one.")
@reason_option()
@gate_command
def check_reducing(  # noqa: PLR0913 - one parameter per option
    gate: Gate,
    out: Output,
    *,
    account: str,
    instrument: str,
    side: str,
    amount: str,
    order_type: str,
    price: str,
    strategy: str,
    client_order_id: str,
    reason: str,
) -> ExitCode:
    """Ask for your own reducing order; approved also while HALTED. Exit 1: denied.

    Then send it to the venue yourself, with its client order id and the reduce-only flag: the fill is explained.
    """
    request = CheckReducingOrderRequest(
        account=account,
        instrument=instrument,
        side=_SIDES[side],
        type=_TYPES[order_type],
        quantity=amount,
        limit_price=price,
        client_order_id=client_order_id,
        strategy=strategy,
        reason=reason,
    )
    answer = gate.ask(lambda stub: stub.CheckReducingOrder, request)
    if out.as_json:
        out.json(answer)
    else:
        _show(out, answer.decision, what=f"{side} {quantity(amount)} {instrument}, {order_type}, reduce-only")
    return _CODES.get(answer.decision.outcome, ExitCode.UNDECIDED)


def _show(out: Output, decision: strategy_pb2.CheckOrderResponse, *, what: str) -> None:
    if decision.outcome == strategy_pb2.OUTCOME_APPROVED:
        out.line(f" APPROVED  {what}", style="bold green")
        out.line(f"client order id  {decision.client_order_id}")
        out.line(
            f"Send it to the venue with this id and the reduce-only flag, within {duration(decision.valid_for_ns)}."
        )
        out.next((("positions",), "what is held then"), (("reconcile",), "once it has filled"))
    elif decision.outcome == strategy_pb2.OUTCOME_DENIED:
        out.line(f" DENIED  {what}", style="bold red")
        out.show(denial_table(decision.denials))
        out.next((("positions",), "what is held"), (("orders",), "what already works on that side"))
    else:
        out.line("The gate did not say what it decided: treat the order as denied.", style="bold red")
