"""One scheduler at most: another one than the environment's is refused with the command that removes it."""

from __future__ import annotations

import pytest

from infra.deploy.environment import parse
from infra.deploy.errors import DeployError
from infra.deploy.release import Release
from infra.deploy.schedulers import refuse_two
from infra.deploy.stacks import Stacks
from infra.deploy.target import Target
from tests.unit.infra.deploy.fakes import Formation, quiet

RELEASE = Release("a" * 40, {})


def refuse(orchestrator: str, *statuses: str) -> None:
    """Statuses of the stacks of the other schedulers, in turn."""
    text = f'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "{orchestrator}"\n'
    refuse_two(Target(parse("x", text), RELEASE, RELEASE), Stacks(Formation(*statuses), quiet()[0]))


@pytest.mark.parametrize(("orchestrator", "other"), [("mwaa", "workflow"), ("workflow", "mwaa"), ("none", "mwaa")])
def test_another_scheduler_is_refused(orchestrator: str, other: str) -> None:
    with pytest.raises(
        DeployError, match=f"aws cloudformation delete-stack --stack-name engagement-{other} --region eu"
    ):
        refuse(orchestrator, "UPDATE_COMPLETE")


def test_airflow_of_ones_own_stands_beside_neither() -> None:
    with pytest.raises(DeployError, match="engagement-workflow"):
        refuse("none", "", "CREATE_COMPLETE")


@pytest.mark.parametrize("status", ["", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_what_never_came_to_be_schedules_nothing(status: str) -> None:
    refuse("mwaa", status)
