"""Both check operators against moto's S3, through the provider's real hook."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.checks import crm_probe
from engagement.checks.drift import LIMITS
from engagement.contract.errors import CrmUnavailableError
from engagement.operators.check_scores import CheckActivityOperator, CheckScoresOperator
from tests.unit.plugins.engagement.run_factory import changed, day_of_scores

DAY, RUN = "2026-11-23", "manual__2026-11-23"
KEY = f"activity/dt={DAY}/activity.parquet"
WHOLE = b"PAR1" + b"ffff" + (4).to_bytes(4, "little") + b"PAR1"


@pytest.fixture
def s3(aws_account: None) -> Any:  # noqa: ARG001
    client = boto3.client("s3")
    for bucket in ("activity-bucket", "output-bucket"):
        client.create_bucket(Bucket=bucket)
    return client


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Record the preflight's calls; the preflight itself is tested beside its module."""
    calls: list[tuple[str, bool]] = []

    def probe(base_url: str, *, allow_http: bool) -> int:
        calls.append((base_url, allow_http))
        return 401

    monkeypatch.setattr(crm_probe, "probe", probe)
    return calls


class TaskInstance:
    """Keeps what an operator leaves for the last task."""

    pushed: ClassVar[dict[str, str]] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def around() -> Any:
    return {"run_id": RUN, "ti": TaskInstance()}


def check_activity(**changes: str) -> Any:
    arguments = {
        "bucket_name": "activity-bucket",
        "key": KEY,
        "base_url": "https://crm.example.com",
        "allow_http": "false",
        "push_mode": "all",
        **changes,
    }
    return CheckActivityOperator(task_id="check_activity", **arguments).execute(around())


def test_a_whole_extract(s3: Any, probed: list[tuple[str, bool]]) -> None:
    etag = s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)["ETag"].strip('"')
    assert check_activity(allow_http="true") == {
        "input_uri": f"s3://activity-bucket/{KEY}",
        "input_etags": json.dumps({KEY: etag}),
        "bytes": 16,
    }
    assert probed == [("https://crm.example.com", True)]


@pytest.mark.parametrize("body", [b"", b"PAR1", WHOLE[:-1], WHOLE[1:]])
def test_a_broken_extract_is_final(s3: Any, probed: list[tuple[str, bool]], body: bytes) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=body)
    with pytest.raises(AirflowFailException, match=f"s3://activity-bucket/{KEY}"):
        check_activity()
    assert probed == []


def test_a_sidecar_is_no_extract(s3: Any, probed: list[tuple[str, bool]]) -> None:  # noqa: ARG001
    s3.put_object(Bucket="activity-bucket", Key=f"{KEY}.crc", Body=WHOLE)
    with pytest.raises(AirflowFailException, match="does not exist") as raised:
        check_activity()
    # For the last task, which cannot see this one's message.
    assert TaskInstance.pushed["problem"] == str(raised.value)


def test_a_dry_run_leaves_the_crm_alone_and_says_so(
    s3: Any, probed: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def record(message: str, *values: Any) -> None:
        said.append(message % values)

    log = SimpleNamespace(info=record, warning=record)
    monkeypatch.setattr(CheckActivityOperator, "log", log)
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)
    assert check_activity(push_mode="dry_run")["bytes"] == 16
    assert probed == []
    assert said[-1] == "The CRM was not asked whether it is there: a dry run sends nothing"


def test_an_absent_crm_is_worth_a_retry(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)

    def absent(*_: Any, **__: Any) -> int:
        raise CrmUnavailableError("GET https://crm.example.com: connection refused")

    monkeypatch.setattr(crm_probe, "probe", absent)
    with pytest.raises(AirflowException, match="connection refused") as raised:
        check_activity()
    assert not isinstance(raised.value, AirflowFailException)


def test_an_unencrypted_crm_is_final(s3: Any) -> None:
    s3.put_object(Bucket="activity-bucket", Key=KEY, Body=WHOLE)
    with pytest.raises(AirflowFailException, match="wanted https"):
        check_activity(base_url="http://crm.example.com")


