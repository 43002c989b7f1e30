"""The aggregate that each task of a push attempt writes."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from engagement.contract.outcomes import ErrorGroup, Outcome
from engagement.contract.strict_model import Count, StrictModel, Version


class RequestsPerSecond(StrictModel):
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
    seconds: RequestsPerSecond

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = sum(self.outcomes.values())
        if total != self.rows:
            raise ValueError(f"outcomes add up to {total:,}, expected its {self.rows:,} rows")
        return self
