"""What is wrong with a review's files is told with file, line, column and what is allowed; all of it at once."""

from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.cli.review.csv_table import ReviewFilesError
from risksvc.cli.review.files import read_files
from risksvc.core.types import InstrumentKind
from tests.unit.cli.review.files_of import BTC, GOOD, write_files

D = Decimal
FILLS = "time,instrument,side,quantity,price,trade_id,client_order_id,strategy,fee,fee_currency,kind"
ORDERS = "time,strategy,instrument,client_order_id,side,quantity,outcome,person"
T = "2026-11-02T09:00:00Z"


def problems(folder: Path) -> list[str]:
    with pytest.raises(ReviewFilesError) as caught:
        read_files(folder, lambda _: None)
    return [str(one).removeprefix(f"{folder}/") for one in caught.value.errors]


def fill(**cells: str) -> str:
    """A file of one fill, its cells changed."""
    row = dict(zip(FILLS.split(","), (T, BTC, "buy", "2", "50000", "t-1", "", "", "", "", ""), strict=True)) | cells
    return f"{FILLS}\n{','.join(row.values())}\n"


MISTAKES: list[tuple[str, dict[str, str | None], str]] = [
    ("a time", {"fills": fill(time="yesterday")}, "fills.csv:2: time: 'yesterday' is not a time; allowed: ISO 8601"),
    ("a side", {"fills": fill(side="long")}, "fills.csv:2: side: 'long' is not known; allowed: buy, sell"),
    ("a near miss", {"fills": fill(kind="trad")}, "fills.csv:2: kind: 'trad' is not known (did you mean 'trade'?)"),
    ("an exponent", {"fills": fill(quantity="1e3")}, "fills.csv:2: quantity: '1e3' is not a decimal; allowed: plain"),
    ("zero", {"fills": fill(price="0")}, "fills.csv:2: price: '0' must be above 0"),
    ("a blank", {"fills": fill(price="")}, "fills.csv:2: price: is empty; needed: above 0"),
    ("a kind", {"fills": fill(kind="gift")}, "fills.csv:2: kind: 'gift' is not known"),
    ("a name", {"fills": fill(instrument="B T C")}, "fills.csv:2: instrument: 'B T C' is no name; allowed: 1 to 64"),
    ("an id", {"fills": fill(trade_id="a b")}, "fills.csv:2: trade_id: 'a b' is no id; allowed: 1 to 128 printable"),
    ("an instrument", {"fills": fill(instrument="ETH")}, "fills.csv:2: instrument: 'ETH' is not in the instruments"),
    (
        "whose it is",
        {"fills": fill(client_order_id="o-1", strategy="other")},
        "fills.csv:2: strategy: orders.csv says of o-1: mm; a fill is what its order is",
    ),
    (
        "the other side",
        {"fills": fill(client_order_id="o-1", side="sell")},
        "fills.csv:2: side: orders.csv says of o-1: buy; a fill is what its order is",
    ),
    (
        "a trade with two prices",
        {"fills": fill() + f"{T},{BTC},buy,2,50001,t-1,,,,,\n"},
        "fills.csv:3: trade_id: trade t-1 is in line 2 with other values",
    ),
    ("a cell too few", {"fills": fill() + "1,2\n"}, "fills.csv:3: has 2 cells, the header names 11"),
    ("an unknown column", {"fills": "when\n"}, "fills.csv:1: 'when': there is no such column"),
    ("a missing column", {"fills": "time\n"}, "fills.csv:1: instrument: this column is missing: as instruments.csv"),
    ("a column twice", {"fills": "time,timestamp\n"}, "fills.csv:1: timestamp: is there twice; keep one"),
    ("nothing", {"fills": ""}, "fills.csv: is empty; the first line names the columns: time,instrument,side"),
    ("no CSV", {"fills": fill() + '"a\n'}, "fills.csv:3: is not CSV: unexpected end of data"),
    ("no fills", {"fills": None}, "fills.csv: is missing; it holds every fill of the account"),
    ("no prices", {"prices": None}, "prices.csv: is missing; it holds marks, or bars"),
    ("no instruments", {"instruments": None}, "instruments.csv: is missing; it holds every instrument that is traded"),
    ("a file misspelled", {"belief": "x\n"}, "belief.csv: no such file is read (did you mean 'beliefs.csv'?)"),
    (
        "an order's id twice",
        {"orders": f"{ORDERS}\n{T},mm,{BTC},o,buy,1,,\n{T},mm,{BTC},o,buy,1,,\n"},
        "orders.csv:3: client_order_id: o was used in line 2; every order has its own id",
    ),
    (
        "an outcome",
        {"orders": f"{ORDERS}\n{T},mm,{BTC},o,buy,1,lost,\n"},
        "orders.csv:2: outcome: 'lost' is not known; allowed: sent, denied, never_sent",
    ),
    (
        "an instrument twice",
        {"instruments": GOOD["instruments.csv"] + f"{BTC},linear,BTC,USDT,1,\n"},
        f"instruments.csv:3: instrument: {BTC!r} is there twice; keep one",
    ),
    ("no price", {"prices": f"time,price,bid\n{T},,\n"}, "prices.csv:2: price: is empty; give price, or a bar"),
    ("half a bar", {"prices": f"time,open\n{T},5\n"}, "prices.csv:2: close: is empty; a bar needs open and close"),
    ("half a spread", {"prices": f"time,price,bid\n{T},5,4\n"}, "prices.csv:2: bid: give both bid and ask"),
    ("crossed", {"prices": f"time,price,bid,ask\n{T},5,6,4\n"}, "prices.csv:2: bid: is above ask"),
    ("low above", {"prices": f"time,price,low\n{T},5,6\n"}, "prices.csv:2: low: is above the price"),
    ("high below", {"prices": f"time,price,high\n{T},5,4\n"}, "prices.csv:2: high: is below the price"),
    (
        "two kinds of funding",
        {"funding": f"time,instrument,rate,payment\n{T},{BTC},0.1,1\n"},
        "funding.csv:2: rate: give exactly one of rate and payment",
    ),
    (
        "a position twice",
        {"positions": f"instrument,strategy,actual\n{BTC},mm,1\n{BTC},mm,2\n"},
        "positions.csv:3: instrument: the same strategy and instrument are in line 2; keep one",
    ),
    ("limits", {"limits.yaml": "version: 1\n"}, "limits.yaml:1: accounts: "),
    ("both kinds of instruments", {"instruments.yaml": "a: b\n"}, "instruments.yaml: is there beside instruments.csv"),
    (
        "a key of YAML",
        {"instruments": None, "instruments.yaml": f"{BTC}: {{kind: lineal, bass: BTC}}\n"},
        f"instruments.yaml:1: {BTC}.bass: there is no such key (did you mean 'base'?)",
    ),
    (
        "a value of YAML",
        {"instruments": None, "instruments.yaml": f"{BTC}: {{kind: lineal, bass: BTC}}\n"},
        f"instruments.yaml:1: {BTC}.kind: 'lineal' is not known (did you mean 'linear'?)",
    ),
    (
        "a missing key of YAML",
        {"instruments": None, "instruments.yaml": f"{BTC}: {{kind: linear}}\n"},
        f"instruments.yaml:1: {BTC}.quote: is missing: quote currency",
    ),
]