@pytest.fixture
def write_scores(s3: Any) -> Callable[..., None]:
    def write(date: str = DAY, scored: int = 1000, **changes: Any) -> None:
        files = [{"name": "part-0.csv", "bytes": 4}]
        manifest = changed(day_of_scores(scored, run_id=RUN, files=files, score_date=date), **changes)
        s3.put_object(Bucket="output-bucket", Key=f"scores/dt={date}/part-0.csv", Body=b"abcd")
        s3.put_object(Bucket="output-bucket", Key=f"scores/dt={date}/_manifest.json", Body=manifest)

    return write


def check_scores(accept: str = "false") -> Any:
    operator = CheckScoresOperator(
        task_id="check_scores",
        bucket_name="output-bucket",
        score_date=DAY,
        limits={name: "1" if name == "min_rows" else "0.5" for name in LIMITS},
        accept=accept,
    )
    return operator.execute(around())


def test_good_scores(write_scores: Callable[..., None]) -> None:
    write_scores()
    assert check_scores() == {
        "scored": 1000,
        "invalid": 2,
        "warnings": [],
        "checks": [
            "1 files as listed",
            "rows add up",
            "no comparison with earlier dates: found 0 of them, wanted 3",
        ],
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run_id": "manual__other"}, "it belongs to run manual__other"),
        ({"histogram": [1] * 20}, "its histogram add up to 20, expected 1,000"),
        ({"rowz": 1}, "rowz is not a known name; did you mean rows"),
    ],
)
def test_a_manifest_that_cannot_be_trusted(
    write_scores: Callable[..., None], changes: dict[str, Any], said: str
) -> None:
    write_scores(**changes)
    where = "s3://output-bucket/scores/dt=2026-11-23/_manifest.json is not a manifest of this run: "
    with pytest.raises(AirflowFailException, match=f"{where}.*{said}.*Clear score_users"):
        check_scores(accept="true")  # which is about what is plausible, not about what is there


def test_a_file_that_the_manifest_does_not_list(s3: Any, write_scores: Callable[..., None]) -> None:
    write_scores()
    s3.put_object(Bucket="output-bucket", Key=f"scores/dt={DAY}/part-1.csv", Body=b"")
    said = r"s3://output-bucket/scores/dt=2026-11-23/ must not be sent: part-1.csv: is there but not listed in the mani"
    with pytest.raises(AirflowFailException, match=said) as raised:
        check_scores(accept="true")
    assert TaskInstance.pushed["problem"] == str(raised.value)


def test_no_manifest(s3: Any) -> None:  # noqa: ARG001
    with pytest.raises(AirflowFailException, match=r"scores/dt=2026-11-23/_manifest.json is missing, though"):
        check_scores()


def test_a_drop_beside_earlier_dates(s3: Any, write_scores: Callable[..., None]) -> None:
    write_scores(scored=400)
    for day in ("2026-11-20", "2026-11-21", "2026-11-22"):
        write_scores(day, scored=1000)
    # Neither later dates nor what is no date, nor a date that was never finished, are history.
    write_scores("2026-11-24", scored=1)
    s3.put_object(Bucket="output-bucket", Key="scores/_temporary/x", Body=b"")
    s3.put_object(Bucket="output-bucket", Key="scores/dt=2026-11-19/part-0.csv", Body=b"")
    with pytest.raises(AirflowFailException, match="400 rows scored, the median of 3 earlier dates is 1,000"):
        check_scores()
    assert check_scores(accept="true")["warnings"] == [
        "let pass by skip_drift_checks: 400 rows scored, the median of 3 earlier dates is 1,000: 60.0% fewer; "
        "wanted at most max_row_drop_fraction=0.5"
    ]


def test_at_most_fourteen_dates_and_the_latest(write_scores: Callable[..., None]) -> None:
    write_scores(scored=400)
    for day in range(1, 7):
        write_scores(f"2026-10-{day:02}", scored=9_999)
    for day in range(1, 15):
        write_scores(f"2026-11-{day:02}", scored=500)
    assert "400 rows scored, the median of 14 earlier dates is 500: 20.0% fewer" in check_scores()["checks"]
