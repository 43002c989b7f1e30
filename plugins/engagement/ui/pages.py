"""The HTML of the page. It loads nothing; its policy allows this very style sheet and script, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from engagement.summary import charts, report
from engagement.ui import history_charts
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_keys import RunLocation
from engagement.ui.run_list import RunWindow

WINDOWS = (7, 30, 90)
DEFAULT_WINDOW = 30
FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "static" / "dashboard.js"
STYLES = (
    report.TEMPLATES / report.STYLE,
    FOLDER / "static" / "dashboard.css",
)  # the report's colours and shapes hold here too
TEMPLATES = "dashboard.html.j2"

# What a report may do: show itself, whatever lies in the bucket. No script runs in it, so that it may be left its
# origin, without which the page could not give it Airflow's colour scheme.
SANDBOX = "allow-same-origin"
REPORT_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the Content-Security-Policy that goes with it."""

    html: str
    policy: str


def runs(recent: RunWindow, *, days: int, today: date, bucket: str, timezone: str) -> Page:
    """The runs as a table, and charts over time.

    :param days: length of the window that ends today
    :param timezone: IANA name of the timezone in which times are told
    """
    # Whoever mistypes a year makes a run of a far future; it is listed, and neither leads nor stretches the charts.
    tomorrow, yesterday = (today + timedelta(days=1)).isoformat(), (today - timedelta(days=1)).isoformat()
    current = [run for run in recent.runs if run.score_date <= tomorrow]
    newest = max((run for run in current if isinstance(run, Run)), key=_importance, default=None)
    last = max((run.score_date for run in current), default=None)
    return _page(
        "runs",
        runs=recent.runs,
        reports=recent.reports,
        left_out=recent.left_out,
        newest=newest,
        later=last if newest and last and last > newest.score_date else None,
        # Today's run may be under way; a day without a summary before that is worth a word.
        overdue=last if last and last < yesterday else None,
        over_time=history_charts.over_time(current),
        days=days,
        windows=WINDOWS,
        first_day=(today - timedelta(days=days - 1)).isoformat(),
        bucket=bucket,
        timezone=timezone,
        zone=ZoneInfo(timezone),
    )


def _importance(run: Run) -> tuple[bool, str, Any]:
    return (not run.is_dry_run, run.score_date, run.written)


def one_report(location: RunLocation) -> Page:
    """A report in a frame, below a way back: the view in Airflow has no other."""
    return _page("one_report", location=location, sandbox=SANDBOX)


def message(title: str, found: str, wanted: str, advice: str) -> Page:
    """A page that says why there is nothing else on it."""
    return _page("message", title=title, found=found, wanted=wanted, advice=advice)


def _page(kind: str, **values: Any) -> Page:
    style, script = _assets()
    html = _environment().get_template(TEMPLATES).render(kind=kind, style=style, script=script, **values)
    policy = (
        f"default-src 'none'; style-src '{report.policy_source(style)}'; script-src '{report.policy_source(script)}'; "
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
    environment = report.environment(
        FOLDER / "templates",
        outcome_bar=_outcome_bar,
        when=lambda moment, zone: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}",
        markup=lambda svg: Markup(svg),  # noqa: S704 - from charts.py, which escapes
    )
    environment.tests["unreadable"] = lambda run: isinstance(run, UnreadableRun)
    return environment


def _outcome_bar(run: Run) -> Markup:
    parts = history_charts.outcome_parts(run)
    told = "Outcomes: " + (", ".join(title for _, title, rows in parts if rows) or "none")
    return Markup(charts.stacked_bar(parts, told))  # noqa: S704 - the charts escape
