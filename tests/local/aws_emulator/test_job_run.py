"""Job runs of the Glue emulator, as far as tests of the jobs and the deploy tool do not cover them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_emulator.conftest import JOB
from tests.support.processes import is_alive

if TYPE_CHECKING:
    from tests.local.aws_emulator.conftest import Emulator


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_script_gets_its_arguments_and_its_output_is_logged(emulator: Emulator) -> None:
    run_id = emulator.start(Arguments={"--kept": "no", "--text": "a b ''", "--enable-metrics": ""}, Timeout=17)
    run = emulator.wait(run_id)
    assert run["JobRunState"] == "SUCCEEDED"
    assert run["Arguments"]["--kept"] == "no"
    assert (run["Timeout"], run["MaxCapacity"], run["StartedOn"] <= run["CompletedOn"]) == (17, 2.0, True)
    # Without the arguments that Glue consumes.
    words = f"hello --JOB_NAME {JOB} --JOB_RUN_ID {run_id} --kept no --behavior return --text a b ''"
    assert emulator.log(run_id) == [words]
    assert emulator.log(run_id, "error") == ["on standard error"]


@pytest.mark.parametrize(
    ("behavior", "message"),
    [
        ("raise", "ValueError: two lines:\nno such user"),
        ("exit", "SystemExit: 3"),
        ("abort", "Command failed with exit code 134"),
    ],
)
def test_a_failure_sets_the_error_message(emulator: Emulator, behavior: str, message: str) -> None:
    run_id = emulator.start(behavior)
    run = emulator.wait(run_id)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", message)
    # The traceback starts in the script.
    assert not [line for line in emulator.log(run_id, "error") if "launch.py" in line or "runpy" in line]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--extra-py-files": "s3://code/none.zip"}, "LAUNCH ERROR | Error downloading from S3 for bucket: code"),
        ({"--conf": "spark.speculation"}, "LAUNCH ERROR | --conf: expected name=value, got 'spark.speculation'"),
    ],
)
def test_a_run_that_cannot_start_has_failed(emulator: Emulator, arguments: dict[str, str], message: str) -> None:
    run = emulator.wait(emulator.start(Arguments=arguments))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith(message)


def test_stopping_a_run_ends_all_its_processes(emulator: Emulator) -> None:
    run_id, glue = emulator.start("hang"), emulator.client("glue")
    pids = emulator.pids(run_id)
    with pytest.raises(ClientError, match="Concurrent runs exceeded") as error:
        emulator.start()
    assert code_of(error) == "ConcurrentRunsExceededException"
    response = glue.batch_stop_job_run(JobName=JOB, JobRunIds=[run_id, "jr_unknown"])
    assert response["SuccessfulSubmissions"] == [{"JobName": JOB, "JobRunId": run_id}]
    assert response["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert emulator.wait(run_id)["JobRunState"] == "STOPPED"
    assert not any(map(is_alive, pids))
    again = glue.batch_stop_job_run(JobName=JOB, JobRunIds=[run_id])
    assert again["Errors"][0]["ErrorDetail"]["ErrorCode"] == "JobRunInvalidStateTransitionException"


def test_a_run_that_exceeds_its_timeout_is_stopped(emulator: Emulator) -> None:
    run_id = emulator.start("hang", Timeout=2)
    pids = emulator.pids(run_id)
    assert emulator.wait(run_id)["JobRunState"] == "TIMEOUT"
    assert not any(map(is_alive, pids))


def test_runs_are_listed_newest_first_in_pages(emulator: Emulator) -> None:
    ids = []
    for _ in range(3):
        ids.append(emulator.start())
        emulator.wait(ids[-1])
    glue = emulator.client("glue")
    first = glue.get_job_runs(JobName=JOB, MaxResults=2)
    assert [run["Id"] for run in first["JobRuns"]] == [ids[2], ids[1]]
    second = glue.get_job_runs(JobName=JOB, MaxResults=2, NextToken=first["NextToken"])
    assert second["JobRuns"][0]["Id"] == ids[0]


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("start_job_run", {"JobName": "none"}),
        ("get_job_runs", {"JobName": "none"}),
        ("get_job_run", {"JobName": JOB, "RunId": "jr_unknown"}),
    ],
)
def test_unknown_jobs_and_runs_are_not_found(emulator: Emulator, action: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        getattr(emulator.client("glue"), action)(**parameters)
    assert code_of(error) == "EntityNotFoundException"


def test_a_job_gets_a_clean_environment(emulator: Emulator) -> None:
    run_id = emulator.start("environment")
    emulator.wait(run_id)
    environment = json.loads(emulator.log(run_id)[1])
    assert environment["AWS_ENDPOINT_URL"] == emulator.aws_url
    assert environment["AWS_ENDPOINT_URL_S3"] == emulator.s3_url
    assert environment["PATH"].split(os.pathsep)[0].endswith("bin")
    assert not [name for name in environment if name.lower().endswith("_proxy")]
    assert "AWS_PROFILE" not in environment


def test_an_update_applies_to_the_next_run(emulator: Emulator) -> None:
    glue = emulator.client("glue")
    before = glue.get_job(JobName=JOB)["Job"]
    kept = {name: before[name] for name in ("Role", "Command", "DefaultArguments")}
    try:
        glue.update_job(JobName=JOB, JobUpdate={**kept, "Timeout": 7})
        assert emulator.wait(emulator.start())["Timeout"] == 7
        assert {name: glue.get_job(JobName=JOB)["Job"][name] for name in kept} == kept
    finally:
        glue.update_job(JobName=JOB, JobUpdate={**kept, "Timeout": before["Timeout"]})
