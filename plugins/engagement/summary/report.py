"""The report of one run: a single HTML file that loads nothing, runs nothing and reads well on any screen."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engagement.contract.outcomes import main_reasons
from engagement.contract.summary import Series, Summary
from engagement.summary import charts

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "report.html.j2"
STYLE = "report.css"

MEANINGS = {
    "delivered": "The CRM has the score.",
    "rejected": "The CRM refused this customer for good.",
    "unknown": "A request may have been applied; the CRM's last word is missing. Sending again is safe.",
    "deferred": "Surely not applied. The next attempt sends it.",
    "superseded": "Not sent: the CRM already has the score of a later date.",
    "unchanged": "Not sent: the CRM already has this very score.",
    "planned": "Not sent: a dry run, or beyond the limit.",
    "unaccounted": "No attempt told what became of these.",
}
NOTHING = "\N{EN DASH}"
CLASSES = {"planned": "planned-rows"}  # `planned` alone marks the page of a dry run


def environment(folder: Path, **filters: Callable[..., Any]) -> Environment:
    """The templates of a folder, with filters that tell numbers as a person reads them, and `filters` beside."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number, share=share, milliseconds=milliseconds, duration=duration, usd=usd, limit=limit, **filters
    )
    return made


def policy_source(text: str) -> str:
    """What a Content-Security-Policy calls this very style or script: injected markup cannot even change a colour."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render(summary: Summary, timezone: str = "UTC") -> str:
    """The report of a summary (the whole one, not what XCom carries).

    :param timezone: IANA name of the timezone in which times are told
    :raises zoneinfo.ZoneInfoNotFoundError: no such timezone
    """
    zone = ZoneInfo(timezone)
    style = (TEMPLATES / STYLE).read_text(encoding="utf-8")
    return (
        environment(TEMPLATES, when=lambda t: _when(t, zone))
        .get_template(TEMPLATE)
        .render(
            s=summary,
            outcomes=_outcomes(summary),
            reasons=main_reasons(summary.errors),
            style=Markup(style),  # noqa: S704 - our own file
            style_source=policy_source(style),
            timezone=timezone,
            bar=lambda value, whole, name="accent": Markup(charts.share_bar(value, whole, name)),  # noqa: S704
            **_charts(summary, zone),
        )
    )


def _outcomes(summary: Summary) -> list[dict[str, Any]]:
    counts = {**summary.outcomes.by_name(), "unaccounted": summary.unaccounted}
    shown = [name for name in MEANINGS if name != "unaccounted" or counts[name]]
    return [
        {"name": name, "class": CLASSES.get(name, name), "rows": counts[name], "meaning": MEANINGS[name]}
        for name in shown
    ]


def _charts(summary: Summary, zone: ZoneInfo) -> dict[str, Any]:
    whole = max(summary.rows, 1)
    parts = [
        (o["class"], f"{o['name']}: {number(o['rows'])} ({share(o['rows'], whole)})", o["rows"])
        for o in _outcomes(summary)
    ]
    told = "Outcomes: " + ", ".join(title for _, title, rows in parts if rows)
    latency = [
        (f"{milliseconds(low)} to {milliseconds(high)}", number(n), n) for low, high, n in summary.latency_ms.bars
    ]
    bins = summary.scores.histogram if summary.scores else ()
    scores = [(f"{i * 5} to {i * 5 + 5} points", number(n), n) for i, n in enumerate(bins)]
    recent = summary.scores.recent if summary.scores else None
    usual = [round(portion * sum(bins)) for portion in recent.histogram] if recent else []
    rate = _rate(summary.throughput.series, zone)
    # The charts escape what they are given; see charts.py.
    return {
        "outcome_chart": Markup(charts.stacked_bar(parts, told)),  # noqa: S704
        "latency": _columns(latency, "Answers by latency"),
        "scores": _columns(scores, "Customers by score" + (", today and on recent days" if recent else ""), usual),
        "recent": recent,
        "rate": _columns(rate, "Requests per second over time"),
    }


def _columns(rows: Sequence[tuple[str, str, float]], alternative: str, beside: Sequence[float] = ()) -> dict[str, Any]:
    """A column chart and the rows (label, number as told, number) that it is made of.

    :param beside: what each row is usually, none when that is not known
    """
    bars = [(f"{label}: {told}", value) for label, told, value in rows]
    lines = [(f"{row[0]}: usually {number(value)}", value) for row, value in zip(rows, beside, strict=bool(beside))]
    svg = charts.columns(bars, "accent", alternative, lines)
    top = max([row[2] for row in rows] + list(beside), default=0)
    return {"svg": Markup(svg), "rows": rows, "beside": [number(value) for value in beside], "top": top}  # noqa: S704


def _rate(series: Series | None, zone: ZoneInfo) -> list[tuple[str, str, float]]:
    if series is None:
        return []
    rows = []
    for place, posts in enumerate(series.posts):
        moment = datetime.fromtimestamp(series.start + place * series.step, zone)
        per_second = posts / series.step
        rows.append((f"{moment:%H:%M:%S}", f"{per_second:,.1f}", per_second))
    return rows


def number(value: float | None) -> str:
    """With thousands separators; a dash for None."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def share(value: float, whole: float) -> str:
    """Per cent that never rounds something to nothing, nor nearly all to all."""
    if not whole or not value:
        return "0\N{NO-BREAK SPACE}%"
    percent = value / whole * 100
    told = "100" if value == whole else "< 0.1" if percent < 0.1 else f"{min(percent, 99.9):.1f}"
    return f"{told}\N{NO-BREAK SPACE}%"


def limit(fraction: float) -> str:
    """A setting as per cent, as exactly as it was set."""
    return f"{fraction * 100:.6g}\N{NO-BREAK SPACE}%"


def milliseconds(value: float | None) -> str:
    """Milliseconds, from 10 seconds on seconds; three digits are all that the 5 % buckets can tell."""
    if value is None:
        return NOTHING
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, the first two that count."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def usd(amount: float | None) -> str:
    """US dollars, below ten cents with tenths of a cent."""
    if amount is None:
        return "not known"
    return f"${amount:,.2f}" if amount >= 0.1 or not amount else f"${amount:,.3f}"


def _when(moment: str, zone: ZoneInfo) -> str:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment or NOTHING
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return f"{aware.astimezone(zone):%Y-%m-%d %H:%M:%S}"
