"""The scores check against moto's S3, through the provider's real hook."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.checks.drift import THRESHOLDS
from engagement.operators.check_scores import CheckScoresOperator
from tests.unit.plugins.engagement.operators.task_context import RUN_ID, TaskInstance, task_context
from tests.unit.plugins.engagement.run_factory import changed, day_of_scores

DAY = "2026-11-23"


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    client.create_bucket(Bucket="output-bucket")
    return client


@pytest.fixture
def write_scores(s3: Any) -> Callable[..., None]:
    def write(date: str = DAY, scored: int = 1000, **changes: Any) -> None:
        files = [{"name": "part-0.csv", "bytes": 4}]
        manifest = changed(day_of_scores(scored, run_id=RUN_ID, files=files, score_date=date), **changes)
        s3.put_object(Bucket="output-bucket", Key=f"scores/dt={date}/part-0.csv", Body=b"abcd")
        s3.put_object(Bucket="output-bucket", Key=f"scores/dt={date}/_manifest.json", Body=manifest)

    return write


def check_scores(skip_drift_checks: str = "false") -> Any:
    operator = CheckScoresOperator(
        task_id="check_scores",
        bucket_name="output-bucket",
        score_date=DAY,
        thresholds={name: "1" if name == "min_rows" else "0.5" for name in THRESHOLDS},
        skip_drift_checks=skip_drift_checks,
    )
    return operator.execute(task_context())


def test_good_scores_pass(write_scores: Callable[..., None]) -> None:
    write_scores()
    assert check_scores() == {
        "scored": 1000,
        "invalid": 2,
        "warnings": [],
        "checks": [
            "1 files match the manifest",
            "rows add up",
            "not compared with earlier dates: there are 0, expected at least 3",
        ],
    }


@pytest.mark.usefixtures("denied")
def test_denied_access_is_retried_and_names_what_is_missing() -> None:
    with pytest.raises(AirflowException) as raised:
        check_scores()
    assert not isinstance(raised.value, AirflowFailException)
    uri = f"s3://output-bucket/scores/dt={DAY}/_manifest.json"
    assert str(raised.value).startswith(
        f"{uri}: access denied (GetObject got 403, Forbidden). The role needs s3:GetObj"
    )
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"run_id": "manual__other"}, "it belongs to run manual__other"),
        ({"histogram": [1] * 20}, "its histogram add up to 20, expected 1,000"),
        ({"rowz": 1}, "rowz is not a known name; did you mean rows"),
    ],
)
def test_an_unusable_manifest_fails_even_with_skipped_checks(
    write_scores: Callable[..., None], changes: dict[str, Any], message: str
) -> None:
    write_scores(**changes)
    start = "s3://output-bucket/scores/dt=2026-11-23/_manifest.json is not a usable manifest of this run: "
    with pytest.raises(AirflowFailException, match=f"{start}.*{message}.*Clear score_users"):
        check_scores(skip_drift_checks="true")


def test_a_file_missing_in_the_manifest_is_reported(s3: Any, write_scores: Callable[..., None]) -> None:
    write_scores()
    s3.put_object(Bucket="output-bucket", Key=f"scores/dt={DAY}/part-1.csv", Body=b"")
    message = "scores/dt=2026-11-23/ must not be sent: part-1.csv is in the folder but not in the manifest"
    with pytest.raises(AirflowFailException, match=message) as raised:
        check_scores(skip_drift_checks="true")
    assert TaskInstance.pushed["failure_reason"] == str(raised.value)


def test_a_missing_manifest_is_reported(s3: Any) -> None:  # noqa: ARG001
    with pytest.raises(AirflowFailException, match=r"scores/dt=2026-11-23/_manifest.json does not exist, although"):
        check_scores()


def test_a_drop_against_earlier_dates_is_reported(s3: Any, write_scores: Callable[..., None]) -> None:
    write_scores(scored=400)
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        write_scores(day, scored=1000)
    # Later dates, folders that are not dates and unfinished dates are not compared.
    write_scores("2026-11-24", scored=1)
    s3.put_object(Bucket="output-bucket", Key="scores/_temporary/x", Body=b"")
    s3.put_object(Bucket="output-bucket", Key="scores/dt=2026-11-19/part-0.csv", Body=b"")
    with pytest.raises(AirflowFailException, match=r"400 rows scored, 60\.0% fewer than the median of 3 earlier dates"):
        check_scores()
    assert check_scores(skip_drift_checks="true")["warnings"] == [
        "ignored because of skip_drift_checks: 400 rows scored, 60.0% fewer than the median of 3 earlier dates "
        "(1,000), above max_row_drop_fraction=0.5"
    ]


def test_the_fourteen_latest_dates_are_compared(write_scores: Callable[..., None]) -> None:
    write_scores(scored=400)
    for day in range(1, 7):
        write_scores(f"2026-10-{day:02}", scored=9_999)
    for day in range(1, 15):
        write_scores(f"2026-11-{day:02}", scored=500)
    assert "400 rows scored, 20.0% fewer than the median of 14 earlier dates (500)" in check_scores()["checks"]
