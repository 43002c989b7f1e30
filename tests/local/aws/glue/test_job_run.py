"""Job runs of the Glue stand-in, through the deployed template and the SDK."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.aws.glue.javas import Javas
from local.aws.glue.job_run import JobRun, Request
from local.aws.settings import Settings, default_glue_python

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

SCORE = "engagement-score-users"


def start(stack: Stack, behaviour: str = "return", **more: Any) -> str:
    arguments = {"--behaviour": behaviour, **more.pop("Arguments", {})}
    more.setdefault("Timeout", 30)
    return str(stack.client("glue").start_job_run(JobName=SCORE, Arguments=arguments, **more)["JobRunId"])


def test_a_run_succeeds_and_tells_all_about_itself(stack: Stack) -> None:
    run_id = start(stack, Arguments={"--score_date": "2026-11-23"}, Timeout=17)
    run = stack.wait(SCORE, run_id)
    assert re.fullmatch("jr_[0-9a-f]{64}", run_id)
    assert run["JobRunState"] == "SUCCEEDED"
    assert "ErrorMessage" not in run
    assert run["StartedOn"] <= run["CompletedOn"]
    assert run["LastModifiedOn"] == run["CompletedOn"]
    assert 0 <= run["ExecutionTime"] <= 10
    shape = {key: run[key] for key in ("Id", "JobName", "WorkerType", "NumberOfWorkers", "GlueVersion", "Timeout")}
    assert shape == {
        "Id": run_id,
        "JobName": SCORE,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "GlueVersion": "5.1",
        "Timeout": 17,
    }
    assert run["MaxCapacity"] == 2.0
    assert run["LogGroupName"] == f"/aws-glue/jobs/{SCORE}"


def test_arguments_are_merged_over_the_defaults_and_reach_the_script(stack: Stack) -> None:
    run_id = start(stack, Arguments={"--job-bookmark-option": "job-bookmark-pause", "--text": "a b ''"})
    run = stack.wait(SCORE, run_id)
    assert run["Arguments"]["--job-bookmark-option"] == "job-bookmark-pause"
    assert run["Arguments"]["--extra-py-files"].endswith("/jobs/current/engagement_jobs.zip")
    words = stack.log(SCORE, run_id)[0]
    assert words.startswith(f"hello --JOB_NAME {SCORE} --JOB_RUN_ID {run_id} ")
    assert "--behaviour return" in words
    assert "--text a b ''" in words
    assert "--conf" not in words
    assert "--extra-py-files" not in words


def test_both_outputs_are_logged_and_kept(stack: Stack) -> None:
    run_id = start(stack)
    stack.wait(SCORE, run_id)
    assert stack.log(SCORE, run_id, "error") == ["on standard error"]
    assert (stack.scratch / run_id / "errors").read_text() == "on standard error\n"
    assert (stack.scratch / run_id / "output").read_text().startswith("hello ")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("raise", "ValueError: two lines:\nno such user"),
        ("exit", "SystemExit: 3"),
        ("abort", "Command failed with exit code 134"),
    ],
)
def test_a_failure_leaves_its_last_word(stack: Stack, behaviour: str, message: str) -> None:
    run = stack.wait(SCORE, start(stack, behaviour))
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)


def test_a_traceback_starts_in_the_script(stack: Stack) -> None:
    run_id = start(stack, "raise")
    stack.wait(SCORE, run_id)
    errors = stack.log(SCORE, run_id, "error")
    assert "Traceback (most recent call last):" in errors
    assert not [line for line in errors if "launch.py" in line or "runpy" in line]


def test_code_that_is_not_there_fails_the_run(stack: Stack) -> None:
    missing = "s3://engagement-artifacts-123456789012/jobs/none.zip"
    run = stack.wait(SCORE, start(stack, Arguments={"--extra-py-files": missing}))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("LAUNCH ERROR | Error downloading from S3 for bucket: ")
    assert "jobs/none.zip" in run["ErrorMessage"]


@pytest.mark.parametrize(("script", "end"), [("score_users.py", "SUCCEEDED"), ("none.py", "FAILED")])
def test_no_run_has_an_end_before_its_machine_can_have_started(
    stack: Stack, tmp_path: Path, script: str, end: str
) -> None:
    code = "s3://engagement-artifacts-123456789012/jobs/current"
    settings = Settings(stack.root, tmp_path, stack.s3_url, stack.aws_url, default_glue_python(), start_seconds=3)
    asked = Request(
        job_name=SCORE,
        script=f"{code}/{script}",
        arguments={"--extra-py-files": f"{code}/engagement_jobs.zip", "--behaviour": "return"},
        timeout=1,
        worker_type="G.1X",
        workers=2,
        glue_version="5.1",
        account_id="123456789012",
        region="us-east-1",
    )
    javas = Javas(default_glue_python(), tmp_path)
    run = JobRun(asked, settings, javas)
    run.start()
    run.join(2.5)
    assert run.state == "STARTING"
    run.join(30)
    javas.close()
    assert (run.state, run.seconds < 3) == (end, True)


def test_stopping_ends_the_whole_process_group(stack: Stack) -> None:
    run_id = start(stack, "hang")
    child = _child(stack, run_id)
    glue = stack.client("glue")
    answer = glue.batch_stop_job_run(JobName=SCORE, JobRunIds=[run_id, "jr_unknown"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": SCORE, "JobRunId": run_id}]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    run = stack.wait(SCORE, run_id)
    assert run["JobRunState"] == "STOPPED"
    assert not _alive(child)
    again = glue.batch_stop_job_run(JobName=SCORE, JobRunIds=[run_id])
    assert again["SuccessfulSubmissions"] == []
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "JobRunInvalidStateTransitionException"


def test_a_run_longer_than_its_timeout_is_ended(stack: Stack) -> None:
    run_id = start(stack, "hang", Timeout=2)
    child = _child(stack, run_id)
    run = stack.wait(SCORE, run_id)
    assert run["JobRunState"] == "TIMEOUT"
    assert 2 <= run["ExecutionTime"] <= 6
    assert not _alive(child)


def test_a_second_run_at_the_same_time_is_refused(stack: Stack) -> None:
    first = start(stack, "hang")
    try:
        with pytest.raises(ClientError, match="Concurrent runs exceeded") as refused:
            start(stack)
        assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    finally:
        stack.client("glue").batch_stop_job_run(JobName=SCORE, JobRunIds=[first])
        stack.wait(SCORE, first)
    assert stack.wait(SCORE, start(stack))["JobRunState"] == "SUCCEEDED"


def test_runs_are_listed_newest_first_in_pages(stack: Stack) -> None:
    ids = []
    for _ in range(3):
        ids.append(start(stack))
        stack.wait(SCORE, ids[-1])
    glue = stack.client("glue")
    first = glue.get_job_runs(JobName=SCORE, MaxResults=2)
    assert [run["Id"] for run in first["JobRuns"]] == [ids[2], ids[1]]
    second = glue.get_job_runs(JobName=SCORE, MaxResults=2, NextToken=first["NextToken"])
    assert second["JobRuns"][0]["Id"] == ids[0]
    assert "NextToken" not in glue.get_job_runs(JobName=SCORE)


def test_unknown_jobs_and_runs_are_not_found(stack: Stack) -> None:
    glue = stack.client("glue")
    calls: list[Callable[[], Any]] = [
        lambda: glue.start_job_run(JobName="nobody"),
        lambda: glue.get_job_runs(JobName="nobody"),
        lambda: glue.get_job_run(JobName=SCORE, RunId="jr_unknown"),
    ]
    for call in calls:
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "EntityNotFoundException"


def test_a_job_gets_a_clean_environment(stack: Stack) -> None:
    run_id = start(stack, "environment")
    stack.wait(SCORE, run_id)
    environment = json.loads(stack.log(SCORE, run_id)[1])
    assert environment["AWS_ENDPOINT_URL"] == stack.aws_url
    assert environment["AWS_ENDPOINT_URL_S3"] == stack.s3_url
    assert environment["TZ"] == "UTC"
    assert environment["PATH"].split(os.pathsep)[0].endswith("bin")
    assert not [name for name in environment if name.lower().endswith("_proxy")]
    assert "AWS_PROFILE" not in environment


def _child(stack: Stack, run_id: str) -> int:
    stack.wait(SCORE, run_id, "RUNNING")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            words = [line.split() for line in stack.log(SCORE, run_id)]
        except ClientError:
            words = []
        if found := [int(word[1]) for word in words if word[0] == "child"]:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"{run_id} did not tell of its child")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"  # an orphan that ended stays in the table until somebody collects it


def test_a_changed_timeout_holds_from_the_next_run_on_and_the_rest_stays(stack: Stack) -> None:
    glue = stack.client("glue")
    before = glue.get_job(JobName=SCORE)["Job"]
    kept = ("Role", "Command", "DefaultArguments", "GlueVersion", "WorkerType", "NumberOfWorkers", "ExecutionProperty")
    update = {member: before[member] for member in kept}
    try:
        glue.update_job(JobName=SCORE, JobUpdate={**update, "Timeout": 7})
        run = stack.wait(SCORE, str(glue.start_job_run(JobName=SCORE, Arguments={"--behaviour": "return"})["JobRunId"]))
        after = glue.get_job(JobName=SCORE)["Job"]
    finally:
        glue.update_job(JobName=SCORE, JobUpdate={**update, "Timeout": before["Timeout"]})
    assert (run["Timeout"], run["JobRunState"]) == (7, "SUCCEEDED")
    assert {member: after[member] for member in kept} == update
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.update_job(JobName="nosuch", JobUpdate=update)
