"""What Airflow computes for a run and a job derives by itself in a workflow: the same, or the days would differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.checks import extract_check
from engagement.config import macros, settings
from engagement.contract import dates, s3_keys
from engagement.contract import errors as airflow_errors
from engagement_jobs.contract import errors as job_errors
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.entrypoints import extract_check as job_extract_check
from engagement_jobs.entrypoints import workflow_run
from tests.support import job_arguments

BUCKET, KEY = "activity-bucket", "activity/dt=2026-11-23/activity.parquet"


class AirflowsView(Bucket):
    """One object as the Airflow side asks for it; with an ETag for each question, the last one for all others.

    Under the key of a marker there are files beside it, all of them with this body.
    """

    def __init__(self, body: bytes | None, etags: list[str], names: Sequence[str] = ()) -> None:
        super().__init__(None, BUCKET)
        self.body = body
        self.etags = list(etags)
        self.names = names

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        assert (prefix, after) == (KEY.rpartition("/")[0] + "/", "")
        yield from (self._found(f"{prefix}{name}", "") for name in self.names)

    def _etag(self) -> str:
        return self.etags.pop(0) if len(self.etags) > 1 else self.etags[0]

    def _found(self, key: str, etag: str) -> ObjectHead:
        return ObjectHead(key, etag, len(self.body or b""), datetime(2026, 11, 23, tzinfo=UTC))

    def head(self, key: str) -> ObjectHead | None:
        assert key.rpartition("/")[0] == KEY.rpartition("/")[0] or self.names
        return None if self.body is None else self._found(key, self._etag())

    def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        assert self.body is not None
        assert key == KEY or self.names
        return self.body[start : start + length], self._etag()


class TheJobsView:
    """The same object as job 1 asks for it."""

    def __init__(self, body: bytes | None, etags: list[str], names: Sequence[str] = ()) -> None:
        self.seen = AirflowsView(body, etags, names)

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        # As the jobs' Store: what stands for a folder is no file.
        listed = [(found.key.removeprefix(prefix), found.size) for found in self.seen.list_objects(prefix)]
        return [(name, size) for name, size in listed if not name.endswith("/")]

    def uri(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        found = self.seen.head(key)
        return (found.size, found.etag) if found else None

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        return self.seen.read_part(key, start, length)


def parquet(footer: int = 4, claimed: int = 4) -> bytes:
    return b"PAR1" + b"f" * footer + claimed.to_bytes(4, "little") + b"PAR1"


def by_airflow(view: AirflowsView, key: str = KEY) -> dict[str, str] | None:
    """The arguments that the DAG takes from check_activity, None when the task fails."""
    try:
        checked = extract_check.check_extract(view, key)
    except airflow_errors.ExtractError:
        return None
    return {name: str(checked[name]) for name in ("input_uri", "input_etags")}


def by_the_job(view: TheJobsView, key: str = KEY) -> dict[str, str] | None:
    """The arguments that job 1 derives, None when it fails."""
    try:
        return job_extract_check.check_extract(view, key, "start it again")
    except job_errors.ExtractError:
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
    found = by_the_job(TheJobsView(body, etags))
    assert found == by_airflow(AirflowsView(body, etags))
    assert (found is not None) == good
    if found is not None:
        assert ScoreArguments.parse(job_arguments.SCORE | found).input_etags == {KEY: "e1"}


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["b.parquet", "a.parquet"], ["a.parquet", "b.parquet"]),
        (["x=1/a.parquet", "x=1/_a.parquet", ".hidden/a.parquet", "_SUCCESS", "folder/"], ["x=1/a.parquet"]),
        (["_SUCCESS", ".a.crc"], None),
        (["a.parquet", "x_$folder$"], ["a.parquet"]),
        *((["a.parquet", f"part-{sign}.parquet"], None) for sign in "[]{}*?\\"),
        ([f"{number:03}-{'x' * 250}" for number in range(300)], [f"{number:03}-{'x' * 250}" for number in range(300)]),
        ([f"{number:03}-{'x' * 250}" for number in range(399)], None),
        ([f"{number:03}" for number in range(400)], [f"{number:03}" for number in range(400)]),
        ([f"{number:03}" for number in range(401)], None),
    ],
)
def test_the_files_of_an_extract_are_the_same(names: list[str], read: list[str] | None) -> None:
    folder = KEY.rpartition("/")[0] + "/"
    found = by_the_job(TheJobsView(parquet(), ["e1"], names), f"{folder}_SUCCESS")
    assert found == by_airflow(AirflowsView(parquet(), ["e1"], names), f"{folder}_SUCCESS")
    assert (None if found is None else list(json.loads(found["input_etags"]))) == (
        None if read is None else [folder + name for name in read]
    )
    if found is not None:
        assert found["input_uri"] == f"s3://{BUCKET}/{folder}"


def test_the_key_of_a_day() -> None:
    pattern = "a/{score_date}/{other}/dt={score_date}.parquet"
    assert job_extract_check.activity_key(pattern, "2026-11-23") == s3_keys.activity_key(pattern, "2026-11-23")


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("text", ["2026-11-23T03:30:00Z", "2026-11-23T23:59:59.999+00:00", "2026-03-29T01:30:00Z"])
def test_the_day_of_a_scheduled_time(timezone: str, text: str) -> None:
    scheduled = datetime.fromisoformat(text)
    derived = workflow_run.WorkflowRun("w", "wr_1", timezone, {workflow_run.SCHEDULED_TIME: text}).derive_arguments()
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
        except (ValueError, job_errors.WorkflowError):
            return True
        return False

    run = workflow_run.WorkflowRun("w", "wr_1", "UTC", {"score_date": text})
    assert refuses(run.derive_arguments) == refuses(lambda: dates.parse_date(text)) == (text != "2026-11-23")


def test_the_same_may_be_chosen_by_hand() -> None:
    # A workflow has no check of the scores that could be overruled.
    assert set(workflow_run.MANUAL_PROPERTIES) == set(macros.dag_params()) - {"skip_drift_checks"}


def test_the_same_dates_are_too_old() -> None:
    assert settings.Settings.model_fields["max_push_age_days"].default == workflow_run.MAX_PUSH_AGE_DAYS
