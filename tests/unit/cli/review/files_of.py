"""Folders of review files: a good one, of which a test replaces what matters to it."""

from pathlib import Path

BTC = "BTC/USDT:USDT"
GOOD: dict[str, str] = {
    "instruments.csv": f"""instrument,kind,base,quote,contract_size,quantity_step
{BTC},linear,BTC,USDT,1,0.001
""",
    "fills.csv": f"""time,instrument,side,quantity,price,trade_id,client_order_id
2026-11-02T09:00:01Z,{BTC},buy,2,50000,t-1,o-1
2026-11-02T12:00:00Z,{BTC},buy,2,50000,t-2,
""",
    "orders.csv": f"""time,strategy,instrument,client_order_id,side,quantity,belief,intent,version
2026-11-02T09:00:00Z,mm,{BTC},o-1,buy,2,0,2,1.4
""",
    "beliefs.csv": f"""time,strategy,instrument,quantity
2026-11-02T13:00:00Z,mm,{BTC},2
""",
    "prices.csv": f"""time,instrument,price
2026-11-02T09:00:00Z,{BTC},50000
2026-11-02T13:00:00Z,{BTC},49500
2026-11-05T09:00:00Z,{BTC},47000
""",
}


def write_files(folder: Path, **changed: str | None) -> Path:
    """The good files; a changed one by its name without ending (`fills="…"`), None: not there."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {name.removesuffix(".csv"): text for name, text in GOOD.items()}
    for name, text in (names | changed).items():
        if text is not None:
            ending = name if "." in name else f"{name}.csv"
            (folder / ending).write_text(text, encoding="utf-8")
    return folder
