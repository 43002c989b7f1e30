"""The DAG's params: what an operator can choose when triggering a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from engagement.contract.arguments import PushMode
from engagement.contract.errors import DocumentError
from engagement.contract.expected import Expected
from engagement.contract.strict_model import StrictModel, list_faults


class TriggerParams(StrictModel):
    """The params of a run. None means: as in a scheduled run. The trigger form shows titles and descriptions."""

    score_date: Annotated[str | None, Expected("a date as YYYY-MM-DD")] = Field(
        default=None,
        title="Score date",
        description="Date of the extract to score. Empty: the date of the run itself. Not for backfills.",
        json_schema_extra={"format": "date"},
    )
    push_mode: PushMode | None = Field(
        default=None,
        title="Push mode",
        description=(
            "Which users to send. all: open users, who are not settled yet. changed: open users whose score changed "
            "since their last delivery. retry_rejected: open users and users whom the CRM rejected. dry_run: plan and "
            "report, send nothing. Empty: the setting push_mode, or dry_run for dates older than max_push_age_days."
        ),
    )
    max_requests_per_second: float | None = Field(
        default=None,
        gt=0,
        title="Requests per second",
        description="Rate limit of this run over all push tasks. Empty: the setting max_requests_per_second.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        title="Limit",
        description="Send only the first N users in order of user id, for a trial. Empty: all users.",
    )
    skip_drift_checks: bool = Field(
        default=False,
        title="Skip drift checks",
        description=(
            "Send even if check_scores finds that the scores differ too much from earlier dates. Choose this only "
            "after you have checked the scores. Incomplete scores are never sent."
        ),
    )
    resend_delivered: bool = Field(
        default=False,
        title="Resend delivered",
        description=(
            "Send again to users who already have this date's score. Users who have the score of a later date are "
            "still left out."
        ),
    )
    ignore_retry_after: bool = Field(
        default=False,
        title="Ignore Retry-After",
        description=(
            "Start to send although the CRM requested a pause (Retry-After) from an earlier run of the date. Choose "
            "this only if the CRM's owner agrees. Pauses that the CRM requests during this run are still obeyed."
        ),
    )

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Self:
        """Validate the params of a run, into which Airflow has merged the run's configuration.

        :param params: values by name
        :raises DocumentError: a value is invalid, or a name is unknown; Airflow itself accepts unknown names
        """
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            raise DocumentError(list_faults(error, cls)) from None