@pytest.mark.parametrize(("_of", "changed", "told"), MISTAKES, ids=[name for name, _, _ in MISTAKES])
def test_a_mistake_is_told(tmp_path: Path, _of: str, changed: dict[str, str | None], told: str) -> None:
    found = problems(write_files(tmp_path, **changed))
    assert [line for line in found if line.startswith(told)], found


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    bad_fills = fill(side="up") + f"{T},{BTC},buy,x,50000,t-2,,,,,\n"
    found = problems(write_files(tmp_path, fills=bad_fills, beliefs="time\n", prices=f"time,price\n{T},-1\n"))
    places = [line.split(": ")[0] for line in found]
    assert places == [*["beliefs.csv:1"] * 3, "fills.csv:2", "fills.csv:3", "prices.csv:2"]


def test_a_file_that_is_another_one_altogether_does_not_fill_the_screen(tmp_path: Path) -> None:
    found = problems(write_files(tmp_path, fills=FILLS + "\n" + "x,y\n" * 5_000))
    assert len(found) == 101
    assert "more problems follow" in found[-1]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    (folder / "beliefs.csv").write_bytes(b"time,strategy\xff\n")
    assert problems(folder)[0].startswith("beliefs.csv: is not UTF-8 text (byte 0xff)")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    assert problems(tmp_path / "nothing")[0].endswith("nothing: is no folder; name the one that holds the files")


