"""In a workflow, a job derives the same dates and accepts the same properties as Airflow would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from engagement.config import macros, settings
from engagement.contract import dates
from engagement.contract.errors import ScoreDateError
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import WorkflowError
from engagement_jobs.entrypoints import workflow_run
from tests.support import job_arguments


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("text", ["2026-11-23T03:30:00Z", "2026-11-23T23:59:59.999+00:00", "2026-03-29T01:30:00Z"])
def test_a_scheduled_time_gives_the_same_dates(timezone: str, text: str) -> None:
    scheduled = datetime.fromisoformat(text)
    derived = workflow_run.WorkflowRun("w", "wr_1", timezone, {workflow_run.SCHEDULED_TIME: text}).derive_arguments()
    assert derived["score_date"] == dates.score_date(
        requested=None, run_type="scheduled", logical_date=scheduled, run_after=scheduled, timezone=timezone
    )
    assert derived["scored_at"] == dates.scored_at(scheduled)
    assert ScoreArguments.parse(job_arguments.SCORE | derived).run_id == f"workflow__{dates.scored_at(scheduled)}"


def is_accepted(parse: Callable[[], object]) -> bool:
    try:
        parse()
    except (ScoreDateError, WorkflowError):
        return False
    return True


@pytest.mark.parametrize("text", ["2026-11-23", "20261123", "2026-1-1", "2026-02-30", "today"])
def test_the_same_texts_are_valid_dates(text: str) -> None:
    run = workflow_run.WorkflowRun("w", "wr_1", "UTC", {"score_date": text})
    assert is_accepted(run.derive_arguments) == is_accepted(lambda: dates.parse_date(text)) == (text == "2026-11-23")


def test_run_properties_are_the_params_of_the_dag() -> None:
    # A workflow has no drift checks that a param could skip.
    assert set(workflow_run.MANUAL_PROPERTIES) == set(macros.dag_params()) - {"skip_drift_checks"}


def test_the_same_dates_are_too_old_to_push() -> None:
    assert settings.Settings.model_fields["max_push_age_days"].default == workflow_run.MAX_PUSH_AGE_DAYS
