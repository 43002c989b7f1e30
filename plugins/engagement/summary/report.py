"""The report of one run: a single HTML file that loads nothing and runs no script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engagement.contract.outcomes import bound
from engagement.contract.summary import Series, Summary
from engagement.summary import number_formats, svg_charts
from engagement.summary.number_formats import milliseconds, number, share

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "report.html.j2"
STYLE = "report.css"

OUTCOME_MEANINGS = {
    "delivered": "The CRM has the score.",
    "rejected": "The CRM refused the score. Sending it again does not help.",
    "unknown": "The CRM may have the score; no clear response arrived. Sending it again is safe.",
    "deferred": "The CRM does not have the score. The next attempt sends it.",
    "superseded": "Not sent: the CRM has the score of a later date.",
    "unchanged": "Not sent: the CRM has the same score already.",
    "planned": "Not sent: a dry run, or above the limit of the run.",
    "unaccounted": "No outcome was recorded. The next attempt sends these users.",
}
"""Outcomes in display order, and what they mean."""
CSS_CLASSES = {"planned": "planned-rows"}
"""CSS classes of outcomes that differ from the outcome's name: `planned` marks the page of a dry run."""


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One outcome in the table and in the chart.

    :param css_class: selects its color
    :param bound: words before the number of users
    :param rows: number of users
    """

    name: str
    css_class: str
    bound: str
    rows: int
    meaning: str


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One column of a chart, and the same as a line of its table.

    :param text: the value as shown
    :param baseline: the value to compare with; None without one
    """

    label: str
    text: str
    value: float
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """A chart and its table.

    :param top: the highest value
    """

    svg: Markup
    rows: Sequence[ChartRow]
    top: float


def template_environment(folder: Path, **filters: Callable[..., Any]) -> Environment:
    """Return the Jinja environment of a folder, with filters that format numbers.

    :param filters: additional filters by name
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        share=share,
        milliseconds=milliseconds,
        duration=number_formats.duration,
        usd=number_formats.usd,
        limit=number_formats.limit,
        **filters,
    )
    return environment


def csp_hash(text: str) -> str:
    """Return the Content-Security-Policy source that allows exactly this style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render(summary: Summary, timezone: str = "UTC") -> str:
    """Return the report of a run as HTML.

    :param summary: the full one, not the compact one from XCom
    :param timezone: IANA name of the timezone for displayed times
    :raises zoneinfo.ZoneInfoNotFoundError: the timezone does not exist
    """
    zone = ZoneInfo(timezone)
    style = (TEMPLATES / STYLE).read_text(encoding="utf-8")
    outcomes = _outcome_rows(summary)
    scores = summary.scores
    # Markup is safe here: the style sheet is ours, and svg_charts.py escapes all texts.
    return (
        template_environment(TEMPLATES, when=lambda moment: _local_time(moment, zone))
        .get_template(TEMPLATE)
        .render(
            s=summary,
            outcomes=outcomes,
            reasons=summary.main_reasons,
            style=Markup(style),  # noqa: S704
            style_source=csp_hash(style),
            timezone=timezone,
            bar=lambda value, total, name="accent": Markup(svg_charts.share_bar(value, total, name)),  # noqa: S704
            outcome_chart=_outcome_chart(outcomes, summary.rows),
            latency=_column_chart(_latency_rows(summary), "Responses by latency"),
            scores=_column_chart(_score_rows(summary), _score_chart_title(summary)),
            recent=scores.recent if scores else None,
            rate=_column_chart(_rate_rows(summary.throughput.series, zone), "Requests per second over time"),
        )
    )


def _outcome_rows(summary: Summary) -> list[OutcomeRow]:
    counts = {**summary.outcomes.by_name(), "unaccounted": summary.unaccounted}
    exact = summary.counts_complete
    return [
        OutcomeRow(name, CSS_CLASSES.get(name, name), bound(name, complete=exact), counts[name], meaning)
        for name, meaning in OUTCOME_MEANINGS.items()
        if name != "unaccounted" or counts[name]
    ]


def _outcome_chart(outcomes: Sequence[OutcomeRow], total: int) -> Markup:
    parts = [
        (row.css_class, f"{row.name}: {row.bound}{number(row.rows)} ({share(row.rows, total)})", row.rows)
        for row in outcomes
    ]
    alternative = "Outcomes: " + ", ".join(title for _, title, rows in parts if rows)
    return Markup(svg_charts.stacked_bar(parts, alternative))  # noqa: S704


def _latency_rows(summary: Summary) -> list[ChartRow]:
    return [
        ChartRow(f"{milliseconds(low)} to {milliseconds(high)}", number(n), n)
        for low, high, n in summary.latency_ms.bars
    ]


def _score_rows(summary: Summary) -> list[ChartRow]:
    if summary.scores is None:
        return []
    bins, recent = summary.scores.histogram, summary.scores.recent
    rows = []
    for index, n in enumerate(bins):
        baseline = round(recent.histogram[index] * sum(bins)) if recent else None
        rows.append(ChartRow(f"{index * 5} to {index * 5 + 5} points", number(n), n, baseline))
    return rows


def _score_chart_title(summary: Summary) -> str:
    if summary.scores and summary.scores.recent:
        return "Users by score, on this date and on recent dates"
    return "Users by score"


def _rate_rows(series: Series | None, zone: ZoneInfo) -> list[ChartRow]:
    if series is None:
        return []
    rows = []
    for index, posts in enumerate(series.posts):
        moment = datetime.fromtimestamp(series.start + index * series.step, zone)
        per_second = posts / series.step
        rows.append(ChartRow(f"{moment:%H:%M:%S}", f"{per_second:,.1f}", per_second))
    return rows


def _column_chart(rows: Sequence[ChartRow], alternative: str) -> ColumnChart:
    bars = [(f"{row.label}: {row.text}", row.value) for row in rows]
    baseline = [
        (f"{row.label}: recently {number(row.baseline)}", row.baseline) for row in rows if row.baseline is not None
    ]
    svg = svg_charts.columns(bars, "accent", alternative, baseline)
    top = max((value for _, value in [*bars, *baseline]), default=0)
    return ColumnChart(Markup(svg), rows, top)  # noqa: S704


def _local_time(moment: str, zone: ZoneInfo) -> str:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment or number_formats.NOTHING
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return f"{aware.astimezone(zone):%Y-%m-%d %H:%M:%S}"