def test_what_is_good_is_read_as_it_is(tmp_path: Path) -> None:
    text = fill(time="1793610000250", fee="-0.5", fee_currency="USDT", kind="FLATTEN", side="Sell")
    parts = read_files(write_files(tmp_path, fills="\ufeff" + text), lambda _: None)
    (one,) = parts.fills
    assert (one.at, one.flatten, one.fill.side.sign) == (1_793_610_000_250_000_000, True, -1)
    assert (one.fill.fee, one.fill.trade_id) == (D("-0.5"), "t-1")
    listed = parts.instruments[BTC].instrument
    assert (listed.kind, listed.contract_size, listed.quantity_step) == (InstrumentKind.LINEAR, D(1), D("0.001"))


def test_times_may_have_an_offset_or_none(tmp_path: Path) -> None:
    rows = "".join(
        f"{time},{BTC},buy,1,50000,{id_},,,,,\n"
        for id_, time in (("a", "2026-11-02 09:00:00"), ("b", "2026-11-02T10:00:00+01:00"), ("c", "1793610000000"))
    )
    parts = read_files(write_files(tmp_path, fills=f"{FILLS}\n{rows}"), lambda _: None)
    assert {one.at for one in parts.fills} == {1_793_610_000 * 10**9}


def test_a_repeated_trade_counts_once_and_one_without_id_is_its_own(tmp_path: Path) -> None:
    row = f"{T},{BTC},buy,2,50000,t-1,,,,,\n"
    own = f"{T},{BTC},buy,2,50000,,,,,,\n"
    parts = read_files(write_files(tmp_path, fills=f"{FILLS}\n{row}{row}{own}{own}"), lambda _: None)
    assert [one.fill.trade_id for one in parts.fills] == ["t-1", "line-4", "line-5"]


def test_bars_are_prices_from_their_open_on_and_the_last_one_s_close(tmp_path: Path) -> None:
    bars = "timestamp,open,high,low,close,volume\n2026-11-02,100,110,90,105,7\n2026-11-02T00:01:00,105,106,80,85,7\n"
    parts = read_files(write_files(tmp_path, prices=bars), lambda _: None)
    start = 1_793_577_600 * 10**9
    assert [(one.at - start, one.mark, one.low, one.high) for one in parts.marks[BTC]] == [
        (0, D(100), D(90), D(110)),
        (60 * 10**9, D(105), D(80), D(106)),
        (120 * 10**9, D(85), None, None),
    ]


def test_several_price_files_and_instruments_in_yaml(tmp_path: Path) -> None:
    yaml = f"""
{BTC}: {{kind: linear, base: BTC, quote: USDT, contract_size: 1}}
"ETH/USD:ETH":
  kind: inverse
  base: ETH
  quote: USD
  contract_size: 10
  rate: 1.1
"""
    header = "time,instrument,price,bid,ask\n"
    changed: dict[str, str | None] = {
        "instruments": None,
        "prices": None,
        "instruments.yaml": yaml,
        "prices-btc": f"{header}{T},{BTC},50000,,\n",
        "prices-eth": f"{header}{T},ETH/USD:ETH,2000,1999,2001\n",
    }
    parts = read_files(write_files(tmp_path, **changed), lambda _: None)
    assert {symbol: points[0].mark for symbol, points in parts.marks.items()} == {
        BTC: D(50_000),
        "ETH/USD:ETH": D(2_000),
    }
    assert parts.marks["ETH/USD:ETH"][0].half_spread == D(1)
    assert parts.instruments["ETH/USD:ETH"].rate == D("1.1")
