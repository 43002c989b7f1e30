"""What may be chosen when the DAG is triggered by hand; the trigger form is made of this."""

from typing import Any

from airflow.sdk import Param

from engagement.contract import PUSH_MODES


def dag_params() -> dict[str, Any]:
    """Return the DAG's params. Null always means: as for a scheduled run."""
    return {
        "score_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Score date",
            description="Day whose extract is scored, YYYY-MM-DD. Empty: the run's own. Not for backfills.",
        ),
        "push_mode": Param(
            None,
            type=["null", "string"],
            enum=[None, *PUSH_MODES],
            title="Push mode",
            description=(
                "all: everything not delivered yet. changed: only users whose score changed. failed_only: "
                "also those an earlier run saw refused. dry_run: plan and report, send nothing. Empty: the "
                "setting; dates older than max_push_age_days are then only planned."
            ),
        ),
        "max_requests_per_second": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Requests per second",
            description="Upper limit for the whole run. Empty: the setting.",
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Limit",
            description="Send only the first N users in order of user id, as a trial. Empty: all.",
        ),
        "accept_scores": Param(
            False,
            type="boolean",
            title="Accept the scores",
            description="Send although check_scores finds the day unlike earlier ones. For after somebody has looked.",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Send again",
            description="Also send what earlier runs of this date delivered; newer dates still win.",
        ),
    }
