"""The benchmark's own arithmetic: buckets, percentiles, ratios, rounds, bars, and which cells a pattern names."""

import itertools
from dataclasses import replace

import pytest

from tests.bench import bars, cells
from tests.bench.bars import BARS, Bar, judged, named, paired
from tests.bench.cells import P50, RATE
from tests.bench.checks import FULL
from tests.bench.course import Course
from tests.bench.histogram import EXACT, Histogram, bucket_of, middle_of
from tests.bench.loads import Measured
from tests.bench.paired import Ratio, figure, measure, ratio
from tests.bench.results import Results, Table, text_table


def measured(p50: float = 100, *, rate: float = 1_000) -> Measured:
    return Measured(
        p50=p50,
        p99=2 * p50,
        p999=3 * p50,
        longest=4 * p50,
        rate=rate,
        server_us=50,
        generator_cores=0.5,
        answered=100,
        asked=110,
        denied=0,
        failed=0,
        problem="",
    )


# -- histogram --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, 1, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 10**6, 10**9, 10**12])
def test_a_bucket_stands_for_its_values_within_a_hundredth(value: int) -> None:
    assert middle_of(bucket_of(value)) == pytest.approx(value, rel=0.008, abs=0.5)


def test_buckets_grow_with_values_and_leave_none_out() -> None:
    buckets = [bucket_of(value) for value in range(100_000)]
    assert all(later - earlier in {0, 1} for earlier, later in itertools.pairwise(buckets))
    assert buckets[EXACT - 1] + 1 == buckets[EXACT]


def test_percentiles_are_the_smallest_value_that_so_many_do_not_exceed() -> None:
    histogram = Histogram()
    for microseconds in range(1, 101):
        histogram.add(microseconds * 1_000)
    assert histogram.total == 100
    for percent in (1, 50, 99, 100):
        assert histogram.percentile(percent) == pytest.approx(percent, rel=0.01)


def test_percentiles_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing was counted"):
        Histogram().percentile(50)


# -- ratios -----------------------------------------------------------------------------------------------------------


def test_a_ratio_is_taken_round_by_round() -> None:
    found = ratio([1, 4, 9], [1, 2, 3])
    assert found.values == (1.0, 2.0, 3.0)
    assert found.median == 2
    assert str(found) == "2.00 [1.00-3.00]"


def test_rounds_that_differ_in_number_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1, 2], [1])


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.50"), (9.994, "9.99"), (12.34, "12.3"), (1234, "1234")])
def test_figures_are_as_exact_as_they_are_large(value: float, text: str) -> None:
    assert figure(value) == text


def test_every_cell_runs_once_in_each_round_and_in_an_order_that_changes() -> None:
    ran: list[str] = []

    def cell(name: str) -> float:
        ran.append(name)
        return float(len(ran))

    found = measure({name: lambda name=name: cell(name) for name in "abcd"}, rounds=6)  # type: ignore[misc]
    orders = ["".join(ran[start : start + 4]) for start in range(0, 24, 4)]
    assert {"".join(sorted(order)) for order in orders} == {"abcd"}
    assert len(set(orders)) > 1
    assert {len(values) for values in found.values.values()} == {6}


# -- bars -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "met", "tolerable"), [(1.0, True, True), (1.01, False, True), (1.5, False, True), (1.51, False, False)]
)
def test_a_bar_from_above_fails_at_half_as_much_again(value: float, met: bool, tolerable: bool) -> None:  # noqa: FBT001
    bar = Bar("1", "what", named("x"), 1.0)
    assert (bar.met(value), bar.tolerable(value)) == (met, tolerable)


@pytest.mark.parametrize(
    ("value", "met", "tolerable"), [(3.0, True, True), (2.9, False, True), (2.0, False, True), (1.9, False, False)]
)
def test_a_bar_from_below_fails_at_two_thirds(value: float, met: bool, tolerable: bool) -> None:  # noqa: FBT001
    bar = Bar("1", "what", named("x"), 3.0, at_least=True)
    assert (bar.met(value), bar.tolerable(value)) == (met, tolerable)


def test_a_loose_bound_that_is_given_stands() -> None:
    bar = Bar("1", "what", named("x"), 1.0, loose=9.0, why="it is known")
    assert bar.tolerable(9)
    assert not bar.tolerable(9.1)


