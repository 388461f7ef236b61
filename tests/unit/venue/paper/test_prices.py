"""Price paths and the bars they follow."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from risksvc.venue.paper.bars import csv_options, load_bars
from risksvc.venue.paper.prices import BAR_MS, Bar, BarPath, GeneratedPath

D = Decimal
HEADER = "timestamp,open,high,low,close,volume"


def bar(minute: int, *prices: int) -> Bar:
    opened, high, low, close = prices
    return Bar(start_ms=minute * BAR_MS, open=D(opened), high=D(high), low=D(low), close=D(close))


def test_a_generated_path_is_repeatable_gentle_and_differs_by_key() -> None:
    path, twin, other = GeneratedPath(D(100), "1:A"), GeneratedPath(D(100), "1:A"), GeneratedPath(D(100), "2:A")
    prices = [path.at(ms) for ms in range(0, 3_600_000, 1_000)]
    assert prices == [twin.at(ms) for ms in range(0, 3_600_000, 1_000)]
    assert prices != [other.at(ms) for ms in range(0, 3_600_000, 1_000)]
    assert D("99.5") < min(prices) < D("99.7")
    assert D("100.3") < max(prices) < D("100.5")
    assert max(abs(after - before) for before, after in pairwise(prices)) < D("0.05")


@pytest.mark.parametrize(
    ("closing", "visits"),
    [
        ("up", [(0, 100), (20_000, 90), (40_000, 130), (60_000, 120)]),
        ("down", [(0, 120), (20_000, 130), (40_000, 90), (60_000, 100)]),
    ],
)
def test_a_bar_is_walked_through_its_extremes(closing: str, visits: list[tuple[int, int]]) -> None:
    path = BarPath([bar(0, 100, 130, 90, 120) if closing == "up" else bar(0, 120, 130, 90, 100)])
    assert [path.at(ms) for ms, _ in visits] == [D(price) for _, price in visits]
    assert path.at(10_000) == (D(visits[0][1]) + D(visits[1][1])) / 2


def test_a_path_stays_at_the_close_in_a_gap_and_after_the_end() -> None:
    path = BarPath([bar(10, 100, 110, 90, 105), bar(13, 200, 210, 190, 195)])
    assert path.at(BAR_MS) == path.at(2 * BAR_MS) == 105
    assert path.at(3 * BAR_MS) == 200
    assert path.at(100 * BAR_MS) == 195


def test_no_bars_make_no_path() -> None:
    with pytest.raises(ValueError, match="at least one bar"):
        BarPath([])


@pytest.mark.parametrize("first", ["2022-01-10 00:00:00", "1641772800", "1641772800000", "2022-01-10T01:00:00+01:00"])
def test_bars_are_read_with_any_usual_timestamp(tmp_path: Path, first: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(f"{HEADER}\n{first},41869.0,41879.0,41853.0,41879.0,1013583\n", encoding="utf-8")
    (found,) = load_bars(file)
    assert found == Bar(start_ms=1_641_772_800_000, open=D(41869), high=D(41879), low=D(41853), close=D(41879))


BAD_FILES = [
    ("", ":1: column 'timestamp' is missing"),
    ("timestamp,open,high,low,volume\n", ":1: column 'close' is missing"),
    (f"{HEADER}\n", "holds no bars"),
    (f"{HEADER}\n1641772800,1,2,0.5,x,1\n", ":2: close"),
    (f"{HEADER}\n1641772800,1,2,0.5\n", ":2: "),
    (f"{HEADER}\n1641772800,1,NaN,0.5,1,1\n", ":2: high"),
    (f"{HEADER}\n1641772800,0,2,0,1,1\n", ":2: open must be above zero"),
    (f"{HEADER}\n1641772800,1,2,1.5,1,1\n", ":2: open and close must lie between"),
    (f"{HEADER}\nyesterday,1,2,0.5,1,1\n", ":2: "),
    (f"{HEADER}\n1641772860,1,2,0.5,1,1\n1641772800,1,2,0.5,1,1\n", ":3: timestamps must rise"),
]


@pytest.mark.parametrize(("text", "problem"), BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "bars.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"bars\.csv") as refusal:
        load_bars(file)
    assert problem in str(refusal.value)


@pytest.mark.data
def test_the_recorded_bars_make_a_path(test_data: Path) -> None:
    bars = load_bars(test_data / "btc-perp-1m-2022-01.csv")
    path = BarPath(bars)
    assert path.at(0) == bars[0].open == 41869
    last = bars[-1].start_ms - bars[0].start_ms
    assert path.at(last + BAR_MS) == bars[-1].close
    assert all(each.low <= path.at(each.start_ms - bars[0].start_ms + 30_000) <= each.high for each in bars[:5_000])


def test_command_line_pairs_are_read() -> None:
    assert csv_options(["BTCUSDT=a=b.csv"]) == {"BTCUSDT": Path("a=b.csv")}
    for bad in ("BTCUSDT", "=a.csv", "BTCUSDT="):
        with pytest.raises(ValueError, match="SYMBOL=path"):
            csv_options([bad])
