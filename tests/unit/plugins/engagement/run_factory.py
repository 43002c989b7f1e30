"""What a run leaves behind, made small: manifests, aggregates and Glue runs that agree with each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from engagement import layout, summary, verdict
from engagement.evidence import Document, Evidence
from engagement.glue_runs import GlueRun, GlueRuns

RUN_ID = "scheduled__2026-11-23T03:00:00+00:00"
DATE = "2026-11-23"
DAG_ID = "customer_engagement_scoring"
SCORE_JOB, PUSH_JOB = "engagement-score-users", "engagement-push-scores"
TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores")
FIRST, LAST = "jr_first", "jr_last"
SETTLED = {
    "delivered": 970,
    "rejected": 5,
    "unknown": 1,
    "deferred": 2,
    "superseded": 10,
    "unchanged": 12,
    "planned": 0,
}
ERRORS: list[dict[str, Any]] = [
    {"outcome": "rejected", "reason": "http_422", "http_status": 422, "detail": "about:blank", "count": 5},
    {"outcome": "deferred", "reason": "http_503", "http_status": 503, "detail": "", "count": 2},
    {"outcome": "unknown", "reason": "timeout", "http_status": None, "detail": "", "count": 1},
]


def scores_manifest(**changes: Any) -> dict[str, Any]:
    """1,000 scored rows of an input of 1,020."""
    return {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": "jr_score",
        "score_date": DATE,
        "scored_at": "2026-11-23T03:00:00Z",
        "input": [{"key": f"activity/dt={DATE}/activity.parquet", "etag": "e1", "rows": 1020}],
        "rows": {"input": 1020, "scored": 1000, "rejected": 15, "collapsed": 5},
        "reasons": {"null_user_id": 5, "negative_login_count": 10},
        "samples": {"negative_login_count": [{"login_count": -1, "items_viewed": 3}]},
        "files": [{"name": "part-00000.csv", "bytes": 41000}],
        "sha256": "5c" * 32,
        "weights": {"version": "2026-01", "sha256": "77" * 32},
        "histogram": [50] * 20,
        **changes,
    }


def delivery_manifest(**changes: Any) -> dict[str, Any]:
    """The second attempt's manifest."""
    return {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": LAST,
        "score_date": DATE,
        "mode": "all",
        "force": False,
        "scores_sha256": "5c" * 32,
        "rows": 1000,
        "outcomes": dict(SETTLED),
        "stopped": None,
        "not_before": None,
        "posts": 490,
        "retries": 12,
        "status_codes": {"200": 480, "422": 5, "503": 4},
        "errors": deepcopy(ERRORS),
        "attempts": [FIRST, LAST],
        **changes,
    }


def aggregate(job_run_id: str, task: str, outcomes: Mapping[str, int], **changes: Any) -> dict[str, Any]:
    """One task's aggregate, nothing sent unless said."""
    return {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": job_run_id,
        "task": task,
        "started_at": "2026-11-23T03:10:00Z",
        "rows": sum(outcomes.values()),
        "outcomes": dict(outcomes),
        "posts": 0,
        "retries": 0,
        "status_codes": {},
        "latency": {},
        "errors": [],
        "seconds": {"first": 0, "posts": []},
        **changes,
    }


def first_attempt() -> list[dict[str, Any]]:
    """An attempt that was killed halfway; it delivered 500."""
    return [
        aggregate(
            FIRST,
            "0",
            {"delivered": 500},
            posts=510,
            retries=10,
            status_codes={"200": 500, "429": 10},
            latency={"80": 400, "90": 110},
            seconds={"first": 1795402800, "posts": [50, 460]},
        )
    ]


