"""What the push job writes: the delivery manifest, and one aggregate for each task of an attempt."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engagement.contract.arguments import PushMode
from engagement.contract.outcomes import ErrorGroup, Outcome, Outcomes
from engagement.contract.strict_model import Count, Date, StrictModel, Version


class Stopped(StrictModel):
    """Why the push job stopped itself.

    :param cause: a machine word, such as ``deadline``
    """

    cause: Annotated[str, Field(pattern="^[a-z_]+$", description="a machine word")]
    detail: str


class DeliveryManifest(StrictModel):
    """What the push job did. Requests are those of its last attempt.

    :param attempts: ids of all job runs of this run and date, oldest first
    """

    version: Version
    run_id: str
    job_run_id: str
    score_date: Date
    mode: PushMode
    resend_delivered: bool
    scores_sha256: str
    rows: Count
    outcomes: Outcomes
    stopped: Stopped | None
    not_before: str | None
    posts: Count
    retries: Count
    status_codes: dict[str, Count]
    errors: tuple[ErrorGroup, ...]
    attempts: tuple[str, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        wrong = []
        if self.outcomes.total != self.rows:
            wrong.append(f"outcomes add up to {self.outcomes.total:,}, expected its {self.rows:,} rows")
        if self.job_run_id not in self.attempts[-1:]:
            wrong.append("its attempts do not end with its own job run id")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class Seconds(StrictModel):
    """Requests by second.

    :param first: epoch second
    :param posts: requests that left in this second, and in each one after it
    """

    first: Count
    posts: tuple[Count, ...]


class Aggregate(StrictModel):
    """One task's share of one attempt, or of a dry run's plan.

    :param latency: answers by bucket; bucket i holds [1.05**i, 1.05**(i + 1)) milliseconds
    """

    version: Version
    run_id: str
    job_run_id: str
    task: str
    started_at: str
    rows: Count
    outcomes: dict[Outcome, Count]
    posts: Count
    retries: Count
    status_codes: dict[str, Count]
    latency: dict[int, Count]
    errors: tuple[ErrorGroup, ...]
    seconds: Seconds

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = sum(self.outcomes.values())
        if total != self.rows:
            raise ValueError(f"outcomes add up to {total:,}, expected its {self.rows:,} rows")
        return self
