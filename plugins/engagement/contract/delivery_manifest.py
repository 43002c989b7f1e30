"""What the push job writes: the delivery manifest, and one aggregate for each task of an attempt."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engagement.contract.arguments import PushMode
from engagement.contract.outcomes import ErrorGroup, Outcomes
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
