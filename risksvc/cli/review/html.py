"""A report as one HTML file that needs nothing else: no script, no font, no picture, no address anywhere.

Every text is escaped, and the page's own policy forbids whatever it does not bring itself. It reads well on a phone, in
the dark, and on paper; charts have a title and a description, and their lines differ by pattern as well as by colour.
"""

from collections.abc import Iterator
from html import escape
from itertools import count

from risksvc.cli.review.charts import legend, svg
from risksvc.cli.review.document import Block, Bullets, Chart, Document, Formulas, Grid, Paragraph

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--edge:#d0d7de;--wash:#f6f8fa;
--a:#b42318;--b:#0b5cad;--c:#2f7d32;--mark:#8a5a00}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;--edge:#30363d;--wash:#161b22;
--a:#ff8a7a;--b:#6cb6ff;--c:#7ee08a;--mark:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.25rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--edge)}
.headline{font-size:2rem;font-weight:700;margin:.25rem 0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:0;list-style:none}
a{color:var(--b)}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.9rem;min-width:100%}
caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--edge);text-align:left;vertical-align:top}
th{background:var(--wash)}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.total td{font-weight:700;border-top:2px solid var(--ink)}
.formula{font-family:ui-monospace,monospace;font-size:.85rem;background:var(--wash);padding:.5rem .75rem;margin:.4rem 0}
figure{margin:1.25rem 0}figcaption{font-weight:600}
svg.chart{width:100%;height:auto;display:block}
.grid{stroke:var(--edge);fill:none}.zero{stroke:var(--soft);fill:none}
.line{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}
.s0{stroke:var(--a)}.s1{stroke:var(--b);stroke-dasharray:7 3}.s2{stroke:var(--c);stroke-dasharray:2 3}
.moment{stroke:var(--mark);stroke-dasharray:3 3;fill:none}
svg text{font:11px system-ui,sans-serif;fill:var(--soft)}svg .y{text-anchor:end}svg .x{text-anchor:middle}
svg .unit{text-anchor:end}svg .said{fill:var(--mark)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:.25rem 0;font-size:.9rem}
svg.key{width:28px;height:8px;margin-right:.4rem}
@media print{nav{display:none}body{font-size:11pt}.wide{overflow:visible}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html(document: Document) -> str:
    """The whole report."""
    title = escape(document.title)
    numbers = count(1)
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{title}</h1>",
        f'<p class="headline">{escape(document.headline)}</p>',
        "<dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in document.facts),
        "</dl>",
        '<nav aria-label="Sections"><ul>',
        *(
            f'<li><a href="#section-{place}">{escape(section.title)}</a></li>'
            for place, section in enumerate(document.sections, 1)
        ),
        "</ul></nav>",
    ]
    for place, section in enumerate(document.sections, 1):
        lines.append(f'<section aria-labelledby="section-{place}">')
        lines.append(f'<h2 id="section-{place}">{escape(section.title)}</h2>')
        for block in section.blocks:
            lines += _block(block, numbers)
        lines.append("</section>")
    return "\n".join([*lines, "</main>", "</body>", "</html>"]) + "\n"


def _block(block: Block, numbers: "count[int]") -> Iterator[str]:
    match block:
        case Paragraph(text, strong=strong):
            yield f"<p><strong>{escape(text)}</strong></p>" if strong else f"<p>{escape(text)}</p>"
        case Bullets(items):
            yield "<ul>"
            yield from (f"<li>{escape(item)}</li>" for item in items)
            yield "</ul>"
        case Formulas(lines):
            yield from (f'<p class="formula">{escape(line)}</p>' for line in lines)
        case Grid():
            yield from _grid(block)
        case Chart():
            yield "<figure>"
            yield f"<figcaption>{escape(block.title)}</figcaption>"
            yield svg(block, next(numbers))
            yield legend(block)
            yield "</figure>"


def _grid(grid: Grid) -> Iterator[str]:
    words = len(grid.columns) - grid.numbers
    caption = escape(grid.caption)
    yield f'<div class="wide" role="region" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
    heads = "".join(
        f'<th scope="col"{_number(place, words)}>{escape(name)}</th>' for place, name in enumerate(grid.columns)
    )
    yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    last = len(grid.rows) - 1
    for place, row in enumerate(grid.rows):
        opening = '<tr class="total">' if grid.total and place == last else "<tr>"
        cells = "".join(f"<td{_number(at, words)}>{escape(cell)}</td>" for at, cell in enumerate(row))
        yield f"{opening}{cells}</tr>"
    yield "</tbody></table></div>"


def _number(place: int, words: int) -> str:
    return ' class="n"' if place >= words else ""
