"""The days that are written: their names, the scores manifest and the arguments of the push, by the jobs' own code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from engagement_jobs.arguments import PushArguments, ScoreArguments
from engagement_jobs.manifests import scores_manifest
from engagement_jobs.weights import Weights

DAY = "2026-11-23"
SCORED_AT = f"{DAY}T03:00:00Z"
START = int(datetime.fromisoformat(SCORED_AT).timestamp())
RUN = f"scheduled__{DAY}T03:00:00+00:00"
# As long as those of Glue.
JOB_RUN = f"jr_{hashlib.sha256(DAY.encode()).hexdigest()}"
_BUCKET = "engagement-output"
_KEY = f"activity/dt={DAY}/activity.parquet"
_BINS = 20
_REJECTED_FOR = ("login_count_negative", "time_spent_minutes_nan")
_LEAST_ROW = {"login_count": -3, "items_viewed": 0, "time_spent_minutes": "NaN", "cart_additions": 0}


def before(days: int) -> str:
    """The date so many days before DAY."""
    return (date.fromisoformat(DAY) - timedelta(days)).isoformat()


def scores(day: str, users: int, files: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """The scores manifest of a date: one row in a thousand rejected, all bins alike."""
    reasons = dict.fromkeys(_REJECTED_FOR, users // 2000)
    read = users + sum(reasons.values())
    bins = [users // _BINS] * _BINS
    bins[0] += users - sum(bins)
    return scores_manifest(
        ScoreArguments(JOB_RUN, day, SCORED_AT, RUN, f"s3://in/{_KEY}", {_KEY: "0" * 32}, _BUCKET, "default", 0.05),
        read={_KEY: read},
        rows={"input": read, "scored": users, "rejected": read - users, "collapsed": 0},
        reasons=reasons,
        samples={reason: [_LEAST_ROW, _LEAST_ROW] for reason in _REJECTED_FOR},
        histogram=bins,
        files=files,
        sha256=hashlib.sha256(day.encode()).hexdigest(),
        weights=Weights.default(),
    )


def push_arguments(day: str, rate: float, tasks: int) -> PushArguments:
    """Arguments of job 2, as by default but for the rate and the number of tasks."""
    return PushArguments(
        job_run_id=JOB_RUN,
        score_date=day,
        run_id=RUN,
        output_bucket=_BUCKET,
        base_url="https://crm.example.com",
        secret_id="crm-token",  # noqa: S106 - its name, not its value
        push_mode="all",
        force=False,
        limit=None,
        max_requests_per_second=rate,
        push_tasks=tasks,
        max_concurrency=64,
        max_attempts=5,
        request_timeout_seconds=30,
        deadline_seconds=9000,
        give_up_after_seconds=600,
        max_failed_fraction=0.01,
        allow_http=False,
    )
