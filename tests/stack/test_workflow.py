"""Days without Airflow: infra/workflow.yaml, deployed next to the pipeline and started as by its schedule."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.aws_emulator.cloudformation.desired_state import resolve_template
from local.processes import REPOSITORY
from local.stack import SECRET_ID, RunningStack, deploy_template
from tests.stack.conftest import World
from tests.stack.expected import expected_scores

pytestmark = pytest.mark.timeout(1200)
TEMPLATE = REPOSITORY / "infra" / "workflow.yaml"
_SECONDS = 400


@dataclass(frozen=True)
class Ended:
    """An ended workflow run: its state and the runs of its jobs."""

    status: str
    score: list[dict[str, Any]]
    push: list[dict[str, Any]]


@dataclass(frozen=True)
class Nightly:
    """The deployed workflow.

    :param target: the target of its schedule
    """

    stack: RunningStack
    name: str
    target: dict[str, Any]

    def start_on(self, moment: datetime) -> Ended:
        """Start it as EventBridge Scheduler does at the scheduled time."""
        assert self.target["Arn"].endswith(":scheduler:::aws-sdk:glue:startWorkflowRun")
        scheduled = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        request = self.target["Input"].replace("<aws.scheduler.scheduled-time>", scheduled)
        return self._ended(**json.loads(request))

    def start(self, properties: dict[str, str]) -> Ended:
        """Start it with given run properties."""
        return self._ended(Name=self.name, RunProperties=properties)

    def _ended(self, **request: Any) -> Ended:
        glue = self.stack.client("glue")
        run_id = glue.start_workflow_run(**request)["RunId"]
        deadline = time.monotonic() + _SECONDS
        while (run := glue.get_workflow_run(Name=self.name, RunId=run_id)["Run"])["Status"] == "RUNNING":
            assert time.monotonic() < deadline, run
            time.sleep(0.3)
        of_jobs = [
            [
                one
                for one in glue.get_job_runs(JobName=self.stack.outputs[output])["JobRuns"]
                if one["Arguments"].get("--WORKFLOW_RUN_ID") == run_id
            ]
            for output in ("ScoreJobName", "PushJobName")
        ]
        return Ended(run["Status"], *of_jobs)


@pytest.fixture(scope="module")
def deployed(session_world: World) -> Iterator[Nightly]:
    stack = session_world.stack
    names = ("ActivityBucketName", "OutputBucketName", "ScoreJobName", "PushJobName", "NotificationTopicArn")
    parameters = {name: stack.outputs[name] for name in names} | {
        "BaseUrl": stack.crm_url,
        "AllowHttp": "true",
        "CrmSecretId": SECRET_ID,
        "PushMode": "all",
        "MaxRequestsPerSecond": "2000",
        "UnavailableTimeoutSeconds": "5",
    }
    name, template = "engagement-workflow", TEMPLATE.read_text()
    outputs = deploy_template(stack.aws_url, name, template, parameters)
    schedule = resolve_template(template, parameters, name).resources["NightlySchedule"]
    yield Nightly(stack, outputs["WorkflowName"], schedule.properties["Target"])
    stack.client("cloudformation").delete_stack(StackName=name)


@pytest.fixture
def nightly(deployed: Nightly, world: World) -> Nightly:
    """The workflow, with an empty output bucket and a CRM without users."""
    assert world.stack is deployed.stack
    return deployed


def at_half_past_three(days_ago: int = 0) -> datetime:
    """Return the scheduled time of a recent day, because old dates are not sent."""
    return datetime.now(UTC).replace(hour=3, minute=30, second=0, microsecond=0) - timedelta(days=days_ago)


def manifest(world: World, folder: str, score_date: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.output / folder / f"dt={score_date}" / "_manifest.json").read_text())
    return found


def test_a_day_is_delivered_and_never_twice(world: World, nightly: Nightly) -> None:
    moment = at_half_past_three()
    day = moment.date().isoformat()
    expected = expected_scores(world.upload(day))

    ended = nightly.start_on(moment)

    assert ended.status == "COMPLETED"
    assert [run["JobRunState"] for run in (*ended.score, *ended.push)] == ["SUCCEEDED", "SUCCEEDED"], ended
    assert ended.score[0]["CompletedOn"] <= ended.push[0]["StartedOn"]
    assert world.crm_scores() == expected
    assert world.crm_stats()["requests"] == len(expected) == 10_000
    scores, delivery = manifest(world, "scores", day), manifest(world, "responses", day)
    scored_at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (scores["scored_at"], scores["run_id"]) == (scored_at, f"workflow__{scored_at}")
    assert scores["input"][0]["key"] == f"activity/dt={day}/activity.parquet"
    assert (delivery["run_id"], delivery["mode"]) == (scores["run_id"], "all")
    assert delivery["outcomes"]["delivered"] == 10_000

    again = nightly.start_on(moment)

    assert again.push[0]["JobRunState"] == "SUCCEEDED"
    assert world.crm_stats()["requests"] == 10_000
    assert manifest(world, "responses", day)["outcomes"]["delivered"] == 10_000
    assert manifest(world, "scores", day)["sha256"] == scores["sha256"]


def test_the_message_says_how_to_rerun_a_missing_extract(world: World, nightly: Nightly) -> None:
    moment = at_half_past_three(days_ago=1)
    day = moment.date().isoformat()

    ended = nightly.start_on(moment)

    assert ended.status == "COMPLETED"
    assert ended.push == []
    (failed,) = ended.score
    assert failed["JobRunState"] == "FAILED"
    key = f"s3://{world.stack.outputs['ActivityBucketName']}/activity/dt={day}/activity.parquet"
    assert f"{key} does not exist" in failed["ErrorMessage"]
    assert world.crm_stats()["requests"] == 0
    assert not (world.output / "scores").exists()

    advice = re.search(r"start the workflow (\S+) again with the run properties (\S+)\.", failed["ErrorMessage"])
    assert advice, failed["ErrorMessage"]
    assert advice[1] == nightly.name
    world.upload(day, rows=500)
    ended = nightly.start(dict(pair.split("=", 1) for pair in advice[2].split(",")))
    assert [run["JobRunState"] for run in (*ended.score, *ended.push)] == ["SUCCEEDED", "SUCCEEDED"], ended
    assert len(world.crm_scores()) == 500


def test_an_old_date_is_sent_only_with_a_push_mode(world: World, nightly: Nightly) -> None:
    world.upload("2026-01-06", rows=300)

    ended = nightly.start({"score_date": "2026-01-06"})

    assert [run["JobRunState"] for run in (*ended.score, *ended.push)] == ["SUCCEEDED", "FAILED"], ended
    assert "nothing was sent" in ended.push[0]["ErrorMessage"]
    assert "score_date=2026-01-06,push_mode=all" in ended.push[0]["ErrorMessage"]
    assert world.crm_stats()["requests"] == 0

    ended = nightly.start({"score_date": "2026-01-06", "push_mode": "all", "limit": "200"})

    assert ended.push[0]["JobRunState"] == "SUCCEEDED", ended
    assert len(world.crm_scores()) == 200
    assert manifest(world, "responses", "2026-01-06")["outcomes"]["planned"] == 100
