"""How the days compare: one column a day, from the day's latest run that was no dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from engagement.summary import charts, report
from engagement.ui.run_entry import Run, UnreadableRun


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart and the words beside it.

    :param svg: markup, escaped
    :param top: what the highest column stands for
    """

    title: str
    note: str
    svg: str
    top: str


@dataclass(frozen=True, slots=True)
class Charts:
    """All charts, over the same days.

    :param used: outcomes that occur, for the legend, as (class, name)
    """

    first: str
    last: str
    used: Sequence[tuple[str, str]]
    drawn: Sequence[Chart]


def outcome_parts(run: Run) -> list[tuple[str, str, int]]:
    """Class, title and rows of each outcome of a run."""
    return [
        (
            report.CLASSES.get(name, name),
            f"{name}: {report.number(rows)} ({report.share(rows, run.summary.rows)})",
            rows,
        )
        for name, rows in run.outcomes.items()
    ]


def over_time(runs: Sequence[Run | UnreadableRun]) -> Charts | None:
    """Draw the days from the first to the last that has a run; None without any."""
    latest = _latest(runs)
    if not latest:
        return None
    days = _days(min(latest), max(latest))
    used = [name for name in report.MEANINGS if any(run.outcomes[name] for run in latest.values())]
    return Charts(
        days[0],
        days[-1],
        [(report.CLASSES.get(name, name), name) for name in used],
        [
            _outcomes(latest, days),
            _values(
                latest, days, "Not reached", "customers", "rejected", lambda r: r.summary.not_reached, report.number
            ),
            _values(latest, days, "Latency, 95 %", "of requests", "accent", lambda r: r.p95_ms, report.milliseconds),
            _values(latest, days, "Estimated cost", "of Glue runs", "accent", lambda r: r.summary.cost_usd, report.usd),
        ],
    )


def _latest(runs: Sequence[Run | UnreadableRun]) -> Mapping[str, Run]:
    latest: dict[str, Run] = {}
    for run in runs:
        if isinstance(run, Run) and not run.is_dry_run:
            known = latest.get(run.score_date)
            if known is None or run.written > known.written:
                latest[run.score_date] = run
    return latest


def _days(first: str, last: str) -> list[str]:
    start = date.fromisoformat(first)
    return [(start + timedelta(days=n)).isoformat() for n in range((date.fromisoformat(last) - start).days + 1)]


def _outcomes(latest: Mapping[str, Run], days: Sequence[str]) -> Chart:
    bars = [
        [(name, f"{day}, {title}", float(rows)) for name, title, rows in outcome_parts(latest[day])]
        if day in latest
        else []
        for day in days
    ]
    top = max(sum(rows for _, _, rows in parts) for parts in bars)
    told = f"Rows by outcome for each day, at most {report.number(top)}"
    return Chart("Rows by outcome", "scored customers", charts.stacked_columns(bars, told), report.number(top))


def _values(
    latest: Mapping[str, Run],
    days: Sequence[str],
    title: str,
    note: str,
    name: str,
    value: Callable[[Run], float | None],
    told: Callable[[float | None], str],
) -> Chart:
    found = [value(latest[day]) if day in latest else None for day in days]
    top = max((v for v in found if v is not None), default=None)
    bars = [(f"{day}: {told(v)}", v or 0) for day, v in zip(days, found, strict=True)]
    alternative = f"{title} for each day, at most {told(top)}"
    return Chart(title, note, charts.columns(bars, name, alternative), told(top))
