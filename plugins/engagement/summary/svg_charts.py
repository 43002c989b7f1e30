"""Small SVG charts.

Charts stretch to any width, so they contain shapes only; the labels are HTML next to them. Colors come from the style
sheet by class, for light and dark mode alike. Every chart has a text alternative, and every mark has a title, which
browsers show as a tooltip. All texts are escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 1000.0
HEIGHT = 100.0
LINE_HEIGHT = 2.0
MIN_SHARE = 0.006  # keeps a small part visible


def stacked_bar(parts: Sequence[tuple[str, str, int]], alternative: str) -> str:
    """Return one horizontal bar of parts that add up to the full width.

    :param parts: (class, title, value); parts of 0 are left out
    :param alternative: text alternative
    """
    visible = [part for part in parts if part[2] > 0]
    total = sum(value for _, _, value in visible)
    shares = [max(value / total, MIN_SHARE) for _, _, value in visible]
    scale = WIDTH / sum(shares) if shares else 0.0
    marks, left = [], 0.0
    for (name, title, _), share in zip(visible, shares, strict=True):
        width = share * scale
        gap = 2.0 if left + width < WIDTH - 1 else 0.0
        marks.append(_rect(name, title, left, 0.0, max(width - gap, 1.0), HEIGHT))
        left += width
    return _svg("stack", marks, alternative)


def columns(
    bars: Sequence[tuple[str, float]], name: str, alternative: str, baseline: Sequence[tuple[str, float]] = ()
) -> str:
    """Return a column chart.

    :param bars: (title, value)
    :param name: class of the columns
    :param alternative: text alternative
    :param baseline: (title, value) to compare each column with, drawn as a line of class `baseline`
    """
    top = max((value for _, value in [*bars, *baseline]), default=0) or 1
    step, gap = _spacing(len(bars))
    marks = []
    for position, (title, value) in enumerate(bars):
        height = max(value / top * HEIGHT, 1.0) if value else 0.0
        marks.append(_rect(name, title, position * step + gap / 2, HEIGHT - height, step - gap, height))
    for position, (title, value) in enumerate(baseline):
        level = min(max(HEIGHT - value / top * HEIGHT - LINE_HEIGHT / 2, 0.0), HEIGHT - LINE_HEIGHT)
        marks.append(_rect("baseline", title, position * step, level, step, LINE_HEIGHT))
    return _svg("columns", marks, alternative)


def stacked_columns(bars: Sequence[Sequence[tuple[str, str, float]]], alternative: str) -> str:
    """Return a chart of stacked columns; the first part of each column is at the bottom.

    :param bars: for each column its parts as (class, title, value); an empty column leaves a gap
    :param alternative: text alternative
    """
    top = max((sum(value for _, _, value in parts) for parts in bars), default=0) or 1
    step, gap = _spacing(len(bars))
    marks = []
    for position, parts in enumerate(bars):
        bottom = HEIGHT
        for name, title, value in parts:
            if value > 0:
                height = max(value / top * HEIGHT, 1.0)
                bottom = max(bottom - height, 0.0)
                marks.append(_rect(name, title, position * step + gap / 2, bottom, step - gap, height))
    return _svg("columns", marks, alternative)


def _spacing(count: int) -> tuple[float, float]:
    """Return the distance between the starts of two columns, and the gap between them."""
    step = WIDTH / max(count, 1)
    return step, min(4.0, step * 0.2)


def share_bar(value: float, total: float, name: str) -> str:
    """Return a thin bar for a table cell; decoration only, because the cell has the number too."""
    width = max(value / total * 100, 1.0) if value and total else 0.0
    mark = f'<rect class="{escape(name)}" width="{width:.2f}" height="6"/>'
    return f'<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{mark}</svg>'


def _rect(name: str, title: str, x: float, y: float, width: float, height: float) -> str:
    geometry = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return f'<rect class="{escape(name)}" {geometry}><title>{escape(title)}</title></rect>'


def _svg(kind: str, marks: Sequence[str], alternative: str) -> str:
    head = f'class="{kind}" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none"'
    return f'<svg {head} role="img" aria-label="{escape(alternative)}">{"".join(marks)}</svg>'
