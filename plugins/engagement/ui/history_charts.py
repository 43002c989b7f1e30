"""Charts over time: one column for each date, taken from the date's latest run that was not a dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from engagement.contract.outcomes import bound
from engagement.summary import report, svg_charts
from engagement.summary.number_formats import milliseconds, number, share, usd
from engagement.ui.run_entry import Run, UnreadableRun


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart and its labels.

    :param svg: escaped markup
    :param top: the value of the highest column, as shown
    """

    title: str
    note: str
    svg: str
    top: str


@dataclass(frozen=True, slots=True)
class HistoryCharts:
    """All charts over the same dates.

    :param first: first date
    :param last: last date
    :param legend: outcomes that occur, as (CSS class, name)
    """

    first: str
    last: str
    legend: Sequence[tuple[str, str]]
    charts: Sequence[Chart]


def outcome_parts(run: Run) -> list[tuple[str, str, int]]:
    """Return CSS class, title and rows of each outcome of a run."""
    total, exact = run.summary.rows, run.summary.counts_complete
    return [
        (
            report.CSS_CLASSES.get(name, name),
            f"{name}: {bound(name, complete=exact)}{number(rows)} ({share(rows, total)})",
            rows,
        )
        for name, rows in run.outcomes.items()
    ]


def draw(runs: Sequence[Run | UnreadableRun]) -> HistoryCharts | None:
    """Draw the dates from the first to the last one that has a run; None without runs."""
    latest = _latest(runs)
    if not latest:
        return None
    dates = _date_range(min(latest), max(latest))
    used = [name for name in report.OUTCOME_MEANINGS if any(run.outcomes[name] for run in latest.values())]
    drawn = [
        _outcomes(latest, dates),
        _not_reached(latest, dates),
        _values(latest, dates, "Latency (p95)", "of requests", lambda run: run.p95_ms, milliseconds),
        _values(latest, dates, "Estimated cost", "of Glue runs", lambda run: run.summary.cost_usd, usd),
    ]
    legend = [(report.CSS_CLASSES.get(name, name), name) for name in used]
    return HistoryCharts(dates[0], dates[-1], legend, drawn)


def _latest(runs: Sequence[Run | UnreadableRun]) -> Mapping[str, Run]:
    latest: dict[str, Run] = {}
    for run in runs:
        if isinstance(run, Run) and not run.is_dry_run:
            known = latest.get(run.score_date)
            if known is None or run.written > known.written:
                latest[run.score_date] = run
    return latest


def _date_range(first: str, last: str) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=n)).isoformat() for n in range((date.fromisoformat(last) - start).days + 1)]


def _outcomes(latest: Mapping[str, Run], dates: Sequence[str]) -> Chart:
    bars: list[list[tuple[str, str, float]]] = []
    for each in dates:
        parts = outcome_parts(latest[each]) if each in latest else []
        bars.append([(css_class, f"{each}, {title}", rows) for css_class, title, rows in parts])
    top = number(max(sum(rows for _, _, rows in parts) for parts in bars))
    alternative = f"Users by outcome for each date, at most {top}"
    return Chart("Users by outcome", "scored users", svg_charts.stacked_columns(bars, alternative), top)


def _not_reached(latest: Mapping[str, Run], dates: Sequence[str]) -> Chart:
    """Return the chart of users not reached. For an incomplete count, the column is the upper limit."""
    bounds = {each: run.not_reached_bound for each, run in latest.items()}
    values = {each: run.summary.not_reached for each, run in latest.items()}
    bars = [(f"{each}: {bounds.get(each, '')}{number(values.get(each))}", values.get(each, 0)) for each in dates]
    top = number(max(values.values()))
    alternative = f"Not reached for each date, at most {top}"
    return Chart("Not reached", "users", svg_charts.columns(bars, "rejected", alternative), top)


def _values(
    latest: Mapping[str, Run],
    dates: Sequence[str],
    title: str,
    note: str,
    value_of: Callable[[Run], float | None],
    format_value: Callable[[float | None], str],
) -> Chart:
    values = [value_of(latest[each]) if each in latest else None for each in dates]
    top = format_value(max((value for value in values if value is not None), default=None))
    bars = [(f"{each}: {format_value(value)}", value or 0) for each, value in zip(dates, values, strict=True)]
    alternative = f"{title} for each date, at most {top}"
    return Chart(title, note, svg_charts.columns(bars, "accent", alternative), top)
