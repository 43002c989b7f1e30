"""Charts over time: one column a day, also for a day without a run."""

from __future__ import annotations

import re
from datetime import timedelta

from engagement.summary import charts
from engagement.ui import history_charts
from engagement.ui.run_entry import UnreadableRun
from engagement.ui.run_keys import RunLocation
from tests.unit.plugins.engagement.dashboard_factory import HOSTILE, a_run
from tests.unit.plugins.engagement.memory_bucket import WRITTEN

RECTANGLE = re.compile(r'<rect class="([^"]*)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)">')


def test_stacked_columns_stand_on_each_other() -> None:
    svg = charts.stacked_columns([[("a", "A", 30), ("b", "B", 0), ("c", "C", 10)], [], [("a", "A", 20)]], HOSTILE)
    found = [(name, float(y), float(height)) for name, _, y, _, height in RECTANGLE.findall(svg)]
    assert found == [("a", 25.0, 75.0), ("c", 0.0, 25.0), ("a", 50.0, 50.0)]
    assert "<img" not in svg
    left = [float(x) for _, x, *_ in RECTANGLE.findall(svg)]
    assert left[0] == left[1] < 333
    assert left[2] > 666


def test_stacked_columns_of_nothing() -> None:
    assert RECTANGLE.findall(charts.stacked_columns([], "none")) == []
    assert RECTANGLE.findall(charts.stacked_columns([[("a", "A", 0)]], "none")) == []


def test_the_latest_run_of_each_date_counts_and_dry_runs_do_not() -> None:
    later = WRITTEN + timedelta(hours=3)
    drawn = history_charts.over_time(
        [
            a_run("2026-11-20", not_reached=5),
            a_run("2026-11-20", run_id="again", not_reached=7, written=later),
            a_run("2026-11-20", run_id="dry", mode="dry_run", not_reached=99, written=later),
            a_run("2026-11-23", not_reached=3, cost_usd=None),
            UnreadableRun(RunLocation("2026-11-24", "x-0123abcd"), later, "it is no JSON"),
        ]
    )
    assert drawn is not None
    assert (drawn.first, drawn.last) == ("2026-11-20", "2026-11-23")
    outcomes, lost, latency, cost = drawn.drawn
    titles = re.findall("<title>([^<]*)</title>", lost.svg)
    assert titles == ["2026-11-20: 7", "2026-11-21: –", "2026-11-22: –", "2026-11-23: 3"]  # noqa: RUF001
    assert (lost.top, outcomes.top) == ("7", "1,000")
    assert "2026-11-23: not known" in cost.svg
    assert len(RECTANGLE.findall(latency.svg)) == 4
    assert ("delivered", "delivered") in drawn.used
    assert "planned" not in [name for _, name in drawn.used]


def test_without_a_run_there_is_nothing_to_draw() -> None:
    assert history_charts.over_time([a_run(mode="dry_run")]) is None
