"""The aggregate that each push task writes: its share of an attempt, in numbers."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from engagement.contract.outcomes import ErrorGroup, Outcome
from engagement.contract.strict_model import Count, StrictModel, Version


class RequestsPerSecond(StrictModel):
    """Number of requests per second of the clock.

    :param first: epoch second of the first number
    :param posts: requests sent in that second and in each one after it
    """

    first: Count
    posts: tuple[Count, ...]


class Aggregate(StrictModel):
    """One task's share of one attempt, or of the plan of a dry run.

    :param job_run_id: id of the attempt's Glue run
    :param task: ``plan``, ``canary``, ``rest`` or the number of a push task
    :param started_at: ISO 8601 in UTC
    :param rows: number of rows that the task accounts for
    :param outcomes: number of rows by outcome; absent outcomes have none
    :param posts: number of requests, retries included
    :param latency: responses by bucket; bucket i holds [1.05**i, 1.05**(i + 1)) milliseconds
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
    def _check_invariants(self) -> Self:
        total = sum(self.outcomes.values())
        if total != self.rows:
            raise ValueError(f"outcomes add up to {total:,}, expected its {self.rows:,} rows")
        return self