def last_attempt() -> list[dict[str, Any]]:
    """The attempt that agrees with `delivery_manifest`."""
    return [
        aggregate(LAST, "plan", {"delivered": 500, "superseded": 10, "unchanged": 12}),
        aggregate(
            LAST,
            "0",
            {"delivered": 470, "rejected": 5, "unknown": 1, "deferred": 2},
            posts=490,
            retries=12,
            status_codes={"200": 480, "422": 5, "503": 4},
            latency={"80": 480, "120": 9},
            errors=deepcopy(ERRORS),
            seconds={"first": 1795403500, "posts": [490]},
        ),
    ]


def glue_run(job: str, run_id: str, **changes: Any) -> GlueRun:
    """A run of 120 s on two workers G.1X."""
    values: dict[str, Any] = {
        "job": job,
        "id": run_id,
        "state": "SUCCEEDED",
        "seconds": 120,
        "dpu_seconds": 240.0,
        "error": "",
        "started_at": "2026-11-23T03:01:00Z",
    }
    return GlueRun(**values | changes)


def evidence(**changes: Any) -> Evidence:
    """A run that is a success: killed once, then finished."""
    score = glue_run(SCORE_JOB, "jr_score")
    killed = glue_run(PUSH_JOB, FIRST, state="FAILED", error="worker lost", started_at="2026-11-23T03:05:00Z")
    push = glue_run(PUSH_JOB, LAST, started_at="2026-11-23T03:16:00Z")
    values: dict[str, Any] = {
        "dag_id": DAG_ID,
        "run_id": RUN_ID,
        "score_date": DATE,
        "mode": "all",
        "tasks": dict.fromkeys(TASKS, "success"),
        "glue": GlueRuns((score, killed, push)),
        "glue_of": {"score_users": score, "push_scores": push},
        "scores": Document(layout.scores_manifest(DATE), scores_manifest()),
        "delivery": Document(layout.delivery_manifest(DATE, RUN_ID, dry_run=False), delivery_manifest()),
        "aggregates": {FIRST: first_attempt(), LAST: last_attempt()},
        "broken_aggregates": (),
        "checked": {"scored": 1000, "rejected": 15, "warnings": ["fewer than usual"], "checks": ["rows add up"]},
    }
    return Evidence(**values | changes)


def objects(
    scores: Mapping[str, Any] | None,
    delivery: Mapping[str, Any] | None,
    aggregates: Iterable[Mapping[str, Any]],
    *,
    dry_run: bool = False,
) -> dict[str, bytes]:
    """The objects of a run by key."""
    found = {}
    if scores is not None:
        found[layout.scores_manifest(DATE)] = json.dumps(scores).encode()
    if delivery is not None:
        found[layout.delivery_manifest(DATE, RUN_ID, dry_run=dry_run)] = json.dumps(delivery).encode()
    for body in aggregates:
        folder = layout.attempt_prefix(DATE, RUN_ID, body["job_run_id"], dry_run=dry_run)
        found[f"{folder}agg-{body['task']}.json"] = json.dumps(body).encode()
    return found


def started(minute: int) -> datetime:
    """A moment of the run's night."""
    return datetime(2026, 11, 23, 3, minute, tzinfo=UTC)


def whole_summary(found: Evidence, limit: float = 0.01) -> dict[str, Any]:
    """The summary of that evidence; unchanged, it is of a run that did not reach 8 of 1,000."""
    return summary.build(
        found,
        verdict.findings(found, limit),
        max_failed_fraction=limit,
        dpu_hour_usd=0.44,
        mode_reason="",
        report_key="summaries/x.html",
        report_url="https://reports.example/x.html",
    )


def without_extract(**changes: Any) -> Evidence:
    """A run whose extract never came: no task after the wait, no manifest, no Glue run."""
    missing = Document("key", code="missing", detail="there is none")
    tasks = dict.fromkeys(TASKS, "upstream_failed") | {"wait_for_activity": "failed"}
    nothing = {"checked": None, "tasks": tasks, "scores": missing, "delivery": missing, "aggregates": {}, "glue_of": {}}
    return evidence(**{**nothing, "glue": GlueRuns(()), **changes})
