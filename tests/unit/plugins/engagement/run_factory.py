"""Small artifacts of a run: manifests, aggregates and Glue runs that are consistent with each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from engagement.aws.glue_runs import GlueRuns
from engagement.contract import s3_keys
from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.strict_model import StrictModel, parse
from engagement.contract.summary import Checks, GlueRun, Summary
from engagement.summary import builder, findings
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts

RUN_ID = "scheduled__2026-11-23T03:00:00+00:00"
DATE = "2026-11-23"
DAG_ID = "customer_engagement_scoring"
SCORE_JOB, PUSH_JOB = "engagement-score-users", "engagement-push-scores"
TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores")
FIRST, LAST = "jr_first", "jr_last"
MISSING: LoadedManifest[Any] = LoadedManifest("key", code="missing", detail="it does not exist")
SETTLED = {
    "delivered": 970,
    "rejected": 5,
    "unknown": 1,
    "deferred": 2,
    "superseded": 10,
    "unchanged": 12,
    "planned": 0,
}
ERRORS = (
    ErrorGroup(outcome="rejected", reason="http_422", http_status=422, detail="about:blank", count=5),
    ErrorGroup(outcome="deferred", reason="http_503", http_status=503, detail="", count=2),
    ErrorGroup(outcome="unknown", reason="timeout", http_status=None, detail="", count=1),
)
SETTINGS = {
    "activity_bucket": "activity-bucket",
    "output_bucket": "output-bucket",
    "base_url": "https://crm.example.com",
    "credential_id": "engagement/crm",
}
"""The settings that have no default."""
CHECKS = Checks(warnings=("fewer than usual",), passed=("rows add up",))

Model = TypeVar("Model", bound=StrictModel)


def of_json(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return the document with these values, read from JSON."""
    return parse(model, json.dumps(values, default=StrictModel.model_dump))


def changed(document: StrictModel, **changes: Any) -> bytes:
    """Return a document as JSON, with changes that may make it invalid. A change to `...` removes the key."""
    values = document.model_dump(mode="json") | changes
    kept = {name: value for name, value in values.items() if value is not ...}
    return json.dumps(kept, default=StrictModel.model_dump).encode()


def scores_manifest(**changes: Any) -> ScoresManifest:
    """Return a manifest with 1,000 scored rows of 1,020 input rows."""
    values = {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": "jr_score",
        "score_date": DATE,
        "scored_at": "2026-11-23T03:00:00Z",
        "input": [{"key": f"activity/dt={DATE}/activity.parquet", "etag": "e1", "rows": 1020}],
        "rows": {"input": 1020, "scored": 1000, "invalid": 15, "deduplicated": 5},
        "reasons": {"null_user_id": 5, "negative_login_count": 10},
        "samples": {"negative_login_count": [{"login_count": -1, "items_viewed": 3}]},
        "files": [{"name": "part-00000.csv", "bytes": 41000}],
        "sha256": "5c" * 32,
        "weights": {"version": "2026-01", "sha256": "77" * 32},
        "histogram": [50] * 20,
    }
    return of_json(ScoresManifest, values | changes)


def day_of_scores(
    scored: int = 1000, invalid: int = 2, shape: Sequence[int] = (1,) * 20, **changes: Any
) -> ScoresManifest:
    """Return a manifest with this many rows and a histogram in the proportions of `shape`."""
    histogram = [scored * part // sum(shape) for part in shape]
    histogram[0] += scored - sum(histogram)
    values = {
        "input": [{"key": "activity.parquet", "etag": "e1", "rows": scored + invalid}],
        "rows": {"input": scored + invalid, "scored": scored, "invalid": invalid, "deduplicated": 0},
        "reasons": {"user_id_null": invalid},
        "samples": {},
        "histogram": histogram,
    }
    return scores_manifest(**values | changes)


def delivery_manifest(**changes: Any) -> DeliveryManifest:
    """Return the manifest of the second attempt."""
    values = {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": LAST,
        "score_date": DATE,
        "mode": "all",
        "resend_delivered": False,
        "scores_sha256": "5c" * 32,
        "crm_version": "2026-12-01",
        "crm_sha256": "c7" * 32,
        "warnings": [],
        "rows": 1000,
        "outcomes": SETTLED,
        "stopped": None,
        "not_before": None,
        "retry_after_ignored": None,
        "posts": 490,
        "retries": 12,
        "status_codes": {"200": 480, "422": 5, "503": 4},
        "errors": ERRORS,
        "attempts": [FIRST, LAST],
    }
    return of_json(DeliveryManifest, values | changes)


def dry_run_manifest(**changes: Any) -> DeliveryManifest:
    """Return the manifest of a dry run that planned 1,000 rows."""
    planned = dict.fromkeys(SETTLED, 0) | {"planned": 1000}
    values = {"job_run_id": "jr_dry", "attempts": ["jr_dry"], "mode": "dry_run", "outcomes": planned, "errors": []}
    return delivery_manifest(**values | changes)


def aggregate(job_run_id: str, task: str, outcomes: Mapping[str, int], **changes: Any) -> Aggregate:
    """Return the aggregate of one task, by default without requests."""
    values = {
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
    }
    return of_json(Aggregate, values | changes)


def first_attempt() -> list[Aggregate]:
    """Return the aggregates of an attempt that delivered 500 rows and was then killed."""
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


def last_attempt() -> list[Aggregate]:
    """Return the aggregates of the attempt that `delivery_manifest` describes."""
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
            errors=ERRORS,
            seconds={"first": 1795403500, "posts": [490]},
        ),
    ]


