"""`risksvc paper state`: a look inside a paper venue that runs."""

import click

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.paper_control import PaperControl, control_command


@click.command()
@control_command
def state(control: PaperControl, out: Output) -> None:
    """Show what the accounts hold, and who listens on which socket; --json also has markets, orders, executions."""
    answer = control.ask("GET", "state")
    if out.as_json:
        out.json(answer)
        return
    accounts = table("account", "wallets", "positions", "open orders", "executions", words=("wallets", "positions"))
    for name, account in answer["accounts"].items():
        held = " ".join(f"{symbol}={size}" for symbol, size in account["positions"].items() if size != "0")
        wallets = " ".join(f"{coin}={amount}" for coin, amount in account["wallets"].items())
        add_row(accounts, name, wallets, held or "flat", str(account["open_orders"]), str(account["executions"]))
    out.show(accounts)
    sockets = table("socket", "account", "waiting", "topics")
    for each in answer["sockets"]:
        add_row(sockets, each["id"], each["account"], str(each["waiting"]), " ".join(each["topics"]))
    out.heading("Sockets:" if answer["sockets"] else "No socket is open.")
    if answer["sockets"]:
        out.show(sockets)
    if answer["faults"]:
        out.next((control.command("fault", "list"), f"{len(answer['faults'])} on"))