def test_a_loose_bound_of_its_own_has_a_reason() -> None:
    assert [bar.text for bar in BARS if bool(bar.loose) != bool(bar.why)] == []
    assert [bar.text for bar in BARS if bar.bound < bar.bar and not bar.at_least] == []


def test_what_is_found_is_judged_by_its_median(monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results(figures={"good": Ratio((0.9, 1.0, 5.0)), "near": Ratio((1.2,)), "bad": Ratio((2.0,))})
    rows = {name: Bar("1", name, named(name), 1.0) for name in ("good", "near", "bad", "absent")}
    monkeypatch.setattr(bars, "BARS", list(rows.values()))
    table, good = judged(results, every=True)
    assert [row[4] for row in table.rows] == ["met", "missed", "FAILED", ""]
    assert not good
    monkeypatch.setattr(bars, "BARS", [rows["good"], rows["near"], rows["absent"]])
    table, good = judged(results, every=False)
    assert (len(table.rows), good) == (2, True)


def test_cells_are_compared_in_pairs_of_one_round() -> None:
    results = Results(cells={"gate/1": [measured(50), measured(60)], "aio/1": [measured(100), measured(200)]})
    found = paired("gate/1", "aio/1", P50)(results)
    assert found is not None
    assert found.values == (0.5, 0.3)
    assert paired("gate/1", "cpp/1", P50)(results) is None


# -- cells ------------------------------------------------------------------------------------------------------------


def test_a_pattern_brings_the_references_of_its_load_along() -> None:
    assert set(cells.selected(FULL, ["gate/64"])) == {"gate/64", "aio/64", "engine/64", "cpp/64", "go/64"}
    assert set(cells.selected(FULL, ["gate-tcp/1"])) == {"gate-tcp/1", "aio-tcp/1", "cpp-tcp/1"}
    assert {name.partition("/")[2] for name in cells.selected(FULL, ["*/ping"])} == {"ping"}
    assert cells.selected(FULL, ["halts"]) == []
    assert cells.selected(FULL, []) == list(FULL)


def test_many_in_flight_are_compared_by_rate_and_one_by_latency() -> None:
    one, many = cells.cell("gate/1"), cells.cell("gate/64")
    found = {
        "gate/1": [measured(50)],
        "aio/1": [measured(100)],
        "gate/64": [measured(1, rate=3_000)],
        "aio/64": [measured(1, rate=1_000)],
    }
    rows = cells.table("t", Results(cells=found), [one, many]).rows
    at = cells.COLUMNS.index("/ aio")
    assert [row[at] for row in rows] == ["0.50 [0.50-0.50]", "3.00 [3.00-3.00]"]


def test_a_cell_with_denials_says_so() -> None:
    found = {"gate/1": [replace(measured(), denied=10, failed=1)]}
    (row,) = cells.table("t", Results(cells=found), [cells.cell("gate/1")]).rows
    assert row[-1] == "10.0%"
    assert not found["gate/1"][0].good


def test_rates_are_of_what_was_answered() -> None:
    assert Results(cells={"a": [measured(rate=7)]}).values("a", RATE) == [7]


# -- course and tables ------------------------------------------------------------------------------------------------


def test_warm_up_is_not_counted_and_no_more_is_asked_than_wanted() -> None:
    course = Course.of(["warm=3", "most=5", "seconds=60"])
    while course.more():
        course.took(0, approved=course.asked % 2 == 0)
    assert (course.asked, course.answered, course.histogram.total, course.denied) == (8, 5, 5, 4)


def test_what_failed_is_no_answer() -> None:
    course = Course.of(["warm=0", "most=2", "seconds=60"])
    assert course.more()
    course.took(0, approved=False, failed=True, problem="gone")
    assert (course.answered, course.denied, course.failed, course.problem) == (0, 0, {"status": 1}, "gone")


def test_a_table_is_as_wide_as_its_longest_cell() -> None:
    lines = text_table(Table("t", ("a", "b"), (("long", "1"),))).splitlines()
    assert lines == ["| a    | b |", "|------|--:|", "| long | 1 |"]
