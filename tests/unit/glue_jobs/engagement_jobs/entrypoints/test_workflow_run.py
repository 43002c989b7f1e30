"""The arguments that a job derives from the properties of its workflow run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.contract.errors import WorkflowError
from engagement_jobs.entrypoints import workflow_run
from engagement_jobs.entrypoints.workflow_run import WorkflowRun


def run(timezone: str = "UTC", **properties: str) -> WorkflowRun:
    return WorkflowRun("engagement", "wr_1", timezone, properties)


@pytest.mark.parametrize(
    ("timezone", "scheduled_time", "score_date", "scored_at"),
    [
        ("UTC", "2026-11-23T03:30:00Z", "2026-11-23", "2026-11-23T03:30:00Z"),
        ("Pacific/Auckland", "2026-11-22T14:30:00Z", "2026-11-23", "2026-11-22T14:30:00Z"),
        ("America/Los_Angeles", "2026-11-23T03:30:00Z", "2026-11-22", "2026-11-23T03:30:00Z"),
        ("UTC", "2026-11-23T03:30:00.250+02:00", "2026-11-23", "2026-11-23T01:30:00Z"),
    ],
)
def test_the_score_date_is_the_business_day_of_the_schedule(
    timezone: str, scheduled_time: str, score_date: str, scored_at: str
) -> None:
    assert run(timezone, scheduled_time=scheduled_time).derive_arguments() == {
        "score_date": score_date,
        "scored_at": scored_at,
        "run_id": f"workflow__{scored_at}",
    }


def test_score_date_takes_precedence_over_scheduled_time() -> None:
    values = run(scheduled_time="2026-11-23T03:30:00Z", score_date="2026-11-20").derive_arguments()
    assert values == {
        "score_date": "2026-11-20",
        "scored_at": "2026-11-23T03:30:00Z",
        "run_id": "workflow__2026-11-23T03:30:00Z",
    }


def test_score_date_alone_determines_all_arguments() -> None:
    assert run("Asia/Tokyo", score_date="2026-11-20").derive_arguments() == {
        "score_date": "2026-11-20",
        "scored_at": "2026-11-19T15:00:00Z",
        "run_id": "workflow__2026-11-19T15:00:00Z",
    }


def test_each_run_of_retry_rejected_has_its_own_id() -> None:
    """With the id of the run before, the users that it saw rejected would not be sent."""
    properties = {"score_date": "2026-11-23", "push_mode": "retry_rejected"}
    ids = [WorkflowRun("nightly", run, "UTC", properties).derive_arguments()["run_id"] for run in ("wr_1", "wr_2")]
    assert ids == ["workflow__2026-11-23T00:00:00Z__wr_1", "workflow__2026-11-23T00:00:00Z__wr_2"]


def test_manual_properties_replace_arguments() -> None:
    flags = {"resend_delivered": "true", "ignore_retry_after": "true"}
    manual = {"push_mode": "changed", "limit": "10", "max_requests_per_second": "2", **flags}
    values = run(scheduled_time="2026-11-23T03:30:00Z", score_date="", **manual).derive_arguments()
    assert {name: values[name] for name in manual} == manual
    assert values["score_date"] == "2026-11-23"
    assert "push_mode" not in run(scheduled_time="2026-11-23T03:30:00Z", push_mode="").derive_arguments()


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, ("score_date=YYYY-MM-DD", "scheduled_time")),
        ({"scheduled_time": ""}, ("score_date=YYYY-MM-DD",)),
        ({"scheduled_time": "2026-11-23T03:30:00"}, ("'2026-11-23T03:30:00'", "2026-11-23T03:30:00Z")),
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, ("'<aws.scheduler.scheduled-time>'",)),
        ({"score_date": "2026-02-30"}, ("'2026-02-30'", "YYYY-MM-DD")),
        ({"score_date": "20261123"}, ("'20261123'", "YYYY-MM-DD")),
        ({"score_day": "2026-11-23", "scheduled_time": "2026-11-23T03:30:00Z"}, ("score_day: unknown", "push_mode")),
    ],
)
def test_invalid_properties_are_refused_with_what_is_expected(
    properties: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(WorkflowError) as error:
        run(**properties).derive_arguments()
    for expected in ("engagement", "wr_1", *words):
        assert expected in str(error.value)


def test_properties_of_glue_itself_are_ignored() -> None:
    properties = {"scheduled_time": "2026-11-23T03:30:00Z", "aws:eventIds": "[]"}
    assert WorkflowRun("engagement", "wr_1", "UTC", properties).derive_arguments()["score_date"] == "2026-11-23"


@pytest.mark.parametrize("timezone", ["Mars/Olympus", "", "../UTC", "/etc/passwd"])
def test_an_unknown_timezone_is_refused(timezone: str) -> None:
    with pytest.raises(WorkflowError, match=r"--timezone is '.*', expected an IANA name"):
        run(timezone, scheduled_time="2026-11-23T03:30:00Z").derive_arguments()


def test_rerun_instructions_contain_the_run_properties() -> None:
    instructions = run(scheduled_time="2026-11-23T03:30:00Z", score_date="2026-11-20", push_mode="").rerun_instructions
    assert instructions == (
        "start the workflow engagement again with the run properties "
        "scheduled_time=2026-11-23T03:30:00Z,score_date=2026-11-20"
    )


LATE = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("score_date", "mode", "timezone", "properties"),
    [
        ("2026-11-23", "all", "UTC", {}),
        ("2026-11-26", "all", "UTC", {}),
        ("2026-11-01", "dry_run", "UTC", {}),
        ("2026-11-01", "all", "UTC", {"push_mode": "all"}),
        ("2026-11-24", "all", "Pacific/Auckland", {}),
    ],
)
def test_a_recent_or_explicitly_requested_date_is_pushed(
    score_date: str, mode: str, timezone: str, properties: dict[str, str]
) -> None:
    run(timezone, **properties).check_age(score_date, mode, LATE)


@pytest.mark.parametrize(("score_date", "timezone"), [("2026-11-22", "UTC"), ("2026-11-23", "Pacific/Auckland")])
def test_an_old_date_without_push_mode_is_refused(score_date: str, timezone: str) -> None:
    with pytest.raises(WorkflowError) as error:
        run(timezone, score_date=score_date, push_mode="").check_age(score_date, "all", LATE)
    for word in (f"{score_date} is 3 days old", "nothing was sent", f"score_date={score_date},push_mode=all"):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--WORKFLOW_NAME", "w", "--WORKFLOW_RUN_ID", "r"], True),
        (["--WORKFLOW_NAME=w"], True),
        (["--WORKFLOW_NAME_OF_MINE", "w"], False),
        (["--run_id", "WORKFLOW_NAME", "--airflow_task_uuid", "0190"], False),
    ],
)
def test_a_workflow_run_is_known_by_its_options(options: list[str], expected: bool) -> None:
    assert workflow_run.is_workflow_run(["score_users.py", *options]) is expected


def _added_options() -> list[str]:
    """Return the names that Glue or Airflow adds to a command line, whether the job declares them or not."""
    return ["JOB_NAME", "JOB_ID", "JOB_RUN_ID", "WORKFLOW_NAME", "WORKFLOW_RUN_ID", "TempDir", "airflow_task_uuid"]


@pytest.mark.parametrize("kind", [ScoreArguments, PushArguments])
def test_no_argument_name_is_a_prefix_of_another(kind: Any) -> None:
    """Glue 5 accepts the prefix of a name for the name, Glue 6 refuses it: avoid both."""
    for declared in (kind.names(), workflow_run.argument_names(kind.names())):
        assert len(set(declared)) == len(declared)
        passed = {*declared, *_added_options(), *ScoreArguments.names(), *PushArguments.names()}
        assert [
            (short, name) for short in passed for name in declared if name != short and name.startswith(short)
        ] == []
