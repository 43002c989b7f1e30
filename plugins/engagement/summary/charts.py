"""Small SVG charts. They stretch to any width, so they hold shapes only; words stand beside them in HTML.

Colours come from the page's style sheet by class, for light and dark mode alike. Every chart has a text
alternative, and every mark a title that a pointer shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 1000.0
HEIGHT = 100.0
LINE_HEIGHT = 2.0
MIN_SHARE = 0.006  # a part that is there stays visible, however small


def stacked_bar(parts: Sequence[tuple[str, str, int]], alternative: str) -> str:
    """One horizontal bar of parts that add up to the whole.

    :param parts: (class, title, value); parts of 0 are left out
    """
    there = [part for part in parts if part[2] > 0]
    total = sum(value for _, _, value in there)
    widths = [max(value / total, MIN_SHARE) for _, _, value in there]
    scale = WIDTH / sum(widths) if widths else 0.0
    marks, left = [], 0.0
    for (name, title, _), share in zip(there, widths, strict=True):
        width = share * scale
        gap = 2.0 if left + width < WIDTH - 1 else 0.0
        marks.append(_rect(name, title, left, 0.0, max(width - gap, 1.0), HEIGHT))
        left += width
    return _svg("stack", marks, alternative)


def columns(
    bars: Sequence[tuple[str, float]], name: str, alternative: str, beside: Sequence[tuple[str, float]] = ()
) -> str:
    """Columns side by side over a common zero.

    :param bars: (title, value)
    :param name: class of the columns
    :param beside: (title, value) to compare each column with, drawn as a line of class `beside` across its place
    """
    top = max((value for _, value in [*bars, *beside]), default=0) or 1
    step, gap = _spacing(len(bars))
    marks = []
    for place, (title, value) in enumerate(bars):
        height = max(value / top * HEIGHT, 1.0) if value else 0.0
        marks.append(_rect(name, title, place * step + gap / 2, HEIGHT - height, step - gap, height))
    for place, (title, value) in enumerate(beside):
        level = min(max(HEIGHT - value / top * HEIGHT - LINE_HEIGHT / 2, 0.0), HEIGHT - LINE_HEIGHT)
        marks.append(_rect("beside", title, place * step, level, step, LINE_HEIGHT))
    return _svg("columns", marks, alternative)


def _spacing(count: int) -> tuple[float, float]:
    """Width of a column's place, and of the gap between two columns."""
    step = WIDTH / max(count, 1)
    return step, min(4.0, step * 0.2)


def stacked_columns(bars: Sequence[Sequence[tuple[str, str, float]]], alternative: str) -> str:
    """Columns of parts, side by side over a common zero; the first part stands at the bottom.

    :param bars: one list of (class, title, value) for each column, none for a column that is not there
    """
    top = max((sum(value for _, _, value in parts) for parts in bars), default=0) or 1
    step, gap = _spacing(len(bars))
    marks = []
    for place, parts in enumerate(bars):
        bottom = HEIGHT
        for name, title, value in parts:
            if value > 0:
                height = max(value / top * HEIGHT, 1.0)
                bottom = max(bottom - height, 0.0)
                marks.append(_rect(name, title, place * step + gap / 2, bottom, step - gap, height))
    return _svg("columns", marks, alternative)


def share_bar(value: float, whole: float, name: str) -> str:
    """A thin bar in a table cell; decoration only, for the number stands beside it."""
    width = max(value / whole * 100, 1.0) if value and whole else 0.0
    mark = f'<rect class="{escape(name)}" width="{width:.2f}" height="6"/>'
    return f'<svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{mark}</svg>'


def _rect(name: str, title: str, x: float, y: float, width: float, height: float) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return f'<rect class="{escape(name)}" {place}><title>{escape(title)}</title></rect>'


def _svg(kind: str, marks: Sequence[str], alternative: str) -> str:
    head = f'class="{kind}" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none"'
    return f'<svg {head} role="img" aria-label="{escape(alternative)}">{"".join(marks)}</svg>'
