"""Who calls AWS, each with the statements of its role in the sample account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.unit.infra.deployed import PREFIX, deployed
from tests.unit.infra.policies import Request, Statement, allowed, denied, statements_of

AIRFLOW = "airflow"
SCORE, PUSH, SCHEDULE = f"{PREFIX}-score-users", f"{PREFIX}-push-scores", "schedule"
DEPLOY, FORMATION = "deploy", "cloudformation"
# Who -> template and role; the environment's role has the pipeline's managed policy attached.
_ROLES = {
    AIRFLOW: ("mwaa", "ExecutionRole"),
    SCORE: ("pipeline", "ScoreRole"),
    PUSH: ("pipeline", "PushRole"),
    SCHEDULE: ("workflow", "ScheduleRole"),
    DEPLOY: ("github", "DeployRole"),
    FORMATION: ("github", "CloudFormationRole"),
}
EVERYBODY = tuple(_ROLES)
AT_RUN_TIME = (AIRFLOW, SCORE, PUSH, SCHEDULE)


@dataclass(frozen=True)
class Actor:
    """A role: what its policies say, and what its boundary says if it has one."""

    statements: Sequence[Statement]
    boundary: Sequence[Statement] | None

    def may(self, request: Request) -> bool:
        """Whether IAM lets the request through."""
        return allowed(self.statements, request, self.boundary)

    def never(self, request: Request) -> bool:
        """Whether a Deny stands against it, whatever is attached to the role one day."""
        return denied(self.statements, request)


@cache
def actor(who: str) -> Actor:
    """The actor of that name."""
    template, role = _ROLES[who]
    statements = statements_of(deployed(template), role)
    if who == AIRFLOW:
        statements += statements_of(deployed("pipeline"), "OrchestratorPolicy")
    bounded = who in AT_RUN_TIME
    return Actor(statements, statements_of(deployed("github"), "Boundary") if bounded else None)
