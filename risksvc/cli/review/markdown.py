"""A report as markdown that every reader shows: headings, lists, tables. Charts are in review.html.

Everything that came from outside is escaped: no text can become a heading, a link, HTML or another cell.
"""

import re
from collections.abc import Iterator, Sequence

from risksvc.cli.review.document import Block, Bullets, Chart, Document, Formulas, Grid, Paragraph

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~&])")
_LEADING = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s|$|[-+=])")


def markdown(document: Document) -> str:
    """The whole report."""
    lines = [f"# {_text(document.title)}", "", f"**{_text(document.headline)}**", ""]
    lines += [f"- {_text(name)}: {_text(value)}" for name, value in document.facts]
    for section in document.sections:
        lines += ["", f"## {_text(section.title)}"]
        for block in section.blocks:
            lines += ["", *_block(block)]
    return "\n".join(lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, strong=strong):
            yield f"**{_text(text)}**" if strong else _LEADING.sub(r"\1\\\2", _text(text))
        case Bullets(items):
            yield from (f"- {_text(item)}" for item in items)
        case Formulas(lines):
            for number, line in enumerate(lines):
                yield from ([">"] if number else [])
                yield f"> {_text(line)}"
        case Grid():
            yield from _grid(block)
        case Chart(title, says):
            yield f"*{_text(title)}: {_text(says)} (The chart is in review.html.)*"


def _grid(grid: Grid) -> Iterator[str]:
    words = len(grid.columns) - grid.numbers
    yield f"*{_text(grid.caption)}*"
    yield ""
    yield _row([_text(column) for column in grid.columns])
    yield _row(["---"] * words + ["---:"] * grid.numbers)
    last = len(grid.rows) - 1
    for place, row in enumerate(grid.rows):
        strong = grid.total and place == last
        yield _row([f"**{_text(cell)}**" if strong and cell else _text(cell) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(text: str) -> str:
    """One line of text that means nothing but itself."""
    line = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", line)
