"""Workflows of the Glue stand-in: triggers that start jobs in order, runs that end, the template's types."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.local.aws.conftest import Stack

SCRIPT = "s3://engagement-artifacts-123456789012/jobs/current/score_users.py"
ARCHIVE = "s3://engagement-artifacts-123456789012/jobs/current/engagement_jobs.zip"


@dataclass
class Workflow:
    """A workflow of a test's own: its name begins the names of its triggers and jobs."""

    stack: Stack
    name: str = field(default_factory=lambda: f"w{uuid.uuid4().hex[:8]}")

    @property
    def glue(self) -> Any:
        return self.stack.client("glue")

    def job(self, suffix: str) -> str:
        name = f"{self.name}-{suffix}"
        self.glue.create_job(
            Name=name,
            Role="arn:aws:iam::123456789012:role/any",
            Command={"Name": "glueetl", "ScriptLocation": SCRIPT, "PythonVersion": "3"},
            DefaultArguments={"--extra-py-files": ARCHIVE, "--kept": "yes"},
            Timeout=30,
        )
        return name

    def trigger(self, suffix: str, jobs: dict[str, str], after: dict[str, str] | None = None, **more: Any) -> str:
        """Start `jobs` (name to behaviour) at once, or after each of `after` (name) has come to its state."""
        name = f"{self.name}-{suffix}"
        if after is not None:
            conditions = [{"LogicalOperator": "EQUALS", "JobName": job, "State": state} for job, state in after.items()]
            more.setdefault("StartOnCreation", True)
            more["Predicate"] = {"Conditions": conditions, **more.pop("Predicate", {})}
        self.glue.create_trigger(
            Name=name,
            WorkflowName=self.name,
            Type="ON_DEMAND" if after is None else "CONDITIONAL",
            Actions=[{"JobName": job, "Arguments": {"--behaviour": behaviour}} for job, behaviour in jobs.items()],
            **more,
        )
        return name

    def start(self, **properties: str) -> str:
        return str(self.glue.start_workflow_run(Name=self.name, RunProperties=properties)["RunId"])

    def run(self, run_id: str, **more: Any) -> dict[str, Any]:
        return dict(self.glue.get_workflow_run(Name=self.name, RunId=run_id, **more)["Run"])

    def wait(self, run_id: str, seconds: float = 40) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (run := self.run(run_id))["Status"] in ("RUNNING", "STOPPING"):
            assert time.monotonic() < deadline, run
            time.sleep(0.1)
        return run

    def runs_of(self, job: str) -> list[dict[str, Any]]:
        return list(self.glue.get_job_runs(JobName=job)["JobRuns"])


@pytest.fixture
def workflow(stack: Stack) -> Iterator[Workflow]:
    made = Workflow(stack)
    made.glue.create_workflow(Name=made.name, DefaultRunProperties={"of": "the workflow", "kept": "yes"})
    yield made
    for run in made.glue.get_workflow_runs(Name=made.name)["Runs"]:
        if run["Status"] == "RUNNING":
            made.glue.stop_workflow_run(Name=made.name, RunId=run["WorkflowRunId"])
            made.wait(run["WorkflowRunId"])


@pytest.fixture
def two_jobs(workflow: Workflow) -> tuple[str, str]:
    return workflow.job("first"), workflow.job("second")


def statistics(**counts: int) -> dict[str, int]:
    kinds = ("Succeeded", "Failed", "Timeout", "Stopped", "Errored", "Running", "Waiting")
    return {"TotalActions": sum(counts.values()), **{f"{kind}Actions": counts.get(kind, 0) for kind in kinds}}


