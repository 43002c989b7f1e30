"""The extract check of Airflow and that of the scoring job give the same result."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.checks import extract_check
from engagement.contract import errors as airflow_errors
from engagement.contract import s3_keys
from engagement_jobs.contract import errors as job_errors
from engagement_jobs.contract import s3_keys as job_s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.entrypoints import extract_check as job_extract_check
from infra.intrinsics import parse
from tests.support import job_arguments

BUCKET, FOLDER = "activity-bucket", "activity/dt=2026-11-23/"
KEY = f"{FOLDER}activity.parquet"


class AirflowBucket(Bucket):
    """A bucket as the Airflow side reads it, with the same body for every object.

    :param body: None if no object exists
    :param etags: ETags of the answers in their order; the last one is also that of all further answers
    :param names: of the files in the folder of the extract
    """

    def __init__(self, body: bytes | None, etags: list[str], names: Sequence[str] = ()) -> None:
        super().__init__(None, BUCKET)
        self.body = body
        self.etags = list(etags)
        self.names = names

    def list_objects(self, prefix: str, after: str = "") -> Iterator[ObjectHead]:
        assert (prefix, after) == (FOLDER, "")
        yield from (self._head(f"{prefix}{name}", "") for name in self.names)

    def head(self, key: str) -> ObjectHead | None:
        assert key.startswith(FOLDER)
        return None if self.body is None else self._head(key, self._next_etag())

    def read_part(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        assert key.startswith(FOLDER)
        assert self.body is not None
        return self.body[start : start + length], self._next_etag()

    def _head(self, key: str, etag: str) -> ObjectHead:
        return ObjectHead(key, etag, len(self.body or b""), datetime(2026, 11, 23, tzinfo=UTC))

    def _next_etag(self) -> str:
        return self.etags.pop(0) if len(self.etags) > 1 else self.etags[0]


class JobBucket:
    """The same bucket as the scoring job reads it."""

    def __init__(self, body: bytes | None, etags: list[str], names: Sequence[str] = ()) -> None:
        self.bucket = AirflowBucket(body, etags, names)

    def uri(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}"

    def head(self, key: str) -> tuple[int, str] | None:
        head = self.bucket.head(key)
        return (head.size, head.etag) if head else None

    def read_range(self, key: str, start: int, length: int) -> tuple[bytes, str]:
        return self.bucket.read_part(key, start, length)

    def list_files(self, prefix: str) -> list[tuple[str, int]]:
        # Like the Store of the jobs, it leaves out keys that stand for folders.
        files = [(head.key.removeprefix(prefix), head.size) for head in self.bucket.list_objects(prefix)]
        return [(name, size) for name, size in files if not name.endswith("/")]


def parquet(footer: int = 4, claimed: int = 4) -> bytes:
    """Return the frame of a Parquet file: a footer of one length that claims another."""
    return b"PAR1" + b"f" * footer + claimed.to_bytes(4, "little") + b"PAR1"


def encrypted(body: bytes) -> bytes:
    """Return the frame of a file whose footer is encrypted."""
    return b"PARE" + body[4:-4] + b"PARE"


def check_in_airflow(bucket: AirflowBucket, key: str = KEY) -> dict[str, str] | None:
    """Return the arguments that the DAG passes to the scoring job, or None if the check fails."""
    try:
        checked = extract_check.check_extract(bucket, key)
    except airflow_errors.ExtractError:
        return None
    return {name: str(checked[name]) for name in ("input_uri", "input_etags")}


def check_in_job(bucket: JobBucket, key: str = KEY) -> dict[str, str] | None:
    """Return the arguments that the scoring job derives, or None if the check fails."""
    try:
        return job_extract_check.check_extract(bucket, key, "start it again")
    except job_errors.ExtractError:
        return None


@pytest.mark.parametrize(
    ("body", "etags", "is_complete"),
    [
        (parquet(), ["e1"], True),
        (parquet(0, 0), ["e1"], True),
        (parquet(claimed=3), ["e1"], True),
        (None, ["e1"], False),
        (b"", ["e1"], False),
        (parquet()[1:], ["e1"], False),
        (parquet()[:-1], ["e1"], False),
        (b"PAR1PAR1", ["e1"], False),
        (encrypted(parquet()), ["e1"], False),
        (parquet(claimed=5), ["e1"], False),
        (parquet(), ["e1", "e2"], False),
        (parquet(), ["e1", "e1", "e2"], False),
    ],
)
def test_both_checks_accept_the_same_files(body: bytes | None, etags: list[str], is_complete: bool) -> None:
    arguments = check_in_job(JobBucket(body, etags))
    assert arguments == check_in_airflow(AirflowBucket(body, etags))
    assert (arguments is not None) == is_complete


def test_the_arguments_of_the_check_are_valid() -> None:
    arguments = check_in_job(JobBucket(parquet(), ["e1"]))
    assert arguments is not None
    assert ScoreArguments.parse(job_arguments.SCORE | arguments).input_etags == {KEY: "e1"}


@pytest.mark.parametrize(
    "body",
    [b"PAR1", b"P" * 12, parquet()[:-1], parquet(claimed=5), encrypted(parquet()), encrypted(parquet())[:-1]],
)
def test_both_checks_say_the_same_about_a_file(body: bytes) -> None:
    with pytest.raises(airflow_errors.ExtractError) as in_airflow:
        extract_check.check_extract(AirflowBucket(body, ["e1"]), KEY)
    with pytest.raises(job_errors.ExtractError) as in_job:
        job_extract_check.check_extract(JobBucket(body, ["e1"]), KEY, "clear check_activity")
    assert str(in_job.value) == f"{in_airflow.value}."


LONG_NAMES = [f"{number:03}-{'x' * 250}" for number in range(399)]
NAMES = [f"{number:03}" for number in range(401)]


@pytest.mark.parametrize(
    ("names", "data_files"),
    [
        (["b.parquet", "a.parquet"], ["a.parquet", "b.parquet"]),
        (["x=1/a.parquet", "x=1/_a.parquet", ".hidden/a.parquet", "_SUCCESS", "folder/"], ["x=1/a.parquet"]),
        (["a.parquet", "x_$folder$"], ["a.parquet"]),
        *(([f"part-{sign}.parquet"], [f"part-{sign}.parquet"]) for sign in "[]{}*?\\"),  # a name is no pattern
        (LONG_NAMES[:300], LONG_NAMES[:300]),
        (NAMES[:400], NAMES[:400]),
    ],
)
def test_both_checks_find_the_same_data_files(names: list[str], data_files: list[str]) -> None:
    arguments = check_in_job(JobBucket(parquet(), ["e1"], names), f"{FOLDER}_SUCCESS")
    assert arguments == check_in_airflow(AirflowBucket(parquet(), ["e1"], names), f"{FOLDER}_SUCCESS")
    assert arguments is not None
    assert list(json.loads(arguments["input_etags"])) == [FOLDER + name for name in data_files]
    assert arguments["input_uri"] == f"s3://{BUCKET}/{FOLDER}"


@pytest.mark.parametrize(
    "names",
    [["_SUCCESS", ".a.crc"], LONG_NAMES, NAMES],
)
def test_both_checks_refuse_the_same_folders(names: list[str]) -> None:
    assert check_in_job(JobBucket(parquet(), ["e1"], names), f"{FOLDER}_SUCCESS") is None
    assert check_in_airflow(AirflowBucket(parquet(), ["e1"], names), f"{FOLDER}_SUCCESS") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "has a name that begins with .*, which Spark ignores") for name in ("_a.parquet", ".a", "_success")),
        *(
            (name, "has an empty folder name or a dot as one in its path")
            for name in ("x//a.parquet", "./a.parquet", "x/../a")
        ),
    ],
)
def test_both_checks_refuse_a_name_that_spark_misses(name: str, message: str) -> None:
    with pytest.raises(job_errors.ExtractError, match=message):
        job_extract_check.check_extract(JobBucket(parquet(), ["e1"]), FOLDER + name, "start it again")
    with pytest.raises(airflow_errors.ExtractError, match=message):
        extract_check.check_extract(AirflowBucket(parquet(), ["e1"]), FOLDER + name)


def test_the_key_of_a_date_is_the_same() -> None:
    assert s3_keys.ACTIVITY_KEY_FORM == job_s3_keys.ACTIVITY_KEY_FORM
    assert s3_keys.ACTIVITY_KEY_PATTERN == job_s3_keys.ACTIVITY_KEY_PATTERN
    for name in ("check_activity_key", "activity_key"):
        assert inspect.getsource(getattr(s3_keys, name)) == inspect.getsource(getattr(job_s3_keys, name))
    template = Path(__file__).parents[2] / "infra" / "workflow.yaml"
    parameters = parse(template.read_text(encoding="utf-8"))["Parameters"]
    assert parameters["ActivityKey"]["AllowedPattern"] == s3_keys.ACTIVITY_KEY_PATTERN
