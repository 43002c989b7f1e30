"""The artifacts of one DAG run: both manifests, the aggregates, the Glue runs. Ledger lines are never read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from engagement.aws.glue_runs import GlueRuns
from engagement.aws.s3 import Bucket
from engagement.checks import drift, scores_check
from engagement.contract import s3_keys
from engagement.contract.aggregate import Aggregate
from engagement.contract.arguments import PushMode
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.errors import DocumentError
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.strict_model import parse
from engagement.contract.summary import Checks, GlueRun
from engagement.summary import aggregation

_AGGREGATE_PREFIX = "agg-"

Manifest = TypeVar("Manifest", ScoresManifest, DeliveryManifest)


@dataclass(frozen=True, slots=True)
class LoadedManifest(Generic[Manifest]):
    """A manifest as read from S3.

    :param body: the content; None when it is not usable
    :param code: why it is not usable: `missing`, `broken` or `other_run`; else empty
    :param detail: the reason in words, without a final period
    """

    key: str
    body: Manifest | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunArtifacts:
    """The input of the findings and of the summary.

    :param tasks: state of each earlier task, in execution order
    :param latest_glue_runs: the latest Glue run of each task that starts one
    :param aggregates: this run's aggregates by attempt (Glue job run id), oldest attempt first
    :param broken_aggregates: one sentence for each aggregate that cannot be read
    :param task_errors: error message of each failed task that left one
    :param has_open_users: this is a dry run, and an earlier attempt of the same run left users open
    :param checks: results of check_scores; None unless it succeeded
    :param recent_histograms: score histograms of the latest earlier dates, by date
    """

    dag_id: str
    run_id: str
    score_date: str
    mode: PushMode
    tasks: Mapping[str, str | None]
    glue: GlueRuns
    latest_glue_runs: Mapping[str, GlueRun]
    scores: LoadedManifest[ScoresManifest]
    delivery: LoadedManifest[DeliveryManifest]
    aggregates: Mapping[str, Sequence[Aggregate]] = field(default_factory=dict)
    broken_aggregates: Sequence[str] = ()
    task_errors: Mapping[str, str] = field(default_factory=dict)
    has_open_users: bool = False
    checks: Checks | None = None
    recent_histograms: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def last_attempt(self) -> Sequence[Aggregate]:
        """Aggregates of the attempt that wrote the delivery manifest, or, if there is none, of the newest attempt."""
        if self.delivery.body is not None:
            return self.aggregates.get(self.delivery.body.job_run_id, ())
        return list(self.aggregates.values())[-1] if self.aggregates else ()


def read_scores_manifest(bucket: Bucket, score_date: str, run_id: str) -> LoadedManifest[ScoresManifest]:
    """Read the scores manifest of a date; usable only if this run wrote it."""
    return _read(bucket, s3_keys.scores_manifest_key(score_date), ScoresManifest, score_date, run_id)


def read_delivery_manifest(
    bucket: Bucket, score_date: str, run_id: str, *, dry_run: bool
) -> LoadedManifest[DeliveryManifest]:
    """Read the delivery manifest of a date or of a dry run; usable only if this run wrote it."""
    key = s3_keys.delivery_manifest_key(score_date, run_id, dry_run=dry_run)
    return _read(bucket, key, DeliveryManifest, score_date, run_id)


def _read(bucket: Bucket, key: str, model: type[Manifest], score_date: str, run_id: str) -> LoadedManifest[Manifest]:
    raw = bucket.read(key)
    if raw is None:
        return LoadedManifest(key, code="missing", detail="it does not exist")
    try:
        body = parse(model, raw)
    except DocumentError as error:
        return LoadedManifest(key, code="broken", detail=str(error))
    if (body.run_id, body.score_date) != (run_id, score_date):
        owner = f"run {body.run_id} (date {body.score_date})"
        detail = f"it belongs to {owner}, expected run {run_id} (date {score_date})"
        return LoadedManifest(key, code="other_run", detail=detail)
    return LoadedManifest(key, body)


def read_recent_histograms(bucket: Bucket, score_date: str) -> dict[str, Sequence[int]]:
    """Return the score histograms of earlier dates, by date. At most `drift.RECENT_DAYS` manifests are read."""
    recent = islice(scores_check.read_earlier_manifests(bucket, score_date), drift.RECENT_DAYS)
    return {date: scores.histogram for date, scores in recent if scores and sum(scores.histogram)}


def has_open_users(bucket: Bucket, score_date: str, run_id: str) -> bool:
    """Return whether an attempt of this run left users open; True as well for one without a usable manifest."""
    delivery = read_delivery_manifest(bucket, score_date, run_id, dry_run=False)
    if delivery.body is not None:
        outcomes = delivery.body.outcomes
        return delivery.body.stopped is not None or outcomes.unknown + outcomes.deferred > 0
    attempts, _ = read_aggregates(
        bucket, score_date, run_id, delivery=delivery, glue=GlueRuns(runs=(), stopped=()), dry_run=False
    )
    return bool(attempts)


def read_aggregates(
    bucket: Bucket,
    score_date: str,
    run_id: str,
    *,
    delivery: LoadedManifest[DeliveryManifest],
    glue: GlueRuns,
    dry_run: bool,
) -> tuple[dict[str, list[Aggregate]], list[str]]:
    """Read this run's aggregates.

    The delivery manifest lists the attempts. Without it, all attempts of the date are searched, because a killed
    job leaves aggregates but no manifest.

    :return: the aggregates by attempt, oldest attempt first, and one sentence for each that cannot be read
    """
    if delivery.body is not None:
        attempts = list(delivery.body.attempts)
        # List aggregates only: the ledger of a large night has a million objects in the same folders.
        folders = [s3_keys.attempt_prefix(score_date, run_id, attempt, dry_run=dry_run) for attempt in attempts]
        prefixes = [f"{folder}{_AGGREGATE_PREFIX}" for folder in folders]
    else:
        attempts = [run.id for run in glue.runs]
        prefixes = [s3_keys.delivery_prefix(score_date, run_id, dry_run=dry_run)]
    listed = (entry.key for prefix in dict.fromkeys(prefixes) for entry in bucket.list_objects(prefix))
    keys = [key for key in listed if _is_aggregate(key)]
    by_attempt: dict[str, list[Aggregate]] = {attempt: [] for attempt in attempts}
    broken = []
    for key in keys:
        try:
            aggregate = parse(Aggregate, bucket.read(key) or b"")
        except DocumentError as error:
            broken.append(f"The aggregate {key} cannot be read: {error}")
        else:
            if aggregate.run_id == run_id:
                _append(aggregate, by_attempt.setdefault(aggregate.job_run_id, []))
    return {attempt: aggregates for attempt, aggregates in by_attempt.items() if aggregates}, broken


def _append(aggregate: Aggregate, attempt: list[Aggregate]) -> None:
    """Append an aggregate to those of its attempt; the first one accumulates the requests per second of all.

    The sum is the same, and the separate series of four hundred tasks would take most of this task's memory.
    """
    if attempt:
        seconds = aggregation.add_seconds(attempt[0].seconds, aggregate.seconds)
        attempt[0] = attempt[0].model_copy(update={"seconds": seconds})
        aggregate = aggregate.model_copy(update={"seconds": aggregation.NO_SECONDS})
    attempt.append(aggregate)


def _is_aggregate(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name.startswith(_AGGREGATE_PREFIX) and name.endswith(".json")
