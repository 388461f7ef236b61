"""A chart as one inline SVG: no script, no font, no resource from anywhere; colours come from the page's style.

Coordinates are Decimals with a tenth of a pixel. A series with more points than pixels is thinned by column: the first,
the lowest, the highest and the last of each stay, so that no spike is lost. Every text is escaped.
"""

import decimal
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from risksvc.cli.review.document import Chart, Series
from risksvc.core.types import SECOND, ZERO, Nanoseconds

WIDTH, HEIGHT = 860, 280
LEFT, RIGHT, TOP, BOTTOM = 86, 14, 14, 34
_PLOT_WIDTH, _PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
_Y_TICKS = 5
_X_TICKS = 6
_TENTH = Decimal("0.1")
_ROUGH = decimal.Context(prec=20)
_NICE = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_DAY = 86_400 * SECOND

Points = Sequence[tuple[Nanoseconds, Decimal]]


def svg(chart: Chart, number: int) -> str:
    """The chart; `number` makes its ids unique in the page."""
    plot = _Plot(chart)
    title, desc = f"chart-{number}-title", f"chart-{number}-desc"
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{title} {desc}">',
        f'<title id="{title}">{escape(chart.title)}</title>',
        f'<desc id="{desc}">{escape(chart.says)}</desc>',
        *plot.grid(),
        *plot.moments(),
        *plot.lines(),
        "</svg>",
    ]
    return "\n".join(parts)


def legend(chart: Chart) -> str:
    """What each line is, as a list below the chart."""
    items = [
        f'<li><svg class="key" viewBox="0 0 28 8" aria-hidden="true"><path class="line s{place}" d="M0 4H28"/></svg>'
        f"{escape(series.name)}</li>"
        for place, series in enumerate(chart.series)
    ]
    return f'<ul class="legend">{"".join(items)}</ul>'


class _Plot:
    """Where things of one chart are."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.start, self.end = chart.start, max(chart.end, chart.start + 1)
        values = [value for series in chart.series for _, value in series.points]
        low, high = min([*values, ZERO]), max([*values, ZERO])
        self.step = _nice((high - low) / (_Y_TICKS - 1) if high > low else Decimal(1))
        self.low = (low / self.step).to_integral_value(rounding=decimal.ROUND_FLOOR) * self.step
        self.high = (high / self.step).to_integral_value(rounding=decimal.ROUND_CEILING) * self.step
        if self.low == self.high:
            self.high = self.low + self.step

    def x(self, at: Nanoseconds) -> Decimal:
        inside = min(max(at, self.start), self.end) - self.start
        return LEFT + _ROUGH.divide(Decimal(inside * _PLOT_WIDTH), Decimal(self.end - self.start))

    def y(self, value: Decimal) -> Decimal:
        return TOP + _ROUGH.divide((self.high - value) * _PLOT_HEIGHT, self.high - self.low)

    def grid(self) -> Iterator[str]:
        """Lines and figures of the axes."""
        value = self.low
        while value <= self.high:
            y = _pixels(self.y(value))
            style = "zero" if not value else "grid"
            yield f'<path class="{style}" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
            yield f'<text class="y" x="{LEFT - 8}" y="{y}" dy="4">{escape(_figure(value, self.step))}</text>'
            value += self.step
        for at in _ticks(self.start, self.end):
            x = _pixels(self.x(at))
            yield f'<path class="grid" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>'
            text = escape(_time(at, self.end - self.start))
            yield f'<text class="x" x="{x}" y="{HEIGHT - BOTTOM + 18}">{text}</text>'
        unit = escape(self.chart.unit)
        yield f'<text class="unit" x="{WIDTH - RIGHT}" y="{HEIGHT - 2}">{unit}, UTC</text>'

    def moments(self) -> Iterator[str]:
        """Upright lines at what happened."""
        for place, moment in enumerate(self.chart.moments):
            if self.start <= moment.at <= self.end:
                x = self.x(moment.at)
                anchor = "end" if x > LEFT + _PLOT_WIDTH * 3 // 4 else "start"
                shift = -4 if anchor == "end" else 4
                at = f'x="{_pixels(x + shift)}" y="{TOP + 11 + 13 * (place % 3)}"'
                yield f'<path class="moment" d="M{_pixels(x)} {TOP}V{HEIGHT - BOTTOM}"/>'
                yield f'<text class="said" text-anchor="{anchor}" {at}>{escape(moment.name)}</text>'

    def lines(self) -> Iterator[str]:
        """Every series."""
        for place, series in enumerate(self.chart.series):
            points = list(self._thinned(series.points))
            if points:
                yield f'<path class="line s{place}" d="{self._path(points, series)}"/>'

    def _path(self, points: Points, series: Series) -> str:
        first, *rest = points
        parts = [f"M{_pixels(self.x(first[0]))} {_pixels(self.y(first[1]))}"]
        for at, value in rest:
            x, y = _pixels(self.x(at)), _pixels(self.y(value))
            parts.append(f"H{x}V{y}" if series.step else f"L{x} {y}")
        if series.step:
            parts.append(f"H{WIDTH - RIGHT}")
        return "".join(parts)

    def _thinned(self, points: Points) -> Iterable[tuple[Nanoseconds, Decimal]]:
        if len(points) <= 2 * _PLOT_WIDTH:
            return points
        columns: dict[int, list[tuple[Nanoseconds, Decimal]]] = {}
        width = self.end - self.start
        for point in points:
            columns.setdefault(
                (min(max(point[0], self.start), self.end) - self.start) * _PLOT_WIDTH // width, []
            ).append(point)
        return (point for column in columns.values() for point in _telling(column))


def _telling(column: Points) -> list[tuple[Nanoseconds, Decimal]]:
    """The first, lowest, highest and last of some points, in order of time, each once."""
    low, high = min(column, key=lambda point: point[1]), max(column, key=lambda point: point[1])
    return sorted({column[0], low, high, column[-1]}, key=lambda point: point[0])


def _nice(size: Decimal) -> Decimal:
    """The next larger step that people count in."""
    power = Decimal(1).scaleb(size.adjusted())
    return next(power * factor for factor in _NICE if power * factor >= size)


def _ticks(start: Nanoseconds, end: Nanoseconds) -> list[Nanoseconds]:
    if end - start >= 3 * _DAY:
        every = max(1, -(-(end - start) // (_DAY * 2 * _X_TICKS))) * _DAY
        first = -(-start // _DAY) * _DAY
        return list(range(first, end + 1, every))
    return [start + (end - start) * place // _X_TICKS for place in range(1, _X_TICKS)]


def _time(at: Nanoseconds, whole: Nanoseconds) -> str:
    moment = datetime.fromtimestamp(at // SECOND, tz=UTC)
    if whole >= 3 * _DAY:
        return moment.strftime("%m-%d")
    return moment.strftime("%m-%d %H:%M" if whole >= _DAY else "%H:%M:%S")


def _figure(value: Decimal, step: Decimal) -> str:
    exponent = step.normalize().as_tuple().exponent
    decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    return f"{value:,.{decimals}f}"


def _pixels(value: Decimal) -> str:
    return str(value.quantize(_TENTH, context=_ROUGH))
