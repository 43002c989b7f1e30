"""The callers of AWS, each with the policy statements of its role in the sample account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.unit.infra.deployed import PREFIX, deployed
from tests.unit.infra.policies import Request, Statement, allowed, denied, statements_of

AIRFLOW = "airflow"
SCORE, PUSH, SCHEDULE = f"{PREFIX}-score-users", f"{PREFIX}-push-scores", "schedule"
DEPLOY, FORMATION = "deploy", "cloudformation"
# Actor -> template and role. The role of the environment also has the managed policy of the pipeline stack.
_ROLES = {
    AIRFLOW: ("mwaa", "ExecutionRole"),
    SCORE: ("pipeline", "ScoreRole"),
    PUSH: ("pipeline", "PushRole"),
    SCHEDULE: ("workflow", "ScheduleRole"),
    DEPLOY: ("github", "DeployRole"),
    FORMATION: ("github", "CloudFormationRole"),
}
ACTORS = tuple(_ROLES)
AT_RUN_TIME = (AIRFLOW, SCORE, PUSH, SCHEDULE)


@dataclass(frozen=True)
class Actor:
    """A role.

    :param statements: of its policies
    :param boundary: statements of its permissions boundary, None if it has none
    """

    statements: Sequence[Statement]
    boundary: Sequence[Statement] | None

    def may(self, request: Request) -> bool:
        """Return whether IAM allows the request."""
        return allowed(self.statements, request, self.boundary)

    def never(self, request: Request) -> bool:
        """Return whether a statement denies the request explicitly, so that no other policy can allow it."""
        return denied(self.statements, request)


@cache
def actor(who: str) -> Actor:
    """Return the actor of that name."""
    template, role = _ROLES[who]
    statements = statements_of(deployed(template), role)
    if who == AIRFLOW:
        statements += statements_of(deployed("pipeline"), "OrchestratorPolicy")
    has_boundary = who in AT_RUN_TIME
    return Actor(statements, statements_of(deployed("github"), "Boundary") if has_boundary else None)