def glue_run(job: str, run_id: str, **changes: Any) -> GlueRun:
    """Return a run of 120 s on two G.1X workers."""
    values: dict[str, Any] = {
        "job": job,
        "id": run_id,
        "state": "SUCCEEDED",
        "seconds": 120,
        "dpu_seconds": 240.0,
        "cost_usd": None,
        "error": "",
        "started_at": "2026-11-23T03:01:00Z",
    }
    return GlueRun(**values | changes)


def described_by_glue(job: str, run_id: str, of: str = RUN_ID, **changes: Any) -> dict[str, Any]:
    """Return a run of 90 s on two G.1X workers in the form of GetJobRuns.

    :param of: id of the DAG run
    """
    return {
        "Id": run_id,
        "JobName": job,
        "JobRunState": "SUCCEEDED",
        "Arguments": {"--run_id": of},
        "ExecutionTime": 90,
        "MaxCapacity": 2.0,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "StartedOn": started(5),
        **changes,
    }


def artifacts(**changes: Any) -> RunArtifacts:
    """Return the artifacts of a successful run with two attempts, the first of which was killed."""
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
        "latest_glue_runs": {"score_users": score, "push_scores": push},
        "scores": LoadedManifest(s3_keys.scores_manifest_key(DATE), scores_manifest()),
        "delivery": LoadedManifest(s3_keys.delivery_manifest_key(DATE, RUN_ID, dry_run=False), delivery_manifest()),
        "aggregates": {FIRST: first_attempt(), LAST: last_attempt()},
        "broken_aggregates": (),
        "checks": CHECKS,
    }
    return RunArtifacts(**values | changes)


def objects(
    scores: ScoresManifest | None,
    delivery: DeliveryManifest | None,
    aggregates: Iterable[Aggregate],
    *,
    dry_run: bool = False,
) -> dict[str, bytes]:
    """Return the S3 objects of a run by key."""
    found = {}
    if scores is not None:
        found[s3_keys.scores_manifest_key(DATE)] = changed(scores)
    if delivery is not None:
        found[s3_keys.delivery_manifest_key(DATE, RUN_ID, dry_run=dry_run)] = changed(delivery)
    for body in aggregates:
        folder = s3_keys.attempt_prefix(DATE, RUN_ID, body.job_run_id, dry_run=dry_run)
        found[f"{folder}agg-{body.task}.json"] = changed(body)
    return found


def started(minute: int) -> datetime:
    """Return a time after the start of the run."""
    return datetime(2026, 11, 23, 3, minute, tzinfo=UTC)


def full_summary(found: RunArtifacts, limit: float = 0.01, **changes: Any) -> Summary:
    """Return the summary of a run. The run of `artifacts` did not reach 8 of 1,000 users."""
    built = builder.build_summary(
        found,
        findings.evaluate_run(found, limit),
        max_failed_fraction=limit,
        dpu_hour_usd=0.44,
        mode_reason="",
        report_key="summaries/x.html",
        report_url="https://reports.example/x.html",
    )
    return built.model_copy(update=changes)


def without_extract(**changes: Any) -> RunArtifacts:
    """Return the artifacts of a run without an extract: no later task, no manifest, no Glue run."""
    tasks = dict.fromkeys(TASKS, "upstream_failed") | {"wait_for_activity": "failed"}
    nothing = {
        "checks": None,
        "tasks": tasks,
        "scores": MISSING,
        "delivery": MISSING,
        "aggregates": {},
        "latest_glue_runs": {},
    }
    return artifacts(**{**nothing, "glue": GlueRuns(()), **changes})
