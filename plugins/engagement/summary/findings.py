"""Findings: everything that is wrong with a run, the earliest cause first.

A DAG run takes its state from its last task alone, so all conditions that must fail a run are checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engagement.aws.glue_runs import ACTIVE
from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.outcomes import OUTCOMES, Outcomes
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.summary import Finding, GlueRun
from engagement.summary import aggregation
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts

WAIT_TASK = "wait_for_activity"
SCORE_TASK = "score_users"
CHECK_TASK = "check_scores"
PUSH_TASK = "push_scores"

_CLEAR = "clear {task} with its downstream tasks"
_ADVICE_BY_TASK = {
    WAIT_TASK: "Check that the extract of {date} is uploaded, then {clear}.",
    "check_activity": "Fix the problem of the extract or the CRM that the message names, then {clear}.",
    SCORE_TASK: "Nothing was sent. Fix the cause in the message, then {clear}.",
    CHECK_TASK: "Nothing was sent. If the scores are wrong, fix the cause, then clear score_users with its downstream "
    "tasks. If they are right, trigger the DAG with score_date={date} and skip_drift_checks.",
    PUSH_TASK: "Fix the cause in the message, then {clear}. Only open users are sent again.",
}
_ADVICE_FOR_OTHER_TASKS = "Fix the cause in the log of the task, then {clear}."
_ADVICE_LEFT_OPEN = "Trigger the DAG with score_date={date} and push_mode=all to send the open users."
_ADVICE_SCORES = "Clear score_users with its downstream tasks. The same input gives the same scores."
_ADVICE_DELIVERY = "Clear push_scores with its downstream tasks. Settled users are not sent again."
_ADVICE_GLUE = (
    "This task is retried automatically. If the retries fail, stop the Glue run in the AWS console, "
    "then clear summarize_responses."
)


def evaluate_run(artifacts: RunArtifacts, max_failed_fraction: float) -> list[Finding]:
    """Return everything that is wrong with a run, in the order in which it happened; empty for a success.

    :param max_failed_fraction: the run fails when (rejected + unknown + deferred) / rows exceeds this, 0.0 to 1.0
    """
    found = [
        *_check_tasks(artifacts),
        *_check_glue_runs(artifacts),  # before the manifests: a stopped job is the reason why its manifest is missing
        *_check_manifest(artifacts, "scores", SCORE_TASK, artifacts.scores),
        *_check_delivery(artifacts),
        *_check_not_reached(artifacts, max_failed_fraction),
    ]
    positions = {task: position for position, task in enumerate(artifacts.tasks)}
    # not_run is always a consequence of another finding, so it comes last.
    return sorted(found, key=lambda each: (each.code == "not_run", positions.get(each.task, len(positions))))


def _task_advice(task: str, artifacts: RunArtifacts) -> str:
    delivery = artifacts.delivery.body
    if task == PUSH_TASK and delivery and delivery.outcomes.rejected and not delivery.outcomes.open:
        return _not_reached_advice(delivery.outcomes, artifacts.score_date)  # clearing the task would send nothing
    advice = _ADVICE_BY_TASK.get(task, _ADVICE_FOR_OTHER_TASKS)
    return advice.format(date=artifacts.score_date, clear=_CLEAR.format(task=task))


def _check_tasks(artifacts: RunArtifacts) -> Iterator[Finding]:
    not_run = [task for task, state in artifacts.tasks.items() if state == "upstream_failed"]
    for task, state in artifacts.tasks.items():
        if state == "success" or task in not_run:
            continue
        reason = _failure_reason(artifacts, task)
        if state == "failed":
            detail = f"{task} failed{reason}"
        else:
            detail = f"{task} has state {state or 'none'}, expected success{reason}"
        yield Finding(code="task_failed", task=task, detail=detail, advice=_task_advice(task, artifacts))
    if not_run:
        detail = f"{', '.join(not_run)} did not run because an earlier task failed"
        advice = "No action needed: clearing the failed task runs these tasks too."
        yield Finding(code="not_run", task=not_run[0], detail=detail, advice=advice)


def _failure_reason(artifacts: RunArtifacts, task: str) -> str:
    """Return the reason with its separator, ready to append to a sentence; empty without one."""
    run, error = artifacts.latest_glue_runs.get(task), artifacts.task_errors.get(task, "").rstrip(".")
    if run is None:
        return f": {error}" if error else ""
    if run.state == "FAILED" and run.error:
        return f": {run.error.rstrip('.')}"
    if run.id in artifacts.glue.stopped or run.state in ACTIVE:
        # The task failed, the Glue run did not: both have to be named.
        return f"{f': {error}' if error else ' (see its log)'}; {_how_it_ended(artifacts, run)}"
    return f": {_how_it_ended(artifacts, run)}"


def _how_it_ended(artifacts: RunArtifacts, run: GlueRun) -> str:
    """Return a clause about the state of a Glue run, and about who stopped it."""
    if run.state in ACTIVE:
        return f"its Glue run {run.id} is {run.state}, and StopJobRun has not ended it"
    if run.state == "STOPPED" and run.id in artifacts.glue.stopped:
        return f"summarize_responses stopped its Glue run {run.id}, which was still active after the task had ended"
    error = f" ({run.error.rstrip('.')})" if run.error else ""
    if run.state == "STOPPED":
        return (
            f"its Glue run {run.id} ended STOPPED{error}; summarize_responses did not stop it, so it was likely "
            "stopped in the AWS console or with StopJobRun"
        )
    if run.state == "TIMEOUT":
        return f"its Glue run {run.id} ended TIMEOUT{error}: Glue stopped it when the Timeout of the job had passed"
    return f"its Glue run {run.id} ended {run.state}{error}"


def _check_glue_runs(artifacts: RunArtifacts) -> Iterator[Finding]:
    for task, run in artifacts.latest_glue_runs.items():
        if artifacts.tasks.get(task) == "success" and run.state != "SUCCEEDED":
            detail = f"{task} is success, but {_how_it_ended(artifacts, run)}; expected SUCCEEDED"
            advice = _task_advice(task, artifacts)
            yield Finding(code="glue_run_not_succeeded", task=task, detail=detail, advice=advice)
    if artifacts.glue.error:
        yield Finding(code="glue_state_unknown", task=PUSH_TASK, detail=artifacts.glue.error, advice=_ADVICE_GLUE)


def _check_manifest(artifacts: RunArtifacts, name: str, task: str, manifest: LoadedManifest[Any]) -> Iterator[Finding]:
    did_not_run = artifacts.tasks.get(task) == "upstream_failed" and manifest.code in ("missing", "other_run")
    if manifest.code and not did_not_run:
        detail = f"The {name} manifest {manifest.key} is not usable: {manifest.detail}"
        advice = _ADVICE_SCORES if name == "scores" else _ADVICE_DELIVERY
        yield Finding(code=f"{name}_{manifest.code}", task=task, detail=detail, advice=advice)


def _check_delivery(artifacts: RunArtifacts) -> Iterator[Finding]:
    if artifacts.has_open_users:
        detail = "An earlier attempt of this run left users open, but this attempt is a dry run and sent nothing"
        advice = _ADVICE_LEFT_OPEN.format(date=artifacts.score_date)
        yield Finding(code="left_open", task=PUSH_TASK, detail=detail, advice=advice)
    yield from _check_manifest(artifacts, "delivery", PUSH_TASK, artifacts.delivery)
    for detail in artifacts.broken_aggregates:
        yield Finding(code="aggregates_broken", task=PUSH_TASK, detail=detail, advice=_ADVICE_DELIVERY)
    manifest = artifacts.delivery.body
    if manifest is None:
        return
    differences = find_differences(manifest, artifacts.scores.body, artifacts.last_attempt)
    if manifest.mode != artifacts.mode:
        differences.append(f"its mode is {manifest.mode}, expected {artifacts.mode}")
    if differences:
        detail = f"The delivery manifest {artifacts.delivery.key} is inconsistent: {'; '.join(differences)}"
        yield Finding(code="delivery_inconsistent", task=PUSH_TASK, detail=detail, advice=_ADVICE_DELIVERY)
    if manifest.stopped is not None:
        not_before = f" The CRM accepts no requests before {manifest.not_before}." if manifest.not_before else ""
        detail = f"Delivery stopped ({manifest.stopped.cause}): {manifest.stopped.detail.rstrip('.')}.{not_before}"
        advice = _task_advice(PUSH_TASK, artifacts)
        yield Finding(code="delivery_stopped", task=PUSH_TASK, detail=detail, advice=advice)


def find_differences(
    delivery: DeliveryManifest, scores: ScoresManifest | None, aggregates: Sequence[Aggregate]
) -> list[str]:
    """Compare the delivery manifest with the scores manifest and with the aggregates.

    :param scores: None when it is not usable
    :param aggregates: those of the attempt that wrote the delivery manifest
    :return: one clause for each difference
    """
    differences = []
    if scores is not None and delivery.rows != scores.rows.scored:
        differences.append(f"it has {delivery.rows:,} rows, the scores manifest has {scores.rows.scored:,}")
    if scores is not None and delivery.scores_sha256 != scores.sha256:
        differences.append("its scores_sha256 differs from the sha256 of the scores manifest")
    reported = delivery.outcomes.by_name()
    counted = aggregation.sum_counts(each.outcomes for each in aggregates)
    differences += [
        f"{name} is {reported[name]:,}, the aggregates add up to {counted[name]:,}"
        for name in OUTCOMES
        if reported[name] != counted[name]
    ]
    return differences


def _check_not_reached(artifacts: RunArtifacts, max_failed_fraction: float) -> Iterator[Finding]:
    manifest = artifacts.delivery.body
    if manifest is None or not manifest.rows:
        return
    not_reached = manifest.outcomes.not_reached
    if not_reached / manifest.rows > max_failed_fraction:
        share = f"{not_reached / manifest.rows:.2%}, limit {max_failed_fraction:.2%}"
        detail = f"{not_reached:,} of {manifest.rows:,} users were not reached ({share})"
        advice = _not_reached_advice(manifest.outcomes, artifacts.score_date)
        yield Finding(code="not_reached", task=PUSH_TASK, detail=detail, advice=advice)


def _not_reached_advice(outcomes: Outcomes, score_date: str) -> str:
    sentences = ["See the reasons in the report."]
    if outcomes.open:
        sentences.append(f"Open users ({outcomes.open:,}): clear push_scores with its downstream tasks.")
    if outcomes.rejected:
        sentences.append(
            f"Rejected users ({outcomes.rejected:,}): fix the cause, then trigger the DAG with "
            f"score_date={score_date} and push_mode=retry_rejected."
        )
    return " ".join(sentences)
