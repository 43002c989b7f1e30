"""What may be chosen when the DAG is triggered by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError

from engagement.contract.arguments import PushMode
from engagement.contract.errors import DocumentError
from engagement.contract.strict_model import StrictModel, list_faults


class TriggerParams(StrictModel):
    """The DAG's params. None always means: as for a scheduled run. The trigger form shows titles and descriptions."""

    score_date: str | None = Field(
        None,
        title="Score date",
        description="Day whose extract is scored, YYYY-MM-DD. Empty: the run's own. Not for backfills.",
        json_schema_extra={"format": "date"},
    )
    push_mode: PushMode | None = Field(
        None,
        title="Push mode",
        description=(
            "all: everything not delivered yet. changed: only users whose score changed. retry_rejected: "
            "also those an earlier run saw refused. dry_run: plan and report, send nothing. Empty: the "
            "setting; dates older than max_push_age_days are then only planned."
        ),
    )
    max_requests_per_second: float | None = Field(
        None, gt=0, title="Requests per second", description="Upper limit for the whole run. Empty: the setting."
    )
    limit: int | None = Field(
        None,
        ge=1,
        title="Limit",
        description="Send only the first N users in order of user id, as a trial. Empty: all.",
    )
    skip_drift_checks: bool = Field(
        False,
        title="Accept the scores",
        description="Send although check_scores finds the day unlike earlier ones. For after somebody has looked.",
    )
    resend_delivered: bool = Field(
        False,
        title="Send again",
        description="Also send what earlier runs of this date delivered; newer dates still win.",
    )

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Self:
        """Read a run's params, in which Airflow has merged the run's configuration.

        :raises DocumentError: above all for a name that is no param, which Airflow lets pass
        """
        try:
            return cls.model_validate(dict(params))
        except ValidationError as error:
            raise DocumentError(list_faults(error, cls)) from None
