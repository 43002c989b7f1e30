"""Charts: shapes add up, small parts stay visible, and texts are escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from engagement.summary import svg_charts

HOSTILE = "\"/><script>alert(1)</script><rect x='"
NAMES = {"delivered", "rejected"}


def rects(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter("rect"))  # noqa: S314 - our own markup


def number(rect: ElementTree.Element, name: str) -> float:
    return float(rect.attrib[name])


def test_parts_fill_the_bar() -> None:
    parts = rects(svg_charts.stacked_bar([("delivered", "a", 750), ("rejected", "b", 250), ("unknown", "c", 0)], "all"))
    assert [part.attrib["class"] for part in parts] == ["delivered", "rejected"]
    assert number(parts[1], "x") == pytest.approx(750)
    assert number(parts[1], "x") + number(parts[1], "width") == pytest.approx(1000)


def test_one_user_of_a_million_stays_visible() -> None:
    parts = rects(svg_charts.stacked_bar([("delivered", "a", 10**6), ("rejected", "b", 1)], "all"))
    assert number(parts[1], "width") > 3
    assert number(parts[1], "x") + number(parts[1], "width") <= 1000.01


def test_the_highest_column_fills_the_chart() -> None:
    columns = rects(svg_charts.columns([("a", 5), ("b", 10), ("c", 0)], "accent", "all"))
    assert [number(column, "height") for column in columns] == [50, 100, 0]
    assert all(number(column, "y") + number(column, "height") == 100 for column in columns)


def test_baseline_is_drawn_at_its_value() -> None:
    svg = svg_charts.columns([("a", 5), ("b", 0)], "accent", "all", [("recently a", 10), ("recently b", 0)])
    *_, first, second = rects(svg)
    assert [line.attrib["class"] for line in (first, second)] == ["baseline", "baseline"]
    assert number(rects(svg)[0], "height") == 50  # the baseline is higher than any column
    assert [number(line, "y") for line in (first, second)] == [0, 98]
    assert number(second, "x") == number(first, "x") + number(first, "width") == 500


@pytest.mark.parametrize("svg", [svg_charts.stacked_bar([], "none"), svg_charts.columns([], "accent", "none")])
def test_a_chart_without_values_is_empty(svg: str) -> None:
    assert rects(svg) == []


def test_texts_are_escaped() -> None:
    for svg in (
        svg_charts.stacked_bar([(HOSTILE, HOSTILE, 1)], HOSTILE),
        svg_charts.columns([(HOSTILE, 1)], HOSTILE, HOSTILE),
        svg_charts.share_bar(1, 2, HOSTILE),
    ):
        assert "<script" not in svg
        assert len(rects(svg)) == 1


@pytest.mark.parametrize(("value", "total", "width"), [(1, 2, 50.0), (1, 10**6, 1.0), (0, 5, 0.0), (0, 0, 0.0)])
def test_share_bars(value: float, total: float, width: float) -> None:
    assert number(rects(svg_charts.share_bar(value, total, "accent"))[0], "width") == width
