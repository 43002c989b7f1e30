"""What a night takes at 10 thousand to 100 million users: duration, cost, objects, and where each limit breaks.

It combines the speeds and sizes that the other parts measured, the product's documented constants, and assumptions
about AWS.
"""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import page
from benchmarks.page import Target
from benchmarks.results import Figures, Measurement, Part
from benchmarks.scale.night import DPU_HOUR_USD, LIMITS, RESPONSES_DAYS, S3_SECONDS, Limit, Night, Speeds

TITLE = "Scale"
CHART = "Hours by number of users"

_USERS = (10_000, 1_000_000, 10_000_000, 100_000_000)
_LIMITS = (200, 1_000, 5_000)

_TEXT = """\
A model, not a measurement. From the parts above: one push task sends {task_rate:,.0f} requests/s at 50 ms; the scoring
job takes {score_1m:.1f} s for one million rows and {score_10m:.1f} s for ten million; in addition to sending, the push
job takes {push_fixed:.1f} s plus {push_million:.0f} s per million users; a user takes {ledger_line:.0f} bytes in the
ledger, {score_row:.0f} in the scores and {snapshot_row:.0f} in the snapshot. Assumptions: G.1X workers at {dpu_hour}
US$ per DPU-hour that are as fast as this machine, S3 at list prices and {s3_ms:.0f} ms per request, and a CRM that
answers every request on the first attempt.

{table}

*S3* is the requests of a night plus a month of storage for all retained ledgers ({days} days). *Breaks* lists the
limits that such a night exceeds. Users in millions that each limit allows, at {rates} requests/s:

{limits}"""


def measure(run: Measurement) -> None:
    """Calculate all nights from the results of the other parts."""
    calculate(run, Speeds.of(run.results))


def calculate(run: Measurement, speeds: Speeds) -> None:
    """Calculate all nights from given speeds."""
    for name, value in asdict(speeds).items():
        run.figures.setdefault("speeds", {})[name] = {"value": [value]}
    for limit in _LIMITS:
        for users in _USERS:
            night = Night(speeds, users, limit)
            run.add(f"{limit:,} requests/s", f"{users:,}", hours=night.seconds / 3600, usd=night.glue_usd)


def targets(figures: Figures) -> list[Target]:  # noqa: ARG001 - all parts have this signature
    """Return no targets: this part is a model."""
    return []


def text(part: Part) -> str:
    """Return the table of nights and the limits."""
    speeds = Speeds(**{name: found["value"][0] for name, found in part.figures["speeds"].items()})
    head = ("users", "requests/s", "scoring", "push", "Glue, US$", "ledger objects", "stored", "S3, US$", "breaks")
    return _TEXT.format(
        **asdict(speeds),
        push_million=speeds.push_user * 1e6,
        dpu_hour=DPU_HOUR_USD,
        s3_ms=S3_SECONDS * 1000,
        days=RESPONSES_DAYS,
        rates=", ".join(f"{rate:,}" for rate in _LIMITS),
        table=page.table(head, [_row(Night(speeds, users, limit)) for users in _USERS for limit in _LIMITS]),
        limits="\n".join(_most(limit, speeds) for limit in LIMITS),
    )


def _row(night: Night) -> tuple[str, ...]:
    return (
        f"{night.users:,}",
        f"{night.limit:,}",
        span(night.score_seconds),
        span(night.push_seconds),
        f"{night.glue_usd:,.2f}",
        f"{night.objects:,}",
        f"{night.stored_bytes / 1e9:,.2f} GB",
        f"{night.s3_usd:,.2f} + {night.ledgers_month_usd:,.2f}",
        ", ".join(limit.name for limit in LIMITS if not limit.allows(night)),
    )


def _most(limit: Limit, speeds: Speeds) -> str:
    most = ", ".join(f"{limit.most_users(speeds, rate) / 1e6:,.1f}" for rate in _LIMITS)
    return f"- {limit.name}: {most}; beyond it, {limit.beyond}."


def span(seconds: float) -> str:
    """Format a duration in two or three digits."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
