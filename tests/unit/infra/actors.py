"""Who calls AWS, each with the statements of its role in the sample account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.unit.infra.policies import Request, Statement, allowed, denied, statements_of
from tests.unit.infra.recording import AIRFLOW as AIRFLOW  # as the others are named here
from tests.unit.infra.resolved import PREFIX, Resolved

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
        return allowed(self.statements, request) and (self.boundary is None or allowed(self.boundary, request))

    def never(self, request: Request) -> bool:
        """Whether a Deny stands against it, whatever is attached to the role one day."""
        return denied(self.statements, request)


@cache
def actor(who: str) -> Actor:
    """The actor of that name."""
    template, role = _ROLES[who]
    statements = statements_of(template_of(template), role)
    if who == AIRFLOW:
        statements += statements_of(template_of("pipeline"), "OrchestratorPolicy")
    bounded = who in AT_RUN_TIME
    return Actor(statements, statements_of(template_of("github"), "Boundary") if bounded else None)


@cache
def template_of(name: str) -> Resolved:
    """A template with the sample account's parameters."""
    return Resolved(name)
