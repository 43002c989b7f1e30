"""Changes of a stack: prepared, refused, executed, and explained when they fail."""

from __future__ import annotations

from typing import Any

import pytest

from infra.deploy.errors import DeployError
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from tests.unit.infra.deploy.fakes import FAILED_UPDATE, FakeFormation, quiet

pytestmark = pytest.mark.usefixtures("no_pause")
PRESENT = DeployedStack("x", "arn", "CREATE_COMPLETE")


def change_sets(formation: FakeFormation, role: str | None = None) -> ChangeSetClient:
    progress, _ = quiet()
    return ChangeSetClient(StackClient(formation, progress), progress, role)


def resource(kind: str, action: str = "Modify", replacement: str = "False") -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": "One", "ResourceType": kind, "Replacement": replacement}


def test_a_change_is_prepared_and_executed() -> None:
    formation = FakeFormation("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job")]
    change = change_sets(formation).prepare("x", PRESENT, "", {"a": "b"})
    assert change is not None
    assert change.describe() == ["Modify  One (AWS::Glue::Job)"]
    assert change_sets(formation).execute(change).status == "UPDATE_COMPLETE"
    assert formation.calls == ["create UPDATE", "execute"]


def test_cloudformation_gets_the_role_if_there_is_one() -> None:
    formation = FakeFormation("CREATE_COMPLETE")
    change_sets(formation, "arn:role").prepare("x", None, "", {})
    change_sets(formation).prepare("x", None, "", {})
    assert [request.get("RoleARN") for request in formation.requests] == ["arn:role", None]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_not_a_failure(reason: str) -> None:
    formation = FakeFormation("CREATE_COMPLETE")
    formation.change_set = {"Status": "FAILED", "StatusReason": reason}
    assert change_sets(formation).prepare("x", PRESENT, "", {}) is None
    assert formation.calls == ["create UPDATE", "discard"]


def test_a_rejected_change_is_reported_and_leaves_no_stack() -> None:
    formation = FakeFormation("REVIEW_IN_PROGRESS", "")
    formation.change_set = {"Status": "FAILED", "StatusReason": "Transform failed"}
    with pytest.raises(DeployError, match="stack x: CloudFormation rejects the change: Transform failed"):
        change_sets(formation).prepare("x", None, "", {})
    assert formation.calls == ["create CREATE", "discard", "delete"]


def test_a_rollback_is_reported_with_its_first_failure() -> None:
    formation = FakeFormation("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", events=FAILED_UPDATE)
    change = change_sets(formation).prepare("x", PRESENT, "", {})
    assert change is not None
    with pytest.raises(DeployError, match=r"UPDATE_ROLLBACK_COMPLETE: PushJob \(AWS::Glue::Job\): Invalid Glue"):
        change_sets(formation).execute(change)


@pytest.mark.parametrize("kind", ["AWS::MWAA::Environment", "AWS::S3::Bucket"])
@pytest.mark.parametrize(
    ("action", "replacement", "loss"),
    [("Modify", "True", "replaced"), ("Modify", "Conditional", "possibly replaced"), ("Remove", "", "removed")],
)
def test_losing_a_bucket_or_the_environment_is_refused(kind: str, action: str, replacement: str, loss: str) -> None:
    formation = FakeFormation("CREATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job"), resource(kind, action, replacement)]
    change = change_sets(formation).prepare("x", PRESENT, "", {})
    assert change is not None
    with pytest.raises(DeployError, match=rf"One \({kind}\) {loss} by this change.*--allow-replacement"):
        change.refuse_replacement()


def test_replacing_other_resources_is_allowed() -> None:
    formation = FakeFormation("CREATE_COMPLETE")
    formation.changes = [resource("AWS::Glue::Job", "Modify", "True"), resource("AWS::S3::Bucket", "Add", "")]
    change = change_sets(formation).prepare("x", PRESENT, "", {})
    assert change is not None
    change.refuse_replacement()
    assert change.describe()[0].endswith("REPLACED")
    assert not change.updates_mwaa()
