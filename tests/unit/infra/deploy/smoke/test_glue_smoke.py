"""The smoke run without Airflow: a dry run of both jobs with the arguments of the workflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.smoke.glue_smoke import GlueSmoke
from infra.deploy.smoke.newest_extract import NewestExtract
from tests.unit.infra.deploy.fakes import quiet

pytestmark = pytest.mark.usefixtures("no_pause")
COMMIT = "a1b2c3d4e5f6" + "0" * 28
KEY = "activity/dt=2026-11-24/activity.parquet"
EXTRACT = NewestExtract("2026-11-24", KEY, {KEY: "etag"})
TRIGGERS = [
    {"WorkflowName": "other", "Actions": [{"JobName": "push", "Arguments": {"--base_url": "https://other"}}]},
    {"WorkflowName": "engagement", "Actions": [{"JobName": "score", "Arguments": {"--activity_key": "{score_date}"}}]},
    {
        "WorkflowName": "engagement",
        "Actions": [{"JobName": "push", "Arguments": {"--base_url": "https://crm", "--push_mode": "all"}}],
    },
]


class FakeGlue:
    """Job runs that end in the given states.

    :param ends: final state by job; SUCCEEDED by default
    """

    def __init__(self, **ends: str) -> None:
        self.ends = ends
        self.started: list[tuple[str, dict[str, str]]] = []
        self.polls = 0

    def get_paginator(self, _: str) -> FakeGlue:
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        yield from ({"Triggers": [trigger]} for trigger in TRIGGERS)

    def start_job_run(self, JobName: str, Arguments: dict[str, str]) -> dict[str, str]:  # noqa: N803
        self.started.append((JobName, Arguments))
        return {"JobRunId": "jr"}

    def get_job_run(self, JobName: str, RunId: str) -> dict[str, Any]:  # noqa: N803, ARG002
        self.polls += 1
        state = "RUNNING" if self.polls % 2 else self.ends.get(JobName, "SUCCEEDED")
        return {"JobRun": {"JobRunState": state, "ErrorMessage": "column missing"}}

    def get_job_runs(self, JobName: str, MaxResults: int) -> dict[str, Any]:  # noqa: N803, ARG002
        runs = [{"Arguments": given} for name, given in reversed(self.started) if name == JobName]
        return {"JobRuns": [{**run, "JobRunState": self.ends.get(JobName, "SUCCEEDED")} for run in runs]}


def smoke(glue: FakeGlue, commit: str = COMMIT) -> GlueSmoke:
    return GlueSmoke(glue, quiet()[0], commit, "engagement", ("score", "push"))


def test_both_jobs_run_dry_with_the_workflows_arguments() -> None:
    glue = FakeGlue()
    assert smoke(glue).activity_key() == "{score_date}"
    smoke(glue).run("activity", EXTRACT)
    (score, score_arguments), (push, push_arguments) = glue.started
    assert (score, push) == ("score", "push")
    assert score_arguments["--input_uri"] == f"s3://activity/{EXTRACT.key}"
    assert score_arguments["--input_etags"] == f'{{"{EXTRACT.key}": "etag"}}'
    assert (push_arguments["--base_url"], push_arguments["--push_mode"]) == ("https://crm", "dry_run")
    assert score_arguments["--run_id"] == push_arguments["--run_id"]
    assert smoke(glue).has_passed()
    assert not smoke(glue, "f" * 40).has_passed()


@pytest.mark.parametrize(("job", "started"), [("score", 1), ("push", 2)])
def test_a_failed_job_fails_the_smoke_run(job: str, started: int) -> None:
    glue = FakeGlue(**{job: "FAILED"})
    with pytest.raises(DeployError, match=f"{job} jr is FAILED: column missing"):
        smoke(glue).run("activity", EXTRACT)
    assert len(glue.started) == started
    assert not smoke(glue).has_passed()


def test_a_workflow_without_its_trigger_is_reported() -> None:
    with pytest.raises(DeployError, match="workflow elsewhere: no trigger starts score"):
        GlueSmoke(FakeGlue(), quiet()[0], COMMIT, "elsewhere", ("score", "push")).activity_key()