def refused(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refusal:
        call(**given)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def test_the_second_job_starts_once_the_first_has_succeeded(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    workflow.trigger("start", {first: "return"})
    workflow.trigger("then", {second: "return"}, after={first: "SUCCEEDED"})
    run_id = workflow.start(scheduled_time="2026-11-23T03:30:00Z", of="this run")

    run = workflow.wait(run_id)

    assert (run["Name"], run["WorkflowRunId"], run["Status"]) == (workflow.name, run_id, "COMPLETED")
    assert run["WorkflowRunProperties"] == {
        "scheduled_time": "2026-11-23T03:30:00Z",
        "of": "this run",
        "kept": "yes",
    }
    assert run["Statistics"] == statistics(Succeeded=2)
    assert run["StartedOn"] < run["CompletedOn"]
    (one,), (other,) = workflow.runs_of(first), workflow.runs_of(second)
    assert (one["JobRunState"], other["JobRunState"]) == ("SUCCEEDED", "SUCCEEDED")
    assert one["CompletedOn"] <= other["StartedOn"]
    for told in (one, other):
        assert told["Arguments"]["--WORKFLOW_NAME"] == workflow.name
        assert told["Arguments"]["--WORKFLOW_RUN_ID"] == run_id
        assert (told["Arguments"]["--behaviour"], told["Arguments"]["--kept"]) == ("return", "yes")


def test_the_script_is_told_which_run_it_is_part_of(workflow: Workflow) -> None:
    job = workflow.job("only")
    workflow.trigger("start", {job: "return"})
    run_id = workflow.start()
    workflow.wait(run_id)
    (run,) = workflow.runs_of(job)
    events = workflow.stack.client("logs").get_log_events(
        logGroupName="/aws-glue/jobs/output", logStreamName=run["Id"], startFromHead=True
    )["events"]
    assert f"--WORKFLOW_NAME {workflow.name} --WORKFLOW_RUN_ID {run_id}" in events[0]["message"]


def test_a_first_job_that_fails_starts_nothing_more(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    workflow.trigger("start", {first: "raise"})
    workflow.trigger("then", {second: "return"}, after={first: "SUCCEEDED"})
    run = workflow.wait(workflow.start())
    # As in Glue: the run is over, and how its jobs ended is told by the statistics alone.
    assert (run["Status"], run["Statistics"]) == ("COMPLETED", statistics(Failed=1))
    assert workflow.runs_of(second) == []


@pytest.mark.parametrize(("logical", "fires"), [("AND", False), ("ANY", True)])
def test_several_conditions(workflow: Workflow, two_jobs: tuple[str, str], logical: str, fires: bool) -> None:
    third = workflow.job("third")
    workflow.trigger("start", dict(zip(two_jobs, ("return", "raise"), strict=True)))
    after = dict.fromkeys(two_jobs, "SUCCEEDED")
    workflow.trigger("then", {third: "return"}, after=after, Predicate={"Logical": logical})
    run = workflow.wait(workflow.start())
    assert run["Statistics"] == statistics(Succeeded=1 + fires, Failed=1)
    assert len(workflow.runs_of(third)) == fires


def test_a_trigger_that_is_switched_off_does_not_fire(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    workflow.trigger("start", {first: "return"})
    then = workflow.trigger("then", {second: "return"}, after={first: "SUCCEEDED"}, StartOnCreation=False)
    workflow.wait(workflow.start())
    assert workflow.runs_of(second) == []
    workflow.glue.start_trigger(Name=then)
    assert workflow.wait(workflow.start())["Statistics"] == statistics(Succeeded=2)


def test_no_more_runs_at_a_time_than_allowed(workflow: Workflow) -> None:
    job = workflow.job("only")
    workflow.trigger("start", {job: "hang"})
    workflow.glue.update_workflow(Name=workflow.name, MaxConcurrentRuns=1)
    run_id = workflow.start()
    assert refused(workflow.start)[0] == "ConcurrentRunsExceededException"
    assert workflow.run(run_id)["Statistics"] == statistics(Running=1)


def test_stopping_ends_the_jobs_and_starts_no_others(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    workflow.trigger("start", {first: "hang"})
    workflow.trigger("then", {second: "return"}, after={first: "STOPPED"})
    run_id = workflow.start()
    workflow.glue.stop_workflow_run(Name=workflow.name, RunId=run_id)
    run = workflow.wait(run_id)
    assert (run["Status"], run["Statistics"]) == ("STOPPED", statistics(Stopped=len(workflow.runs_of(first))))
    assert workflow.runs_of(second) == []
    code, message = refused(workflow.glue.stop_workflow_run, Name=workflow.name, RunId=run_id)
    assert (code, "STOPPED" in message) == ("IllegalWorkflowStateException", True)


def test_a_busy_job_and_one_that_is_gone(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    busy, gone = two_jobs
    workflow.trigger("start", {busy: "return", gone: "return"})
    workflow.glue.delete_job(JobName=gone)
    by_hand = workflow.glue.start_job_run(JobName=busy, Arguments={"--behaviour": "hang"})["JobRunId"]
    try:
        run = workflow.wait(workflow.start())
    finally:
        workflow.glue.batch_stop_job_run(JobName=busy, JobRunIds=[by_hand])
    assert run["Statistics"] == statistics(Failed=1, Errored=1)
    newest = workflow.runs_of(busy)[0]
    assert (newest["JobRunState"], newest["ErrorMessage"]) == ("FAILED", f"Concurrent runs exceeded for {busy}")


def test_runs_are_listed_newest_first_in_pages_and_kept_apart(workflow: Workflow) -> None:
    workflow.trigger("start", {workflow.job("only"): "return"})
    ids = []
    for number in range(3):
        ids.append(workflow.start(number=str(number)))
        workflow.wait(ids[-1])
    glue = workflow.glue
    first = glue.get_workflow_runs(Name=workflow.name, MaxResults=2)
    second = glue.get_workflow_runs(Name=workflow.name, MaxResults=2, NextToken=first["NextToken"])
    listed = [*first["Runs"], *second["Runs"]]
    assert [run["WorkflowRunId"] for run in listed] == ids[::-1]
    assert [run.get("PreviousRunId") for run in listed] == [ids[1], ids[0], None]
    assert "NextToken" not in second
    for number, run_id in enumerate(ids):
        properties = glue.get_workflow_run_properties(Name=workflow.name, RunId=run_id)["RunProperties"]
        assert properties["number"] == str(number)
    assert glue.get_workflow(Name=workflow.name)["Workflow"]["LastRun"]["WorkflowRunId"] == ids[-1]


def test_the_graph_tells_what_leads_where(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    start = workflow.trigger("start", {first: "return"})
    then = workflow.trigger("then", {second: "return"}, after={first: "SUCCEEDED"})
    run_id = workflow.start()
    workflow.wait(run_id)
    assert "Graph" not in workflow.run(run_id)
    graph = workflow.run(run_id, IncludeGraph=True)["Graph"]
    assert {(edge["SourceId"], edge["DestinationId"]) for edge in graph["Edges"]} == {
        (start, first),
        (first, then),
        (then, second),
    }
    states = {
        node["Name"]: [run["JobRunState"] for run in node["JobDetails"]["JobRuns"]]
        for node in graph["Nodes"]
        if node["Type"] == "JOB"
    }
    assert states == {first: ["SUCCEEDED"], second: ["SUCCEEDED"]}


def test_what_glue_refuses(workflow: Workflow, two_jobs: tuple[str, str]) -> None:
    first, second = two_jobs
    glue = workflow.glue
    assert refused(workflow.start)[0] == "InvalidInputException"  # without a trigger to start from
    workflow.trigger("start", {first: "return"})
    assert refused(glue.create_workflow, Name=workflow.name)[0] == "AlreadyExistsException"
    assert refused(glue.start_workflow_run, Name="nobody")[0] == "EntityNotFoundException"
    assert refused(glue.get_workflow_run, Name=workflow.name, RunId="wr_unknown")[0] == "EntityNotFoundException"
    trigger = {"Type": "ON_DEMAND", "WorkflowName": workflow.name, "Actions": [{"JobName": second}]}
    assert refused(glue.create_trigger, Name=f"{workflow.name}-start", **trigger)[0] == "AlreadyExistsException"
    assert "start trigger" in refused(glue.create_trigger, Name=f"{workflow.name}-other", **trigger)[1]
    elsewhere = {**trigger, "WorkflowName": "nobody"}
    assert refused(glue.create_trigger, Name=f"{workflow.name}-x", **elsewhere)[0] == "EntityNotFoundException"
    alone = {"Type": "ON_DEMAND", "Actions": [{"JobName": second}], "StartOnCreation": True}
    assert "StartOnCreation" in refused(glue.create_trigger, Name=f"{workflow.name}-y", **alone)[1]


def template(name: str, job: str, **changes: Any) -> str:
    """One job after itself: enough for both types."""
    started = {"JobName": job, "Arguments": {"--behaviour": "return", "--rate": 50, "--force": False}}
    condition = {"LogicalOperator": "EQUALS", "JobName": job, "State": "SUCCEEDED"}
    resources = {
        "Workflow": {
            "Type": "AWS::Glue::Workflow",
            "Properties": {"Name": name, "MaxConcurrentRuns": 1, "DefaultRunProperties": {"a": "b"}, **changes},
        },
        "Start": {
            "Type": "AWS::Glue::Trigger",
            "Properties": {
                "Name": f"{name}-start",
                "Type": "ON_DEMAND",
                "WorkflowName": {"Ref": "Workflow"},
                "Actions": [started],
            },
        },
        "Then": {
            "Type": "AWS::Glue::Trigger",
            "Properties": {
                "Name": f"{name}-then",
                "Type": "CONDITIONAL",
                "StartOnCreation": True,
                "WorkflowName": {"Ref": "Workflow"},
                "Predicate": {"Conditions": [condition]},
                "Actions": [{"JobName": job, "Arguments": {"--behaviour": "return", **changes}}],
            },
        },
    }
    outputs = {logical: {"Value": {"Ref": logical}} for logical in resources}
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs})


def test_a_template_makes_changes_and_removes_a_workflow(stack: Stack) -> None:
    workflow = Workflow(stack)
    job = workflow.job("only")
    glue, formation = workflow.glue, stack.client("cloudformation")
    formation.create_stack(StackName=workflow.name, TemplateBody=template(workflow.name, job))
    (made,) = formation.describe_stacks(StackName=workflow.name)["Stacks"]
    assert {one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]} == {
        "Workflow": workflow.name,
        "Start": f"{workflow.name}-start",
        "Then": f"{workflow.name}-then",
    }
    run = workflow.wait(workflow.start())
    assert (run["Statistics"], run["WorkflowRunProperties"]) == (statistics(Succeeded=2), {"a": "b"})
    first = workflow.runs_of(job)[-1]["Arguments"]
    assert (first["--rate"], first["--force"]) == ("50", "false")

    formation.update_stack(
        StackName=workflow.name, TemplateBody=template(workflow.name, job, Description="changed", MaxConcurrentRuns=2)
    )
    told = glue.get_workflow(Name=workflow.name)["Workflow"]
    assert (told["Description"], told["MaxConcurrentRuns"]) == ("changed", 2)
    assert told["LastRun"]["WorkflowRunId"] == run["WorkflowRunId"]
    then = glue.get_trigger(Name=f"{workflow.name}-then")["Trigger"]
    assert (then["State"], then["Actions"][0]["Arguments"]["Description"]) == ("ACTIVATED", "changed")

    formation.delete_stack(StackName=workflow.name)
    assert refused(glue.get_workflow, Name=workflow.name)[0] == "EntityNotFoundException"
    assert refused(glue.get_trigger, Name=f"{workflow.name}-then")[0] == "EntityNotFoundException"
