"""Whether a run may be called a success, and if not, why: a list of findings, the earliest cause first.

A DAG run takes its state from its last task alone, so everything that must not pass as green is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.outcomes import OUTCOMES
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.summary import Finding
from engagement.summary import aggregation
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts

WAIT_TASK = "wait_for_activity"
SCORE_TASK = "score_users"
CHECK_TASK = "check_scores"
PUSH_TASK = "push_scores"

_ADVICE = {
    "wait_for_activity": "See that the extract of {date} is uploaded, {then}.",
    "check_activity": "Its log names the object or the CRM's answer that it refused. Mend that, {then}.",
    "score_users": "Nothing was sent. Mend what the message names, {then}.",
    "check_scores": "Nothing was sent. If the scores are wrong, mend what the message names, then clear score_users "
    "with its downstream tasks. If they are right, trigger the DAG with score_date={date} and skip_drift_checks.",
    "push_scores": "Mend what the message names, {then}: only open rows are sent again.",
    "not_reached": "The error groups say why. Clear push_scores to send open rows again. Rejected ones need "
    "push_mode retry_rejected once their cause is mended.",
    "left_open": "Trigger the DAG with score_date={date} and push_mode=all: it sends the rows that are open.",
    "scores": "Clear score_users with its downstream tasks: the same input gives the same scores.",
    "delivery": "Clear push_scores with its downstream tasks: its ledger knows what was sent already.",
    "glue": "This task tries again by itself. Should it not get through, stop the Glue run in the console, "
    "then clear summarize_responses.",
}
_THEN = "then clear {task} with its downstream tasks"


def evaluate_run(artifacts: RunArtifacts, max_failed_fraction: float) -> list[Finding]:
    """Everything that is wrong, in the order in which it came about; empty when the run is a success.

    :param max_failed_fraction: (rejected + unknown + deferred) / rows above this fails the run, 0.0 to 1.0
    """
    order = {task: place for place, task in enumerate(artifacts.tasks)}
    # Consequences of an earlier failure say least, so they come last whatever their place.
    found = [
        *_tasks(artifacts),
        *_glue(artifacts),  # a job that was stopped is why its manifest is missing
        *_manifest(artifacts, "scores", SCORE_TASK, artifacts.scores),
        *_delivery(artifacts, max_failed_fraction),
    ]
    return sorted(found, key=lambda f: (f.code == "not_run", order.get(f.task, len(order))))


def _advice(key: str, artifacts: RunArtifacts) -> str:
    then = _THEN.format(task=key)
    return _ADVICE.get(key, "Its log says why. Mend that, {then}.").format(date=artifacts.score_date, then=then)


def _tasks(artifacts: RunArtifacts) -> Iterator[Finding]:
    not_run = [task for task, state in artifacts.tasks.items() if state == "upstream_failed"]
    for task, state in artifacts.tasks.items():
        if state == "success" or task in not_run:
            continue
        said = f": {artifacts.task_errors[task]}" if task in artifacts.task_errors else _glue_message(artifacts, task)
        detail = f"{task} is {state or 'without a state'}, wanted success{said}"
        if state == "failed":
            detail = f"{task} failed{said}"
        yield Finding(code="task_failed", task=task, detail=detail, advice=_advice(task, artifacts))
    if not_run:
        detail = f"{', '.join(not_run)} did not run, for a task before failed"
        yield Finding(
            code="not_run",
            task=not_run[0],
            detail=detail,
            advice="Nothing: clearing the task that failed runs them too.",
        )


def _glue_message(artifacts: RunArtifacts, task: str) -> str:
    run = artifacts.latest_glue_runs.get(task)
    if run is None:
        return ""
    return f": {run.error}" if run.error else f"; its Glue run {run.id} ended {run.state}"


def _glue(artifacts: RunArtifacts) -> Iterator[Finding]:
    for task, run in artifacts.latest_glue_runs.items():
        if artifacts.tasks.get(task) == "success" and run.state != "SUCCEEDED":
            said = f": {run.error}" if run.error else ""
            detail = f"{task} is success, but its Glue run {run.id} ended {run.state}, wanted SUCCEEDED{said}"
            yield Finding(code="glue_run_not_succeeded", task=task, detail=detail, advice=_advice(task, artifacts))
    if artifacts.glue.error:
        error = artifacts.glue.error
        yield Finding(code="glue_unsettled", task=PUSH_TASK, detail=error, advice=_advice("glue", artifacts))


def _manifest(artifacts: RunArtifacts, name: str, task: str, document: LoadedManifest[Any]) -> Iterator[Finding]:
    never_run = artifacts.tasks.get(task) == "upstream_failed" and document.code in ("missing", "other_run")
    if document.code and not never_run:
        detail = f"The {name} manifest {document.key} cannot be trusted: {document.detail}"
        yield Finding(code=f"{name}_{document.code}", task=task, detail=detail, advice=_advice(name, artifacts))


def _delivery(artifacts: RunArtifacts, max_failed_fraction: float) -> Iterator[Finding]:
    document, body = artifacts.delivery, artifacts.delivery.body
    if artifacts.has_open_rows:
        detail = "an earlier attempt of this run left rows open, and this one sent nothing, for it is a dry run"
        yield Finding(code="left_open", task=PUSH_TASK, detail=detail, advice=_advice("left_open", artifacts))
    yield from _manifest(artifacts, "delivery", PUSH_TASK, document)
    for sentence in artifacts.broken_aggregates:
        yield Finding(code="aggregates_broken", task=PUSH_TASK, detail=sentence, advice=_advice("delivery", artifacts))
    if body is None:
        return
    differing = find_differences(body, artifacts.scores.body, artifacts.last_attempt)
    if body.mode != artifacts.mode:
        differing.append(f"its mode is {body.mode}, expected {artifacts.mode}")
    if differing:
        detail = f"The delivery manifest {document.key} is inconsistent: {'; '.join(differing)}"
        yield Finding(
            code="delivery_inconsistent", task=PUSH_TASK, detail=detail, advice=_advice("delivery", artifacts)
        )
    if body.stopped is not None:
        until = f" The CRM asked not to be called before {body.not_before}." if body.not_before else ""
        detail = f"Delivery stopped ({body.stopped.cause}): {body.stopped.detail.rstrip('.')}.{until}"
        yield Finding(code="delivery_stopped", task=PUSH_TASK, detail=detail, advice=_advice(PUSH_TASK, artifacts))
    lost = body.outcomes.not_reached
    if body.rows and lost / body.rows > max_failed_fraction:
        share = f"{lost / body.rows:.2%}, allowed {max_failed_fraction:.2%}"
        detail = f"{lost:,} of {body.rows:,} customers were not reached ({share})"
        yield Finding(code="not_reached", task=PUSH_TASK, detail=detail, advice=_advice("not_reached", artifacts))


def find_differences(
    delivery: DeliveryManifest, scores: ScoresManifest | None, of_attempt: Sequence[Aggregate]
) -> list[str]:
    """How the delivery manifest differs from the scores manifest and from the aggregates; empty when they agree.

    :param scores: None when it cannot be trusted
    :param of_attempt: aggregates of the attempt that wrote the delivery manifest
    """
    differing = []
    if scores is not None and delivery.rows != scores.rows.scored:
        differing.append(f"it has {delivery.rows:,} rows, the scores manifest {scores.rows.scored:,}")
    if scores is not None and delivery.scores_sha256 != scores.sha256:
        differing.append("it was made from other scores than those of the scores manifest (sha256 differs)")
    written, counted = delivery.outcomes.by_name(), aggregation.sum_counts(each.outcomes for each in of_attempt)
    differing += [
        f"{name} {written[name]:,} but {counted[name]:,} in the aggregates"
        for name in OUTCOMES
        if written[name] != counted[name]
    ]
    return differing
