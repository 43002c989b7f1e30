"""Charts over time: one column for each date, also for dates without a run."""

from __future__ import annotations

import re
from datetime import timedelta

from engagement.summary import svg_charts
from engagement.ui import history_charts
from engagement.ui.run_entry import UnreadableRun
from engagement.ui.run_keys import RunLocation
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE, a_run
from tests.unit.plugins.engagement.memory_bucket import WRITTEN

RECTANGLE = re.compile(r'<rect class="([^"]*)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)">')


def test_parts_of_a_column_are_stacked() -> None:
    svg = svg_charts.stacked_columns([[("a", "A", 30), ("b", "B", 0), ("c", "C", 10)], [], [("a", "A", 20)]], HOSTILE)
    parts = [(name, float(y), float(height)) for name, _, y, _, height in RECTANGLE.findall(svg)]
    assert parts == [("a", 25.0, 75.0), ("c", 0.0, 25.0), ("a", 50.0, 50.0)]
    assert "<img" not in svg
    left = [float(x) for _, x, *_ in RECTANGLE.findall(svg)]
    assert left[0] == left[1] < 333
    assert left[2] > 666


def test_columns_without_values_are_empty() -> None:
    assert RECTANGLE.findall(svg_charts.stacked_columns([], "none")) == []
    assert RECTANGLE.findall(svg_charts.stacked_columns([[("a", "A", 0)]], "none")) == []


def test_each_date_shows_its_latest_run_without_dry_runs() -> None:
    later = WRITTEN + timedelta(hours=3)
    drawn = history_charts.draw(
        [
            a_run("2026-11-20", not_reached=5),
            a_run("2026-11-20", run_id="again", not_reached=7, written=later),
            a_run("2026-11-20", run_id="dry", mode="dry_run", not_reached=99, written=later),
            a_run("2026-11-23", not_reached=3, cost_usd=None),
            UnreadableRun(RunLocation("2026-11-24", "x-0123abcd"), later, "not JSON"),
        ]
    )
    assert drawn is not None
    assert (drawn.first, drawn.last) == ("2026-11-20", "2026-11-23")
    outcomes, not_reached, latency, cost = drawn.charts
    titles = re.findall("<title>([^<]*)</title>", not_reached.svg)
    assert titles == ["2026-11-20: 7", "2026-11-21: –", "2026-11-22: –", "2026-11-23: 3"]  # noqa: RUF001
    assert (not_reached.top, outcomes.top) == ("7", "1,000")
    assert "2026-11-23: unknown" in cost.svg
    assert len(RECTANGLE.findall(latency.svg)) == 4
    assert ("delivered", "delivered") in drawn.legend
    assert "planned" not in [name for _, name in drawn.legend]


def test_without_runs_there_are_no_charts() -> None:
    assert history_charts.draw([a_run(mode="dry_run")]) is None
