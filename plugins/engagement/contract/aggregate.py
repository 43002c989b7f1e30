"""The aggregate: the counts of one part of an attempt, such as one push task."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from engagement.contract.outcomes import ErrorGroup, Outcome
from engagement.contract.strict_model import Count, StrictModel, Version


class RequestsPerSecond(StrictModel):
    """Number of requests sent in each second.

    :param first: the first epoch second
    :param posts: requests sent in that second and in each one after it
    """

    first: Count
    posts: tuple[Count, ...]


class Aggregate(StrictModel):
    """The counts of one part of an attempt or of a dry run.

    :param job_run_id: id of the attempt's Glue run
    :param task: ``plan``, ``canary``, ``rest`` or the number of a push task
    :param started_at: ISO 8601 in UTC
    :param rows: number of rows that the task accounts for
    :param outcomes: number of rows by outcome; an outcome that is absent has none
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
            raise ValueError(f"outcomes add up to {total:,}, expected {self.rows:,} rows")
        return self
