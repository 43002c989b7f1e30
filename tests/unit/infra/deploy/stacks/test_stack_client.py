"""Stacks in every state: waited for, cleared away, or told with what failed first and the command that mends it."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest

from infra.deploy.deployment import POLICY
from infra.deploy.environment_file import parse_environment
from infra.deploy.errors import DeployError
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from tests.unit.infra.deploy.fakes import Formation, event, quiet

pytestmark = pytest.mark.usefixtures("no_pause")
# The newest first, as CloudFormation tells them; what came before the user's last wish is history.
FAILED = [
    event("stack", "UPDATE_ROLLBACK_COMPLETE"),
    event("stack", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [PushJob]."),
    event("PushRole", "UPDATE_FAILED", "Resource update cancelled"),
    event("PushJob", "UPDATE_FAILED", "Invalid Glue version"),
    event("ScoreRole", "UPDATE_FAILED", "Resource update cancelled"),  # times can be equal, and the order chance
    event("stack", "UPDATE_IN_PROGRESS", "User Initiated"),
    event("ScoreJob", "UPDATE_FAILED", "an older trouble"),
]


def stacks(formation: Formation) -> StackClient:
    return StackClient(formation, quiet()[0])


def changes(formation: Formation) -> ChangeSetClient:
    progress, _ = quiet()
    return ChangeSetClient(StackClient(formation, progress), progress)


def resource(kind: str, action: str = "Modify", replacement: str = "False") -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": "One", "ResourceType": kind, "Replacement": replacement}


def test_a_stack_that_is_not_there_is_none() -> None:
    assert stacks(Formation("")).wait_until_stable("x") is None


def test_what_is_in_progress_is_waited_for() -> None:
    formation = Formation("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE")
    found = stacks(formation).wait_until_stable("x")
    assert found is not None
    assert found.status == "UPDATE_COMPLETE"


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_FAILED", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_broken_stack_is_told_with_the_reason_and_what_to_do(status: str) -> None:
    with pytest.raises(DeployError, match=r"PushJob \(AWS::Glue::Job\): Invalid Glue version") as raised:
        stacks(Formation(status, events=FAILED)).wait_until_stable("x")
    assert re.search(r"`aws cloudformation \S+ --stack-name x --region eu-central-1`", str(raised.value))


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_never_came_to_be_is_deleted(status: str) -> None:
    formation = Formation(status, status, "")
    assert stacks(formation).clear_failed_creation("x") is None
    assert formation.calls == ["delete"]


def test_a_stack_that_is_there_is_left_alone() -> None:
    formation = Formation("UPDATE_ROLLBACK_COMPLETE")
    assert stacks(formation).clear_failed_creation("x") is not None
    assert formation.calls == []


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
def test_what_never_came_to_be_schedules_nothing(status: str) -> None:
    refuse("mwaa", status)


def refuse(orchestrator: str, *statuses: str) -> None:
    """Look for other schedulers, whose stacks have these statuses in turn."""
    text = f'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "{orchestrator}"\n'
    stacks(Formation(*statuses)).refuse_two_schedulers(parse_environment("x", text))


def test_the_stack_policy_is_set_where_it_is_not() -> None:
    formation = Formation("")
    assert stacks(formation).guard("x", POLICY)
    assert not stacks(formation).guard("x", POLICY)
    assert [json.loads(text) for text in formation.policies] == [json.loads(POLICY.read_text())]


def test_the_stack_policy_comes_back_whatever_happens() -> None:
    formation = Formation("")
    stacks(formation).guard("x", POLICY)
    with contextlib.suppress(KeyboardInterrupt), stacks(formation).unguarded("x", POLICY):
        raise KeyboardInterrupt
    assert "Deny" not in formation.policies[-2]
    assert json.loads(formation.policies[-1]) == json.loads(POLICY.read_text())


def test_a_change_is_made_and_awaited() -> None:
    formation = Formation("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job")]
    change = changes(formation).prepare("x", DeployedStack("x", "arn", "CREATE_COMPLETE"), "", {"a": "b"})
    assert change is not None
    assert change.describe() == ["Modify  One (AWS::Glue::Job)"]
    assert changes(formation).execute(change).status == "UPDATE_COMPLETE"
    assert formation.calls == ["create UPDATE", "execute"]


def test_cloudformation_acts_with_the_role_that_it_is_given() -> None:
    formation = Formation("CREATE_COMPLETE")
    progress, _ = quiet()
    ChangeSetClient(StackClient(formation, progress), progress, "arn:role").prepare("x", None, "", {})
    changes(formation).prepare("x", None, "", {})
    assert [asked.get("RoleARN") for asked in formation.asked] == ["arn:role", None]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_no_failure(reason: str) -> None:
    formation = Formation("CREATE_COMPLETE")
    formation.change_set = {"Status": "FAILED", "StatusReason": reason}
    assert changes(formation).prepare("x", DeployedStack("x", "arn", "CREATE_COMPLETE"), "", {}) is None
    assert formation.calls == ["create UPDATE", "discard"]


def test_a_change_that_is_refused_is_told() -> None:
    formation = Formation("REVIEW_IN_PROGRESS", "")
    formation.change_set = {"Status": "FAILED", "StatusReason": "Transform failed"}
    with pytest.raises(DeployError, match="stack x: CloudFormation refuses the change: Transform failed"):
        changes(formation).prepare("x", None, "", {})
    assert formation.calls == ["create CREATE", "discard", "delete"]  # no empty stack is left


def test_a_rollback_is_reported_with_what_failed_first() -> None:
    formation = Formation("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", events=FAILED)
    change = changes(formation).prepare("x", DeployedStack("x", "arn", "CREATE_COMPLETE"), "", {})
    assert change is not None
    with pytest.raises(DeployError, match=r"UPDATE_ROLLBACK_COMPLETE: PushJob \(AWS::Glue::Job\): Invalid Glue"):
        changes(formation).execute(change)


@pytest.mark.parametrize("kind", ["AWS::MWAA::Environment", "AWS::S3::Bucket"])
@pytest.mark.parametrize(
    ("action", "replacement", "words"),
    [("Modify", "True", "replaced"), ("Modify", "Conditional", "perhaps replaced"), ("Remove", "", "removed")],
)
def test_losing_a_bucket_or_the_environment_is_refused(kind: str, action: str, replacement: str, words: str) -> None:
    formation = Formation("CREATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job"), resource(kind, action, replacement)]
    change = changes(formation).prepare("x", DeployedStack("x", "arn", "CREATE_COMPLETE"), "", {})
    assert change is not None
    with pytest.raises(DeployError, match=rf"One \({kind}\) {words} by this change.*--allow-replacement"):
        change.refuse_replacement()


def test_replacing_anything_else_is_not() -> None:
    formation = Formation("CREATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job", "Modify", "True"), resource("AWS::S3::Bucket", "Add", "")]
    change = changes(formation).prepare("x", DeployedStack("x", "arn", "CREATE_COMPLETE"), "", {})
    assert change is not None
    change.refuse_replacement()
    assert change.describe()[0].endswith("REPLACED")
    assert not change.updates_mwaa()
