"""Stacks in every status: waited for, cleared away, or reported with a reason and a recovery command."""

from __future__ import annotations

import re

import pytest

from infra.deploy.environment_file import parse_environment
from infra.deploy.errors import DeployError
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from tests.unit.infra.deploy.fakes import FAILED_UPDATE, FakeFormation, quiet

pytestmark = pytest.mark.usefixtures("no_pause")


def stacks(formation: FakeFormation) -> StackClient:
    return StackClient(formation, quiet()[0])


def test_a_stack_that_does_not_exist_is_none() -> None:
    assert stacks(FakeFormation("")).wait_until_stable("x") is None


def test_an_operation_in_progress_is_waited_for() -> None:
    formation = FakeFormation("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE")
    stack = stacks(formation).wait_until_stable("x")
    assert stack is not None
    assert stack.status == "UPDATE_COMPLETE"


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_broken_stack_is_reported_with_a_recovery_command(status: str) -> None:
    with pytest.raises(DeployError, match=r"PushJob \(AWS::Glue::Job\): Invalid Glue version") as raised:
        stacks(FakeFormation(status, events=FAILED_UPDATE)).wait_until_stable("x")
    assert re.search(r"`aws cloudformation \S+ --stack-name x --region eu-central-1`", str(raised.value))


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_was_never_created_is_deleted(status: str) -> None:
    formation = FakeFormation(status, status, "")
    assert stacks(formation).clear_failed_creation("x") is None
    assert formation.calls == ["delete"]


def test_a_stack_that_was_created_is_kept() -> None:
    formation = FakeFormation("UPDATE_ROLLBACK_COMPLETE")
    assert stacks(formation).clear_failed_creation("x") is not None
    assert formation.calls == []


@pytest.mark.parametrize(("prefix", "commit"), [("releases/1a2b/jobs", "1a2b"), ("jobs/current", None), (None, None)])
def test_a_stack_names_the_release_that_it_runs(prefix: str | None, commit: str | None) -> None:
    parameters = {"ArtifactsPrefix": prefix} if prefix else {}
    assert DeployedStack("x", "arn", "CREATE_COMPLETE", parameters=parameters).release_commit == commit


@pytest.mark.parametrize(
    ("orchestrator", "statuses", "other"),
    [
        ("mwaa", ["UPDATE_COMPLETE"], "workflow"),
        ("workflow", ["UPDATE_COMPLETE"], "mwaa"),
        ("none", ["UPDATE_COMPLETE"], "mwaa"),
        ("none", ["", "CREATE_COMPLETE"], "workflow"),
    ],
)
def test_a_second_scheduler_is_refused(orchestrator: str, statuses: list[str], other: str) -> None:
    with pytest.raises(DeployError, match=f"delete-stack --stack-name engagement-{other} --region eu-central-1"):
        refuse(orchestrator, *statuses)


@pytest.mark.parametrize("status", ["", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_a_stack_that_was_never_created_is_no_scheduler(status: str) -> None:
    refuse("mwaa", status)


def refuse(orchestrator: str, *statuses: str) -> None:
    """Check for other schedulers, whose stacks have these statuses in turn."""
    text = f'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "{orchestrator}"\n'
    stacks(FakeFormation(*statuses)).refuse_two_schedulers(parse_environment("x", text))
