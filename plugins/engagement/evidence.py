"""What one DAG run left in S3: both manifests and the aggregates of its attempts, never ledger lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from engagement import aggregates, drift, layout, manifests, scores
from engagement.glue_runs import GlueRun, GlueRuns

_AGGREGATE = "agg-"


class Store(Protocol):
    """The objects of the output bucket."""

    def read(self, key: str) -> bytes | None:
        """The object's bytes, None when there is no such object."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin with `prefix`."""

    def folders(self, prefix: str) -> list[str]:
        """The prefixes directly under `prefix`."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest as found.

    :param body: its content when it can be trusted to be this run's, else None
    :param code: empty, or why it cannot: `missing`, `broken` or `other_run`
    :param detail: the same as a sentence
    """

    key: str
    body: Mapping[str, Any] | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the verdict and the summary are made of.

    :param tasks: earlier tasks in the order in which they run, and their states
    :param told: why a task failed, by the tasks that could tell
    :param glue_of: the latest Glue run of each task that starts one
    :param aggregates: this run's aggregates by attempt (Glue job run id), oldest attempt first
    :param left_open: whether this is a dry run although an earlier attempt of the same run left rows open
    :param broken_aggregates: one sentence for each aggregate that cannot be read
    :param checked: what the check of the scores returned, None when it did not come to a good end
    :param recent: histograms of scores of the latest earlier dates, by date
    """

    dag_id: str
    run_id: str
    score_date: str
    mode: str
    tasks: Mapping[str, str | None]
    glue: GlueRuns
    glue_of: Mapping[str, GlueRun]
    scores: Document
    delivery: Document
    aggregates: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    broken_aggregates: Sequence[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    left_open: bool = False
    checked: Mapping[str, Any] | None = None
    recent: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def last_attempt(self) -> Sequence[Mapping[str, Any]]:
        """Aggregates of the attempt that had the last word: the delivery manifest's, else the newest."""
        if self.delivery.body is not None:
            return self.aggregates.get(self.delivery.body["job_run_id"], ())
        return list(self.aggregates.values())[-1] if self.aggregates else ()


def read_scores(store: Store, score_date: str, run_id: str) -> Document:
    """The scores manifest of a date, if it is of this run."""
    return _read(store, layout.scores_manifest(score_date), manifests.SCORES, score_date, run_id)


def read_delivery(store: Store, score_date: str, run_id: str, *, dry_run: bool) -> Document:
    """The delivery manifest of a date or of a dry run, if it is of this run."""
    key = layout.delivery_manifest(score_date, run_id, dry_run=dry_run)
    return _read(store, key, manifests.DELIVERY, score_date, run_id)


def read_recent(store: Store, score_date: str) -> dict[str, Sequence[int]]:
    """Histograms of the latest earlier dates that have one; at most `drift.RECENT_DATES` manifests are read."""
    found: dict[str, Sequence[int]] = {}
    for date in scores.earlier_dates(store.folders(layout.scores_root()), score_date)[: drift.RECENT_DATES]:
        body, _ = _parse(store.read(layout.scores_manifest(date)) or b"", manifests.SCORES)
        if body is not None and scores.is_usable(body) and sum(body["histogram"]):
            found[date] = body["histogram"]
    return found


def left_open(store: Store, score_date: str, run_id: str) -> bool:
    """Whether an attempt of this run sent rows of the date and did not come to a good end."""
    delivery = read_delivery(store, score_date, run_id, dry_run=False)
    if delivery.body is not None:
        outcomes = delivery.body["outcomes"]
        return delivery.body["stopped"] is not None or any(outcomes.get(name) for name in ("unknown", "deferred"))
    attempts, _ = read_aggregates(
        store, score_date, run_id, delivery=delivery, glue=GlueRuns(runs=(), stopped=()), dry_run=False
    )
    return bool(attempts)


def _read(
    store: Store, key: str, wanted: Mapping[str, Callable[[Any], bool]], score_date: str, run_id: str
) -> Document:
    raw = store.read(key)
    if raw is None:
        return Document(key, code="missing", detail="there is none")
    body, problem = _parse(raw, wanted)
    if body is None:
        return Document(key, code="broken", detail=problem)
    if (body["run_id"], body["score_date"]) != (run_id, score_date):
        found = f"it is of run {body['run_id']} for {body['score_date']}"
        return Document(key, code="other_run", detail=f"{found}, wanted run {run_id} for {score_date}")
    return Document(key, body)


def _parse(raw: bytes, wanted: Mapping[str, Callable[[Any], bool]]) -> tuple[dict[str, Any] | None, str]:
    try:
        body = json.loads(raw)
    except ValueError:
        return None, "it is not JSON"
    if not isinstance(body, dict):
        return None, "it is not a JSON object"
    problems = manifests.shape(body, wanted)
    return (None, "; ".join(problems)) if problems else (body, "")


def read_aggregates(
    store: Store, score_date: str, run_id: str, *, delivery: Document, glue: GlueRuns, dry_run: bool
) -> tuple[dict[str, list[Mapping[str, Any]]], list[str]]:
    """This run's aggregates by attempt, oldest attempt first, and what cannot be read of them.

    The delivery manifest lists the attempts. Without it every attempt of the date is looked at, for a
    killed job leaves aggregates and no manifest.
    """
    if delivery.body is not None:
        attempts = list(delivery.body["attempts"])
        # A large night's ledger has a million names beside them.
        folders = [layout.attempt_prefix(score_date, run_id, attempt, dry_run=dry_run) for attempt in attempts]
        prefixes = [f"{folder}{_AGGREGATE}" for folder in folders]
    else:
        attempts = [run.id for run in glue.runs]
        prefixes = [layout.delivery_prefix(score_date, run_id, dry_run=dry_run)]
    keys = [key for prefix in dict.fromkeys(prefixes) for key in store.keys(prefix) if _is_aggregate(key)]
    found: dict[str, list[dict[str, Any]]] = {attempt: [] for attempt in attempts}
    broken = []
    for key in keys:
        body, problem = _parse(store.read(key) or b"", manifests.AGGREGATE)
        if body is None:
            broken.append(f"aggregate {key} cannot be read: {problem}")
        elif body["run_id"] == run_id:
            _add(body, found.setdefault(body["job_run_id"], []))
    return {attempt: list(of_attempt) for attempt, of_attempt in found.items() if of_attempt}, broken


def _add(aggregate: dict[str, Any], attempt: list[dict[str, Any]]) -> None:
    """Put an aggregate with those of its attempt, whose first one keeps the seconds of all: they add up to the same,
    and every second that four hundred tasks counted by themselves would be most of the memory that a task has."""
    if attempt:
        attempt[0]["seconds"] = aggregates.add_seconds(attempt[0]["seconds"], aggregate["seconds"])
        aggregate["seconds"] = aggregates.NO_SECONDS
    attempt.append(aggregate)


def _is_aggregate(key: str) -> bool:
    name = key.rpartition("/")[2]
    return name.startswith(_AGGREGATE) and name.endswith(".json")
