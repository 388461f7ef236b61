"""The reports: every section is there, everything is escaped, and the page needs nothing but itself."""

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from risksvc.cli.review import cells
from risksvc.cli.review.assemble import Moments, assemble
from risksvc.cli.review.charts import svg
from risksvc.cli.review.document import Chart, Moment, Series
from risksvc.cli.review.files import read_files
from risksvc.cli.review.html import html
from risksvc.cli.review.markdown import markdown
from risksvc.cli.review.reviewed import Reviewed
from risksvc.cli.review.sections import document
from risksvc.cli.review.wording import moment, money, quantity, result
from risksvc.core.impact.review import review
from risksvc.core.types import SECOND
from risksvc.gate.review.case import ReviewWanted
from risksvc.gate.review.material import Happening, IncidentRecord
from tests.unit.cli.review.files_of import BTC, write_files

D = Decimal
SECTIONS = [
    "What happened",
    "Timeline",
    "Cause",
    "PnL impact",
    "Attribution",
    "Limit breaches",
    "What changes",
    "What this review does not know",
]
HOSTILE = "<script>alert(1)</script> | # & [x](http://evil) `*_"
VOID = {"meta", "path", "br"}
START = 1_793_577_600 * SECOND


class Page(HTMLParser):
    """Reads a page, and remembers what is open, what it refers to, and its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.refers: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset") or "url(" in (value or ""):
                self.refers.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def made(tmp_path: Path, **changed: str | None) -> Reviewed:
    moments = Moments(discovered_at=START + 48 * 3600 * SECOND)
    parts = read_files(write_files(tmp_path, **changed), lambda _: None)
    material = assemble(parts, ReviewWanted(), moments, source="files")
    return Reviewed(material, review(material.case), START, "risksvc test")


def hostile(tmp_path: Path) -> Reviewed:
    found = made(tmp_path)
    incident = IncidentRecord(
        "i-1", "P0", HOSTILE, START, 0, HOSTILE, HOSTILE, timeline=(Happening(START, HOSTILE, HOSTILE),)
    )
    material = replace(found.material, account=HOSTILE, source=HOSTILE, missing=(HOSTILE,), incident=incident)
    return replace(found, material=material, contacts=(HOSTILE,))


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def test_every_section_is_there_in_both(tmp_path: Path) -> None:
    whole = document(made(tmp_path))
    assert [section.title for section in whole.sections] == SECTIONS
    text = markdown(whole)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    page = html(whole)
    assert re.findall(r'<h2 id="section-\d">([^<]*)</h2>', page) == SECTIONS
    for words in ("4,990.10 USD lost", "believed", "counterfactual", "not a confidence interval", "q*(k) = g(k) - c"):
        assert words in page


def test_the_page_is_well_formed_and_needs_nothing_else(tmp_path: Path) -> None:
    text = html(document(made(tmp_path)))
    page = parsed(text)
    assert (page.open, page.wrong) == ([], [])
    assert len(page.ids) == len(set(page.ids))
    assert all(target.startswith("#") and target[1:] in page.ids for target in page.refers)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert "http://" not in text
    assert "https://" not in text
    assert "default-src &#x27;none&#x27;" in text
    assert page.tags.count("svg") > 3
    assert page.tags.count("title") == text.count('role="img"') + 1
    assert "prefers-color-scheme:dark" in text


def test_nothing_from_outside_is_markup(tmp_path: Path) -> None:
    whole = document(hostile(tmp_path))
    text = html(whole)
    page = parsed(text)
    assert (page.open, page.wrong) == ([], [])
    assert "script" not in page.tags
    assert "<script" not in text
    assert any(HOSTILE in piece for piece in page.texts)
    told = markdown(whole)
    assert not re.search(r"(?<!\\)<", told)
    assert "\\<script\\>" in told
    assert not re.search(r"(?<!\\)\[", told)
    rows = [line for line in told.splitlines() if "alert(1)" in line and line.startswith("|")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in rows)


def test_an_incident_s_record_is_in_it(tmp_path: Path) -> None:
    found = made(tmp_path)
    incident = IncidentRecord("g1-i4", "P0", "BELIEF_DRIFT", START, 0, "A lock was missing.", "olga")
    found = replace(found, material=replace(found.material, incident=incident), contacts=("risk: rita (slack)",))
    text = markdown(document(found))
    assert "# Review of incident g1-i4" in text
    assert "A lock was missing." in text
    assert "Owner: olga." in text
    assert "Contact: risk: rita (slack)" in text
    assert f"- Due: {moment(START + 48 * 3600 * SECOND)}" in text, "48 hours after the incident was opened"


def test_without_decisions_only_what_was_carried_is_told(tmp_path: Path) -> None:
    text = markdown(document(made(tmp_path, orders=None, beliefs=None)))
    assert "There are no records of what strategies believed or decided" in text
    assert "No decision could be held against a target" in text


def test_a_breach_is_for_compliance(tmp_path: Path) -> None:
    instruments = f"instrument,kind,base,quote,contract_size,max_net_exposure\n{BTC},linear,BTC,USDT,1,150000\n"
    text = markdown(document(made(tmp_path, instruments=instruments)))
    assert "Whether this must be disclosed is for compliance to decide" in text
    assert "| 150,000.00 | 200,000.00 | 100,000.00 |" in text


def test_the_flatten_the_halt_s_delay_and_the_other_target_have_their_lines(tmp_path: Path) -> None:
    """After discovery another 1 BTC was bought; then 5 were sold. Intent says 2, belief plus order says 3."""
    fills = (
        "time,instrument,side,quantity,price,client_order_id,kind\n"
        f"2026-11-02T09:00:01Z,{BTC},buy,2,50000,o-1,\n2026-11-02T12:00:00Z,{BTC},buy,2,50000,,\n"
        f"2026-11-04T09:00:01Z,{BTC},buy,1,49500,o-2,\n2026-11-04T10:00:00Z,{BTC},sell,5,49400,,flatten\n"
    )
    orders = (
        "time,strategy,instrument,client_order_id,side,quantity,belief,intent\n"
        f"2026-11-02T09:00:00Z,mm,{BTC},o-1,buy,2,0,2\n2026-11-04T09:00:00Z,mm,{BTC},o-2,buy,1,2,2\n"
    )
    folder = write_files(tmp_path, fills=fills, orders=orders)
    moments = Moments(
        discovered_at=cells.moment("2026-11-04T08:59Z"),
        halted_at=cells.moment("2026-11-04T09:30Z"),
        flat_at=cells.moment("2026-11-04T10:00:01Z"),
    )
    material = assemble(read_files(folder, lambda _: None), ReviewWanted(), moments, source="files")
    text = markdown(document(Reviewed(material, review(material.case), START, "risksvc test")))
    assert "| BTC/USDT:USDT | -5 | 49,500 | 500.00 | 0.00 | 500.00 |" in text
    assert re.search(r"cost of the halt's delay \(31 min 0 s, 1 decision\), part of the belief cost", text)
    assert "In 1 decision the recorded intent, and belief plus order, name different targets" in text
    assert "the positions were proven flat" in text


# -- charts -------------------------------------------------------------------------------------------------------


def chart(points: list[tuple[int, Decimal]], *, step: bool = True, end: int = 100) -> str:
    series = (Series("one", [(at * SECOND, value) for at, value in points], step=step),)
    marks = (Moment(50 * SECOND, "<half>"), Moment(10**6 * SECOND, "outside"))
    return svg(Chart("A & B", "It <rises>.", "BTC", series, 0, end * SECOND, marks), 7)


def test_a_chart_says_what_it_shows_and_is_escaped() -> None:
    text = chart([(0, D(0)), (50, D(10)), (100, D(5))])
    assert '<title id="chart-7-title">A &amp; B</title>' in text
    assert '<desc id="chart-7-desc">It &lt;rises&gt;.</desc>' in text
    assert 'aria-labelledby="chart-7-title chart-7-desc"' in text
    assert "&lt;half&gt;" in text
    assert "outside" not in text
    page = parsed(text)
    assert (page.open, page.wrong) == ([], [])


def test_a_step_holds_until_the_next_and_a_line_goes_straight() -> None:
    stepped = re.findall(r'class="line s0" d="([^"]*)"', chart([(0, D(0)), (50, D(10))]))[0]
    assert re.fullmatch(r"M86\.0 246\.0H466\.0V14\.0H846", stepped)
    straight = re.findall(r'class="line s0" d="([^"]*)"', chart([(0, D(0)), (50, D(10))], step=False))[0]
    assert straight == "M86.0 246.0L466.0 14.0"


def test_a_spike_among_very_many_points_is_not_lost() -> None:
    points = [(at, D(1) if at != 31_337 else D(1_000)) for at in range(100_000)]
    path = re.findall(r'class="line s0" d="([^"]*)"', chart(points, end=100_000))[0]
    assert path.count("H") < 4 * 760
    assert "V14.0" in path, "the top of the plot"


@pytest.mark.parametrize("value", ["0", "0.00000001", "-123456789", "0.3"])
def test_any_size_has_an_axis(value: str) -> None:
    figures = re.findall(r'class="y"[^>]*>([^<]*)<', chart([(0, D(value))]))
    assert 2 <= len(figures) <= 7
    assert any(not D(figure.replace(",", "")) for figure in figures), "zero is always shown"


# -- figures ------------------------------------------------------------------------------------------------------


def test_figures_are_rounded_for_eyes_only() -> None:
    assert money(D("1234.505")) == "1,234.50"
    assert money(D("-0.001")) == "0.00"
    assert result(D("-42000.126"), "USD") == "42,000.13 USD gained"
    assert quantity(D("-1234567.500")) == "-1,234,567.5"
    assert quantity(D(1) / D(3)).startswith("0.333333333333")
    assert len(quantity(D(1) / D(3))) == 14
    assert quantity(None) == "-"
