"""The HTML of the dashboard. It loads nothing; its policy allows its own style sheet and script only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from engagement.summary import report, svg_charts
from engagement.ui import history_charts
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_keys import RunLocation
from engagement.ui.run_list import RunWindow

WINDOWS = (7, 30, 90)
"""Days that can be shown."""
DEFAULT_WINDOW = 30
FOLDER = Path(__file__).parent
TEMPLATE = "dashboard.html.j2"
SCRIPT = FOLDER / "static" / "dashboard.js"
STYLES = (report.TEMPLATES / report.STYLE, FOLDER / "static" / "dashboard.css")

# A report may only display itself, whatever the bucket contains. Scripts cannot run in it, so it can keep its origin,
# which the dashboard needs to give it Airflow's color scheme.
SANDBOX = "allow-same-origin"
REPORT_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its Content-Security-Policy."""

    html: str
    policy: str


def run_list(recent: RunWindow, *, days: int, today: date, bucket: str, timezone: str) -> Page:
    """Return the page with the table of runs and the charts over time.

    :param days: length of the window that ends today
    :param bucket: name of the output bucket
    :param timezone: IANA name of the timezone for displayed times
    """
    tomorrow, yesterday = (today + timedelta(days=1)).isoformat(), (today - timedelta(days=1)).isoformat()
    # A mistyped year creates a run in the far future: the table lists it, the headline and the charts ignore it.
    current = [run for run in recent.runs if run.score_date <= tomorrow]
    newest = max((run for run in current if isinstance(run, Run)), key=_importance, default=None)
    last = max((run.score_date for run in current), default=None)
    return _page(
        "run_list",
        runs=recent.runs,
        reports=recent.reports,
        left_out=recent.left_out,
        newest=newest,
        later=last if newest and last and last > newest.score_date else None,
        # Today's run may still be in progress; yesterday's must have a summary.
        overdue=last if last and last < yesterday else None,
        history=history_charts.draw(current),
        days=days,
        windows=WINDOWS,
        first_day=(today - timedelta(days=days - 1)).isoformat(),
        bucket=bucket,
        timezone=timezone,
        zone=ZoneInfo(timezone),
    )


def _importance(run: Run) -> tuple[bool, str, datetime]:
    return (not run.is_dry_run, run.score_date, run.written)


def framed_report(location: RunLocation) -> Page:
    """Return the page with a report in a frame and a link back to the list."""
    return _page("framed_report", location=location, sandbox=SANDBOX)


def error(title: str, problem: str, expected: str, advice: str) -> Page:
    """Return the page that explains why no data is shown."""
    return _page("error", title=title, problem=problem, expected=expected, advice=advice)


def _page(kind: str, **values: Any) -> Page:
    style, script = _assets()
    html = _environment().get_template(TEMPLATE).render(kind=kind, style=style, script=script, **values)
    policy = (
        f"default-src 'none'; style-src '{report.csp_hash(style)}'; script-src '{report.csp_hash(script)}'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return Page(html, policy)


@cache
def _assets() -> tuple[Markup, Markup]:
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    script = SCRIPT.read_text(encoding="utf-8")
    return Markup(style), Markup(script)  # noqa: S704 - our own files


@cache
def _environment() -> Environment:
    environment = report.template_environment(
        FOLDER / "templates",
        outcome_bar=_outcome_bar,
        when=lambda moment, zone: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}",
        markup=lambda svg: Markup(svg),  # noqa: S704 - from svg_charts.py, which escapes all texts
    )
    environment.tests["unreadable"] = lambda run: isinstance(run, UnreadableRun)
    return environment


def _outcome_bar(run: Run) -> Markup:
    parts = history_charts.outcome_parts(run)
    alternative = "Outcomes: " + (", ".join(title for _, title, rows in parts if rows) or "none")
    return Markup(svg_charts.stacked_bar(parts, alternative))  # noqa: S704 - svg_charts.py escapes all texts
