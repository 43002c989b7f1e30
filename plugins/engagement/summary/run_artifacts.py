"""The artifacts of one DAG run: both manifests, the aggregates, the Glue runs.

Ledger lines are read only if the push job was killed, and only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from engagement.contract.strict_model import StrictModel, parse
from engagement.contract.summary import Checks, GlueRun
from engagement.summary import aggregation, ledger_counts

REST = "rest"
"""Name of the aggregate with what the tasks of an attempt have not counted."""
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


class _EarlierSummary(StrictModel, extra="ignore"):
    """What an earlier try of the task wrote into the summary of this run."""

    stopped_glue_runs: tuple[str, ...]


def add_earlier_stops(bucket: Bucket, summary_key: str, glue: GlueRuns) -> GlueRuns:
    """Return the Glue runs with those that an earlier try of the task stopped.

    :param summary_key: key of the summary of this run
    """
    if not any(run.state == "STOPPED" and run.id not in glue.stopped for run in glue.runs):
        return glue
    try:
        earlier = parse(_EarlierSummary, bucket.read(summary_key) or b"").stopped_glue_runs
    except DocumentError:  # there is none, or it is from another release
        return glue
    return replace(glue, stopped=tuple(dict.fromkeys((*earlier, *glue.stopped))))


def read_recent_histograms(bucket: Bucket, score_date: str) -> dict[str, Sequence[int]]:
    """Return the score histograms of earlier dates, by date. At most `drift.RECENT_DAYS` manifests are read."""
    recent = islice(scores_check.read_earlier_manifests(bucket, score_date), drift.RECENT_DAYS)
    return {date: scores.histogram for date, scores in recent if scores and sum(scores.histogram)}


def has_open_users(bucket: Bucket, score_date: str, run_id: str) -> bool:
    """Return whether an attempt of this run left users open; True as well for one without a usable manifest."""
    delivery = read_delivery_manifest(bucket, score_date, run_id, dry_run=False)
    if delivery.body is not None:
        return delivery.body.stopped is not None or delivery.body.outcomes.open > 0
    folders = _attempt_folders(bucket, score_date, run_id, delivery, dry_run=False)
    return any(_read_attempt(bucket, folder, run_id, broken=[]) for folder in folders)


def read_aggregates(
    bucket: Bucket,
    score_date: str,
    run_id: str,
    *,
    delivery: LoadedManifest[DeliveryManifest],
    dry_run: bool,
) -> tuple[dict[str, list[Aggregate]], list[str]]:
    """Read this run's aggregates.

    The delivery manifest lists the attempts. Without it, all attempts of the date are searched, because a killed job
    leaves aggregates but no manifest. What its tasks left in the ledger alone is then counted.

    :return: the aggregates by attempt, oldest attempt first, and one sentence for each object that cannot be read
    """
    attempts: list[list[Aggregate]] = []
    broken: list[str] = []
    for folder in _attempt_folders(bucket, score_date, run_id, delivery, dry_run=dry_run):
        by_task = _read_attempt(bucket, folder, run_id, broken)
        # The next attempt counts the ledger of a killed one into the aggregate `rest`.
        if by_task and delivery.body is None and not dry_run and REST not in by_task:
            ledger, faults = ledger_counts.count_ledger(bucket, folder, by_task)
            broken += faults
            if ledger:
                _add(ledger, by_task)
        if by_task:
            attempts.append(list(by_task.values()))
    if delivery.body is None:
        attempts.sort(key=lambda aggregates: (aggregates[0].started_at, aggregates[0].job_run_id))
    return {aggregates[0].job_run_id: aggregates for aggregates in attempts}, broken


def _attempt_folders(
    bucket: Bucket, score_date: str, run_id: str, delivery: LoadedManifest[DeliveryManifest], *, dry_run: bool
) -> Iterable[str]:
    if delivery.body is not None:
        attempts = delivery.body.attempts
        folders = (s3_keys.attempt_prefix(score_date, run_id, attempt, dry_run=dry_run) for attempt in attempts)
        return dict.fromkeys(folders)
    folder = s3_keys.delivery_prefix(score_date, run_id, dry_run=dry_run)
    return [folder] if dry_run else bucket.list_folders(folder)


def _read_attempt(bucket: Bucket, folder: str, run_id: str, broken: list[str]) -> dict[str, Aggregate]:
    """Return the aggregates of an attempt by task; empty if it belongs to another run.

    :param broken: gets one sentence for each aggregate that cannot be read
    """
    by_task: dict[str, Aggregate] = {}
    # List aggregates only: the ledger of a large night has a million objects in the same folders.
    for entry in bucket.list_objects(f"{folder}{_AGGREGATE_PREFIX}"):
        if not entry.key.endswith(".json"):
            continue
        try:
            aggregate = parse(Aggregate, bucket.read(entry.key) or b"")
        except DocumentError as error:
            broken.append(f"The aggregate {entry.key} cannot be read: {error}")
            continue
        if aggregate.run_id == run_id:
            _add(aggregate, by_task)
    return by_task


def _add(aggregate: Aggregate, by_task: dict[str, Aggregate]) -> None:
    """Add an aggregate to those of its attempt; the first one accumulates the requests per second of all.

    The sum is the same, and the separate series of four hundred tasks would take most of this task's memory.
    """
    if by_task:
        task, first = next(iter(by_task.items()))
        seconds = aggregation.add_seconds(first.seconds, aggregate.seconds)
        by_task[task] = first.model_copy(update={"seconds": seconds})
        aggregate = aggregate.model_copy(update={"seconds": aggregation.NO_SECONDS})
    by_task[aggregate.task] = aggregate
