"""The manifest that the push job writes last."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from engagement.contract.arguments import PushMode
from engagement.contract.outcomes import ErrorGroup, Outcomes
from engagement.contract.strict_model import Count, Date, StrictModel, Version


class Stopped(StrictModel):
    """Why the push job stopped before it had sent everything.

    :param cause: code, such as ``deadline``
    :param detail: sentence for the operator
    """

    cause: Annotated[str, Field(pattern="^[a-z_]+$")]
    detail: str


class DeliveryManifest(StrictModel):
    """The result of the push job. Requests are those of its last attempt.

    :param job_run_id: id of the Glue run that wrote the manifest
    :param mode: push mode
    :param scores_sha256: hash of the scores that were pushed
    :param crm_version: version of the CRM document; None in manifests of older releases, as is crm_sha256
    :param crm_sha256: hash of the CRM document
    :param rows: number of scored rows
    :param stopped: None if the job finished
    :param not_before: end of the pause that the CRM requested, ISO 8601 in UTC
    :param retry_after_ignored: end of an earlier attempt's pause that the run ignored on request, ISO 8601 in UTC; None
        if there was none, and in manifests of older releases
    :param posts: number of requests, retries included
    :param retries: number of repeated requests
    :param status_codes: number of responses by HTTP status
    :param warnings: what a dry run found wrong with the access to the CRM, as sentences; absent in older manifests
    :param attempts: ids of all Glue runs of this DAG run and date, oldest first
    """

    version: Version
    run_id: str
    job_run_id: str
    score_date: Date
    mode: PushMode
    resend_delivered: bool
    scores_sha256: str
    crm_version: str | None = None
    crm_sha256: str | None = None
    rows: Count
    outcomes: Outcomes
    stopped: Stopped | None
    not_before: str | None
    retry_after_ignored: str | None = None
    posts: Count
    retries: Count
    status_codes: dict[str, Count]
    errors: tuple[ErrorGroup, ...]
    warnings: tuple[str, ...] = ()
    attempts: tuple[str, ...]

    @model_validator(mode="after")
    def _check_invariants(self) -> Self:
        faults = []
        if self.outcomes.total != self.rows:
            faults.append(f"outcomes add up to {self.outcomes.total:,}, expected {self.rows:,} rows")
        if not self.attempts or self.attempts[-1] != self.job_run_id:
            faults.append("its attempts do not end with its own job run id")
        if faults:
            raise ValueError("; ".join(faults))
        return self
