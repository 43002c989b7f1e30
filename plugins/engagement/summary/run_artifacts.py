"""What one DAG run left in S3: both manifests and the aggregates of its attempts, never ledger lines."""

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

_AGGREGATE = "agg-"

Manifest = TypeVar("Manifest", ScoresManifest, DeliveryManifest)


@dataclass(frozen=True, slots=True)
class LoadedManifest(Generic[Manifest]):
    """A manifest as found.

    :param body: its content when it can be trusted to be this run's, else None
    :param code: empty, or why it cannot: `missing`, `broken` or `other_run`
    :param detail: the same as a sentence
    """

    key: str
    body: Manifest | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunArtifacts:
    """Everything the verdict and the summary are made of.

    :param tasks: earlier tasks in the order in which they run, and their states
    :param task_errors: why a task failed, by the tasks that could tell
    :param latest_glue_runs: the latest Glue run of each task that starts one
    :param aggregates: this run's aggregates by attempt (Glue job run id), oldest attempt first
    :param has_open_rows: whether this is a dry run although an earlier attempt of the same run left rows open
    :param broken_aggregates: one sentence for each aggregate that cannot be read
    :param checks: what the check of the scores found, None when it did not come to a good end
    :param recent_histograms: histograms of scores of the latest earlier dates, by date
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
    has_open_rows: bool = False
    checks: Checks | None = None
    recent_histograms: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def last_attempt(self) -> Sequence[Aggregate]:
        """Aggregates of the attempt that had the last word: the delivery manifest's, else the newest."""
        if self.delivery.body is not None:
            return self.aggregates.get(self.delivery.body.job_run_id, ())
        return list(self.aggregates.values())[-1] if self.aggregates else ()


def read_scores(store: Bucket, score_date: str, run_id: str) -> LoadedManifest[ScoresManifest]:
    """The scores manifest of a date, if it is of this run."""
    return _read(store, s3_keys.scores_manifest(score_date), ScoresManifest, score_date, run_id)


def read_delivery(store: Bucket, score_date: str, run_id: str, *, dry_run: bool) -> LoadedManifest[DeliveryManifest]:
    """The delivery manifest of a date or of a dry run, if it is of this run."""
    key = s3_keys.delivery_manifest(score_date, run_id, dry_run=dry_run)
    return _read(store, key, DeliveryManifest, score_date, run_id)


def read_recent_histograms(store: Bucket, score_date: str) -> dict[str, Sequence[int]]:
    """Histograms of the latest earlier dates that have one; at most `drift.RECENT_DAYS` manifests are read."""
    recent = islice(scores_check.read_earlier_manifests(store, score_date), drift.RECENT_DAYS)
    return {date: found.histogram for date, found in recent if found and sum(found.histogram)}


def has_open_rows(store: Bucket, score_date: str, run_id: str) -> bool:
    """Whether an attempt of this run sent rows of the date and did not come to a good end."""
    delivery = read_delivery(store, score_date, run_id, dry_run=False)
    if delivery.body is not None:
        outcomes = delivery.body.outcomes
        return delivery.body.stopped is not None or outcomes.unknown + outcomes.deferred > 0
    attempts, _ = read_aggregates(
        store, score_date, run_id, delivery=delivery, glue=GlueRuns(runs=(), stopped=()), dry_run=False
    )
    return bool(attempts)


def _read(store: Bucket, key: str, model: type[Manifest], score_date: str, run_id: str) -> LoadedManifest[Manifest]:
    raw = store.read(key)
    if raw is None:
        return LoadedManifest(key, code="missing", detail="there is none")
    try:
        body = parse(model, raw)
    except DocumentError as error:
        return LoadedManifest(key, code="broken", detail=str(error))
    if (body.run_id, body.score_date) != (run_id, score_date):
        found = f"it belongs to run {body.run_id} (date {body.score_date})"
        return LoadedManifest(key, code="other_run", detail=f"{found}, expected run {run_id} (date {score_date})")
    return LoadedManifest(key, body)


def read_aggregates(
    store: Bucket,
    score_date: str,
    run_id: str,
    *,
    delivery: LoadedManifest[DeliveryManifest],
    glue: GlueRuns,
    dry_run: bool,
) -> tuple[dict[str, list[Aggregate]], list[str]]:
    """This run's aggregates by attempt, oldest attempt first, and what cannot be read of them.

    The delivery manifest lists the attempts. Without it every attempt of the date is looked at, for a
    killed job leaves aggregates and no manifest.
    """
    if delivery.body is not None:
        attempts = list(delivery.body.attempts)
        # A large night's ledger has a million names beside them.
        folders = [s3_keys.attempt_prefix(score_date, run_id, attempt, dry_run=dry_run) for attempt in attempts]
        prefixes = [f"{folder}{_AGGREGATE}" for folder in folders]
    else:
        attempts = [run.id for run in glue.runs]
        prefixes = [s3_keys.delivery_prefix(score_date, run_id, dry_run=dry_run)]
    listed = (entry.key for prefix in dict.fromkeys(prefixes) for entry in store.list_objects(prefix))
    keys = [key for key in listed if _is_aggregate(key)]
    found: dict[str, list[Aggregate]] = {attempt: [] for attempt in attempts}
    broken = []
    for key in keys:
        try:
            body = parse(Aggregate, store.read(key) or b"")
        except DocumentError as error:
            broken.append(f"aggregate {key} cannot be read: {error}")
        else:
            if body.run_id == run_id:
                _add(body, found.setdefault(body.job_run_id, []))
    return {attempt: of_attempt for attempt, of_attempt in found.items() if of_attempt}, broken


def _add(aggregate: Aggregate, attempt: list[Aggregate]) -> None:
    """Put an aggregate with those of its attempt, whose first one keeps the seconds of all: they add up to the same,
    and every second that four hundred tasks counted by themselves would be most of the memory that a task has."""
    if attempt:
        seconds = aggregation.add_seconds(attempt[0].seconds, aggregate.seconds)
        attempt[0] = attempt[0].model_copy(update={"seconds": seconds})
        aggregate = aggregate.model_copy(update={"seconds": aggregation.NO_SECONDS})
    attempt.append(aggregate)


def _is_aggregate(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name.startswith(_AGGREGATE) and name.endswith(".json")
