"""Findings: what fails a run, and which cause comes first."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.summary import findings
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts
from tests.unit.plugins.engagement import run_factory as factory

SUCCESS = dict.fromkeys(factory.TASKS, "success")
LIMIT = 0.01


def codes(artifacts: RunArtifacts, limit: float = LIMIT) -> list[str]:
    return [finding.code for finding in findings.evaluate_run(artifacts, limit)]


def delivery(**changes: Any) -> LoadedManifest[Any]:
    return LoadedManifest("responses/_manifest.json", factory.delivery_manifest(**changes))


def unusable(code: str) -> LoadedManifest[Any]:
    return LoadedManifest("responses/_manifest.json", code=code, detail="a reason")


def states_after_failure(task: str) -> dict[str, str | None]:
    position = factory.TASKS.index(task)
    later = dict.fromkeys(factory.TASKS[position + 1 :], "upstream_failed")
    return {**dict.fromkeys(factory.TASKS[:position], "success"), task: "failed", **later}


def run_with_outcomes(**sent: int) -> RunArtifacts:
    """Return a run in which 478 users have these outcomes and the other 522 were reached or needed no sending."""
    plan, _ = factory.last_attempt()
    outcomes = dict.fromkeys(factory.SETTLED, 0) | plan.outcomes
    for name, rows in sent.items():
        outcomes[name] += rows
    aggregates = {factory.LAST: [plan, factory.aggregate(factory.LAST, "0", sent)]}
    return factory.artifacts(delivery=delivery(outcomes=outcomes), aggregates=aggregates)


STOPPED = {"cause": "auth", "detail": "The CRM responded with 401 twice."}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"tasks": SUCCESS | {"check_scores": "failed", "push_scores": "upstream_failed"}}, ["task_failed", "not_run"]),
        ({"tasks": SUCCESS | {"check_activity": "skipped"}}, ["task_failed"]),
        ({"tasks": SUCCESS | {"push_scores": None}}, ["task_failed"]),
        ({"scores": unusable("missing")}, ["scores_missing"]),
        ({"scores": unusable("other_run")}, ["scores_other_run"]),
        ({"scores": unusable("broken")}, ["scores_broken"]),
        ({"delivery": unusable("missing")}, ["delivery_missing"]),
        ({"delivery": unusable("other_run")}, ["delivery_other_run"]),
        ({"delivery": delivery(mode="changed")}, ["delivery_inconsistent"]),
        ({"aggregates": {factory.FIRST: factory.first_attempt()}}, ["delivery_inconsistent"]),
        ({"broken_aggregates": ["The aggregate x cannot be read"]}, ["aggregates_broken"]),
        ({"delivery": delivery(stopped=STOPPED)}, ["delivery_stopped"]),
        ({"glue": GlueRuns((), error="Glue cannot be queried")}, ["glue_state_unknown"]),
        ({"has_open_users": True}, ["left_open"]),
    ],
)
def test_each_problem_has_its_finding(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(factory.artifacts(**changes)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(0.0079, ["not_reached"]), (0.008, []), (0.5, [])])
def test_the_run_fails_only_above_the_limit(limit: float, expected: list[str]) -> None:
    assert codes(factory.artifacts(), limit) == expected  # 8 of 1,000 users are not reached


@pytest.mark.parametrize("outcome", ["rejected", "unknown", "deferred"])
def test_each_outcome_not_reached_counts_alone(outcome: str) -> None:
    # The push job succeeds when only rejected users exceed the limit, because a retry would send nothing.
    assert codes(run_with_outcomes(delivered=468, **{outcome: 10})) == []
    assert codes(run_with_outcomes(delivered=467, **{outcome: 11})) == ["not_reached"]


def test_outcomes_not_reached_add_up() -> None:
    assert codes(run_with_outcomes(delivered=467, rejected=4, unknown=4, deferred=3)) == ["not_reached"]


@pytest.mark.parametrize(
    ("sent", "advice"),
    [
        (
            {"rejected": 20, "delivered": 458},
            "See the reasons in the report. Rejected users (20): fix the cause, then trigger the DAG with "
            "score_date=2026-11-23 and push_mode=retry_rejected.",
        ),
        (
            {"unknown": 5, "deferred": 15, "delivered": 458},
            "See the reasons in the report. Open users (20): clear push_scores with its downstream tasks.",
        ),
    ],
)
def test_advice_names_the_action_that_sends_something(sent: dict[str, int], advice: str) -> None:
    (finding,) = findings.evaluate_run(run_with_outcomes(**sent), LIMIT)
    assert finding.advice == advice


@pytest.mark.parametrize(
    ("sent", "advice"),
    [
        ({"rejected": 450, "delivered": 28}, "Rejected users (450): fix the cause, then trigger the DAG with"),
        ({"rejected": 450, "deferred": 28}, "Fix the cause in the message, then clear push_scores"),
        ({"unknown": 450, "delivered": 28}, "Fix the cause in the message, then clear push_scores"),
    ],
)
def test_advice_for_a_failed_push_names_what_sends(sent: dict[str, int], advice: str) -> None:
    failed = dataclasses.replace(run_with_outcomes(**sent), tasks=SUCCESS | {"push_scores": "failed"})
    assert advice in findings.evaluate_run(failed, LIMIT)[0].advice


@pytest.mark.parametrize("state", ["STOPPED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_a_successful_task_with_a_failed_glue_run_fails(state: str) -> None:
    run = factory.glue_run(factory.PUSH_JOB, factory.LAST, state=state)
    assert codes(factory.artifacts(latest_glue_runs={"push_scores": run})) == ["glue_run_not_succeeded"]
    # The missing manifest is a consequence.
    without_manifest = factory.artifacts(latest_glue_runs={"push_scores": run}, delivery=unusable("missing"))
    assert codes(without_manifest)[:2] == ["glue_run_not_succeeded", "delivery_missing"]


@pytest.mark.parametrize("task", factory.TASKS[:3])
def test_the_failed_task_precedes_its_consequences(task: str) -> None:
    artifacts = factory.artifacts(
        tasks=states_after_failure(task),
        scores=unusable("other_run"),
        delivery=unusable("missing"),
        latest_glue_runs={},
    )
    first, *_, last = findings.evaluate_run(artifacts, LIMIT)
    assert (first.task, first.code) == (task, "task_failed")
    assert last.code == "not_run"


def test_a_failed_task_reports_the_error_of_its_glue_run() -> None:
    run = factory.glue_run(factory.PUSH_JOB, factory.LAST, state="FAILED", error="RedirectError: 302 to /login")
    artifacts = factory.artifacts(
        tasks=SUCCESS | {"push_scores": "failed"},
        latest_glue_runs={"push_scores": run},
        delivery=delivery(stopped=STOPPED),
    )
    first, second = findings.evaluate_run(artifacts, LIMIT)
    assert first.detail == "push_scores failed: RedirectError: 302 to /login"
    assert second.code == "delivery_stopped"
    assert "The CRM responded with 401 twice." in second.detail


THROTTLED = "ClientError: An error occurred (ThrottlingException) when calling the GetJobRun operation: Rate exceeded"


@pytest.mark.parametrize(
    ("state", "changes", "expected"),
    [
        (
            "STOPPED",
            {"stopped": (factory.LAST,)},
            f"push_scores failed: {THROTTLED}; summarize_responses stopped its Glue run jr_last, which was still "
            "active after the task had ended",
        ),
        (
            "STOPPED",
            {"stopped": (factory.LAST,), "error": ""},
            "push_scores failed (see its log); summarize_responses stopped its Glue run jr_last, which was still "
            "active after the task had ended",
        ),
        (
            "STOPPING",
            {"stopped": (factory.LAST,)},
            f"push_scores failed: {THROTTLED}; its Glue run jr_last is STOPPING, and StopJobRun has not ended it",
        ),
        (
            "STOPPED",
            {},
            "push_scores failed: its Glue run jr_last ended STOPPED; summarize_responses did not stop it, so it was "
            "likely stopped in the AWS console or with StopJobRun",
        ),
        (
            "TIMEOUT",
            {},
            "push_scores failed: its Glue run jr_last ended TIMEOUT: Glue stopped it when the Timeout of the job had "
            "passed",
        ),
        ("ERROR", {"glue_error": "no capacity"}, "push_scores failed: its Glue run jr_last ended ERROR (no capacity)"),
        ("FAILED", {"stopped": (factory.LAST,), "glue_error": "boom"}, "push_scores failed: boom"),
    ],
    ids=["stopped by us", "without a message", "did not stop", "stopped outside", "timeout", "error", "own failure"],
)
def test_the_finding_says_who_stopped_the_glue_run(state: str, changes: dict[str, Any], expected: str) -> None:
    run = factory.glue_run(factory.PUSH_JOB, factory.LAST, state=state, error=changes.get("glue_error", ""))
    artifacts = factory.artifacts(
        tasks=SUCCESS | {"push_scores": "failed"},
        task_errors={"push_scores": error} if (error := changes.get("error", THROTTLED)) else {},
        glue=GlueRuns((run,), changes.get("stopped", ())),
        latest_glue_runs={"push_scores": run},
        delivery=unusable("missing"),
    )
    assert findings.evaluate_run(artifacts, LIMIT)[0].detail == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rows": 1001, "outcomes": factory.SETTLED | {"delivered": 971}}, "1,001 rows, the scores manifest has 1,000"),
        ({"scores_sha256": "00"}, "scores_sha256"),
        # The totals are right, but single outcomes differ from the aggregates.
        ({"outcomes": factory.SETTLED | {"delivered": 969, "rejected": 6}}, "969, the aggregates add up to 970"),
    ],
)
def test_differences_to_the_other_documents_are_found(changes: dict[str, Any], expected: str) -> None:
    differences = findings.find_differences(
        factory.delivery_manifest(**changes), factory.scores_manifest(), factory.last_attempt()
    )
    assert expected in "; ".join(differences)


def test_a_lost_aggregate_is_a_difference() -> None:
    differences = findings.find_differences(factory.delivery_manifest(), None, factory.last_attempt()[1:])
    assert "delivered is 970, the aggregates add up to 470" in differences


def test_a_broken_scores_manifest_precedes_its_failed_check() -> None:
    tasks = states_after_failure("check_scores")
    artifacts = factory.artifacts(tasks=tasks, scores=unusable("broken"), delivery=unusable("missing"))
    assert codes(artifacts) == ["scores_broken", "task_failed", "not_run"]


def test_the_finding_shows_when_the_crm_accepts_requests() -> None:
    artifacts = factory.artifacts(delivery=delivery(stopped=STOPPED, not_before="2026-11-23T05:00:00Z"))
    assert "no requests before 2026-11-23T05:00:00Z" in findings.evaluate_run(artifacts, LIMIT)[0].detail


def test_every_finding_has_advice() -> None:
    artifacts = factory.artifacts(
        tasks={**dict.fromkeys(factory.TASKS, "failed"), "another_task": "failed"},
        scores=unusable("broken"),
        delivery=unusable("broken"),
        glue=GlueRuns((), error="Glue cannot be queried"),
        broken_aggregates=["one"],
    )
    advice = [finding.advice for finding in findings.evaluate_run(artifacts, LIMIT)]
    assert len(advice) == 10
    assert all(text.endswith(".") and "{" not in text for text in advice)
