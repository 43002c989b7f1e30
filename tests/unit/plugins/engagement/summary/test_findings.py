"""What fails a run, and which cause comes first."""

from __future__ import annotations

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


def absent(code: str) -> LoadedManifest[Any]:
    return LoadedManifest("responses/_manifest.json", code=code, detail="told why")


def broken_after(task: str) -> dict[str, str | None]:
    at = factory.TASKS.index(task)
    later = dict.fromkeys(factory.TASKS[at + 1 :], "upstream_failed")
    return {**dict.fromkeys(factory.TASKS[:at], "success"), task: "failed", **later}


STOPPED = {"cause": "auth", "detail": "The CRM answered 401 twice."}
LOST = factory.SETTLED | {"delivered": 960, "deferred": 12}
LOST_TASK = factory.aggregate(factory.LAST, "0", {"delivered": 460, "rejected": 5, "unknown": 1, "deferred": 12})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"tasks": SUCCESS | {"check_scores": "failed", "push_scores": "upstream_failed"}}, ["task_failed", "not_run"]),
        ({"tasks": SUCCESS | {"check_activity": "skipped"}}, ["task_failed"]),
        ({"tasks": SUCCESS | {"push_scores": None}}, ["task_failed"]),
        ({"scores": absent("missing")}, ["scores_missing"]),
        ({"scores": absent("other_run")}, ["scores_other_run"]),
        ({"scores": absent("broken")}, ["scores_broken"]),
        ({"delivery": absent("missing")}, ["delivery_missing"]),
        ({"delivery": absent("other_run")}, ["delivery_other_run"]),
        ({"delivery": delivery(mode="changed")}, ["delivery_inconsistent"]),
        ({"aggregates": {factory.FIRST: factory.first_attempt()}}, ["delivery_inconsistent"]),
        ({"broken_aggregates": ["aggregate x cannot be read"]}, ["aggregates_broken"]),
        ({"delivery": delivery(stopped=STOPPED)}, ["delivery_stopped"]),
        ({"glue": GlueRuns((), error="Glue could not be asked")}, ["glue_unsettled"]),
        (
            {"delivery": delivery(outcomes=LOST), "aggregates": {factory.LAST: [factory.last_attempt()[0], LOST_TASK]}},
            ["not_reached"],
        ),
    ],
)
def test_findings(changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(factory.artifacts(**changes)) == expected


@pytest.mark.parametrize(("limit", "expected"), [(0.0079, ["not_reached"]), (0.008, []), (0.5, [])])
def test_more_than_the_limit_fails_and_exactly_the_limit_does_not(limit: float, expected: list[str]) -> None:
    assert codes(factory.artifacts(), limit) == expected  # 8 of 1,000 are not reached


@pytest.mark.parametrize("state", ["STOPPED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_a_green_task_over_a_failed_glue_run_is_no_success(state: str) -> None:
    run = factory.glue_run(factory.PUSH_JOB, factory.LAST, state=state)
    assert codes(factory.artifacts(latest_glue_runs={"push_scores": run})) == ["glue_run_not_succeeded"]
    # Its missing manifest is what came of it.
    lost = factory.artifacts(latest_glue_runs={"push_scores": run}, delivery=absent("missing"))
    assert codes(lost)[:2] == ["glue_run_not_succeeded", "delivery_missing"]


@pytest.mark.parametrize("task", factory.TASKS[:3])
def test_the_task_that_failed_comes_first_whatever_follows(task: str) -> None:
    artifacts = factory.artifacts(
        tasks=broken_after(task), scores=absent("other_run"), delivery=absent("missing"), latest_glue_runs={}
    )
    first, *_, last = findings.evaluate_run(artifacts, LIMIT)
    assert (first.task, first.code) == (task, "task_failed")
    assert last.code == "not_run"


def test_glues_own_words_lead_when_its_task_failed() -> None:
    run = factory.glue_run(factory.PUSH_JOB, factory.LAST, state="FAILED", error="RedirectError: 302 to /login")
    artifacts = factory.artifacts(
        tasks=SUCCESS | {"push_scores": "failed"},
        latest_glue_runs={"push_scores": run},
        delivery=delivery(stopped=STOPPED),
    )
    first, second = findings.evaluate_run(artifacts, LIMIT)
    assert first.detail == "push_scores failed: RedirectError: 302 to /login"
    assert second.code == "delivery_stopped"
    assert "The CRM answered 401 twice." in second.detail


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": 1001, "outcomes": factory.SETTLED | {"delivered": 971}}, "1,001 rows, the scores manifest 1,000"),
        ({"scores_sha256": "00"}, "sha256"),
        # right sums, yet another story than the aggregates'
        ({"outcomes": factory.SETTLED | {"delivered": 969, "rejected": 6}}, "delivered 969 but 970 in the aggregates"),
    ],
)
def test_a_manifest_that_differs_from_the_other_documents(changes: dict[str, Any], told: str) -> None:
    found = findings.find_differences(
        factory.delivery_manifest(**changes), factory.scores_manifest(), factory.last_attempt()
    )
    assert told in "; ".join(found)


def test_a_lost_aggregate_is_a_difference() -> None:
    found = findings.find_differences(factory.delivery_manifest(), None, factory.last_attempt()[1:])
    assert "delivered 970 but 470 in the aggregates" in found


def test_a_broken_scores_manifest_precedes_its_failed_check() -> None:
    artifacts = factory.artifacts(
        tasks=broken_after("check_scores"), scores=absent("broken"), delivery=absent("missing")
    )
    assert codes(artifacts) == ["scores_broken", "task_failed", "not_run"]


def test_not_before_is_told() -> None:
    artifacts = factory.artifacts(delivery=delivery(stopped=STOPPED, not_before="2026-11-23T05:00:00Z"))
    assert "not to be called before 2026-11-23T05:00:00Z" in findings.evaluate_run(artifacts, LIMIT)[0].detail


def test_every_finding_says_what_to_do() -> None:
    artifacts = factory.artifacts(
        tasks={**dict.fromkeys(factory.TASKS, "failed"), "another_task": "failed"},
        scores=absent("broken"),
        delivery=absent("broken"),
        glue=GlueRuns((), error="Glue is away"),
        broken_aggregates=["one"],
    )
    advice = [finding.advice for finding in findings.evaluate_run(artifacts, LIMIT)]
    assert len(advice) == 10
    assert all(text.endswith(".") and "{" not in text for text in advice)
