"""What Airflow computes for a run and a job derives by itself in a workflow: the same, or the days would differ."""

from __future__ import annotations

from datetime import datetime

import pytest

from engagement import activity, dates, layout, params, settings
from engagement_jobs import extract, workflow
from engagement_jobs.arguments import ScoreArguments
from tests.support import job_arguments

BUCKET, KEY = "activity-bucket", "activity/dt=2026-11-23/activity.parquet"


class AirflowsView:
    """One object as the Airflow side asks for it; with an ETag for each question, the last one for all others."""

    def __init__(self, body: bytes | None, etags: list[str]) -> None:
        self.body = body
        self.etags = list(etags)

    def _etag(self) -> str:
        return self.etags.pop(0) if len(self.etags) > 1 else self.etags[0]

    def head(self, bucket: str, key: str) -> activity.Head | None:
        assert (bucket, key) == (BUCKET, KEY)
        return None if self.body is None else activity.Head(len(self.body), self._etag())

    def read(self, bucket: str, key: str, start: int, length: int) -> tuple[bytes, str]:
        assert (bucket, key, self.body is None) == (BUCKET, KEY, False)
        return (self.body or b"")[start : start + length], self._etag()


class TheJobsView:
    """The same object as job 1 asks for it."""

    def __init__(self, body: bytes | None, etags: list[str]) -> None:
        self.seen = AirflowsView(body, etags)

    def uri(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        found = self.seen.head(BUCKET, key)
        return (found.size, found.etag) if found else None

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        return self.seen.read(BUCKET, key, start, length)


def parquet(footer: int = 4, claimed: int = 4) -> bytes:
    return b"PAR1" + b"f" * footer + claimed.to_bytes(4, "little") + b"PAR1"


def by_airflow(body: bytes | None, etags: list[str]) -> dict[str, str] | None:
    """The arguments that the DAG takes from check_activity, None when the task fails."""
    try:
        checked = activity.check_activity(AirflowsView(body, etags), BUCKET, KEY)
    except activity.BadActivityError:
        return None
    return {name: str(checked[name]) for name in ("input_uri", "input_etags")}


def by_the_job(body: bytes | None, etags: list[str]) -> dict[str, str] | None:
    """The arguments that job 1 derives, None when it fails."""
    try:
        return extract.check_extract(TheJobsView(body, etags), KEY, "start it again")
    except extract.ExtractError:
        return None


@pytest.mark.parametrize(
    ("body", "etags", "good"),
    [
        (parquet(), ["e1"], True),
        (parquet(0, 0), ["e1"], True),
        (parquet(claimed=3), ["e1"], True),
        (None, ["e1"], False),
        (b"", ["e1"], False),
        (parquet()[1:], ["e1"], False),
        (parquet()[:-1], ["e1"], False),
        (b"PAR1PAR1", ["e1"], False),
        (parquet(claimed=5), ["e1"], False),
        (parquet(), ["e1", "e2"], False),
        (parquet(), ["e1", "e1", "e2"], False),
    ],
)
def test_the_extract_is_judged_alike(body: bytes | None, etags: list[str], good: bool) -> None:
    found = by_the_job(body, etags)
    assert found == by_airflow(body, etags)
    assert (found is not None) == good
    if found is not None:
        assert ScoreArguments.parse(job_arguments.SCORE | found).input_etags == {KEY: "e1"}


def test_the_key_of_a_day() -> None:
    pattern = "a/{score_date}/{other}/dt={score_date}.parquet"
    assert extract.key_of(pattern, "2026-11-23") == layout.activity_key(pattern, "2026-11-23")


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("text", ["2026-11-23T03:30:00Z", "2026-11-23T23:59:59.999+00:00", "2026-03-29T01:30:00Z"])
def test_the_day_of_a_scheduled_time(timezone: str, text: str) -> None:
    scheduled = datetime.fromisoformat(text)
    derived = workflow.WorkflowRun("w", "wr_1", timezone, {workflow.SCHEDULED_TIME: text}).values()
    assert derived["score_date"] == dates.score_date(
        requested=None, run_type="scheduled", logical_date=scheduled, run_after=scheduled, timezone=timezone
    )
    assert derived["scored_at"] == dates.scored_at(scheduled)
    assert ScoreArguments.parse(job_arguments.SCORE | derived).run_id == f"workflow__{dates.scored_at(scheduled)}"


@pytest.mark.parametrize("text", ["2026-11-23", "20261123", "2026-1-1", "2026-02-30", "today"])
def test_a_day_chosen_by_hand(text: str) -> None:
    def refuses(judge: object) -> bool:
        try:
            assert callable(judge)
            judge()
        except ValueError:
            return True
        return False

    run = workflow.WorkflowRun("w", "wr_1", "UTC", {"score_date": text})
    assert refuses(run.values) == refuses(lambda: dates.parse_date(text)) == (text != "2026-11-23")


def test_the_same_may_be_chosen_by_hand() -> None:
    assert set(workflow.CHOSEN) == set(params.dag_params())


def test_the_same_dates_are_too_old() -> None:
    assert settings.Settings.__dataclass_fields__["max_push_age_days"].default == workflow.MAX_PUSH_AGE_DAYS
