"""The scoring job with real Spark and an S3 emulator: what it writes, and what remains after it fails."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.common import spark_session
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import (
    ExtractError,
    InputChangedError,
    SchemaError,
    TooManyInvalidRowsError,
    WeightsError,
)
from engagement_jobs.scoring import scores_writer
from engagement_jobs.scoring.weights import Weights
from tests.support.glue_days import DAY, RUN_ID, SCHEMA, parquet, row, score, score_arguments
from tests.support.glue_emulators import Bucket
from tests.writers.expected import METRICS
from tests.writers.expected import score as hundredths

SCORES, INVALID = f"scores/dt={DAY}/", f"invalid/dt={DAY}/"
MANIFEST = f"{SCORES}_manifest.json"


def valid_rows(count: int) -> list[dict[str, Any]]:
    return [row(f"U{number:03d}", number % 11, number, number / 4, number % 9) for number in range(count)]


def metrics(*values: Any, **named: Any) -> dict[str, Any]:
    """Return a row as the samples of the manifest show it."""
    return {name: value for name, value in row(None, *values, **named).items() if name != "user_id"}


def parts(bucket: Bucket) -> list[str]:
    return [key for key in bucket.keys(SCORES) if key != MANIFEST]


def test_a_day_is_scored_and_described_in_the_manifest(spark: SparkSession, bucket: Bucket) -> None:
    rows = [
        row("U2", 10, 100, 120.0, 8),
        row("U1", 0, 0, 0.0, 0),
        row("U3"),
        row("U3"),
        row("U4", 1, 1, 1.0, 1),
        row("U4", 1, 1, 1.0, 2),
        row(None),
        row("U5", minutes=float("nan")),
        row("U6", 2, 20, 24.0, 1),
    ]
    arguments = score_arguments(bucket, parquet(rows), max_invalid_fraction="0.5")
    bucket.put(f"{INVALID}part-of-an-earlier-run.json", b'{"reason": "old"}\n')
    manifest = score(spark, arguments)

    bodies = [
        b"UserID,Calculated_Score,Timestamp\n"
        b"U2,100.00,2026-11-23T03:00:00Z\n"
        b"U1,0.00,2026-11-23T03:00:00Z\n"
        b"U6,17.75,2026-11-23T03:00:00Z\n",
        # Users with several rows have files of their own.
        b"UserID,Calculated_Score,Timestamp\nU3,50.00,2026-11-23T03:00:00Z\n",
    ]
    assert [bucket.read(part) for part in parts(bucket)] == bodies  # and there is no _SUCCESS
    weights = Weights.default()
    key = f"activity/dt={DAY}/activity.parquet"
    assert (
        bucket.json(MANIFEST)
        == manifest
        == {
            "version": 1,
            "run_id": RUN_ID,
            "job_run_id": "jr_score",
            "score_date": DAY,
            "scored_at": f"{DAY}T03:00:00Z",
            "input": [{"key": key, "etag": arguments.input_etags[key], "rows": 9}],
            "rows": {"input": 9, "scored": 4, "invalid": 4, "deduplicated": 1},
            "reasons": {"conflicting_rows": 2, "time_spent_minutes_nan": 1, "user_id_null": 1},
            "samples": {
                "conflicting_rows": [metrics(1, 1, 1.0, 1), metrics(1, 1, 1.0, 2)],
                "time_spent_minutes_nan": [metrics(minutes="NaN")],
                "user_id_null": [metrics()],
            },
            "files": [
                {"name": part.removeprefix(SCORES), "bytes": len(body)}
                for part, body in zip(parts(bucket), bodies, strict=True)
            ],
            "sha256": hashlib.sha256(b"".join(bodies)).hexdigest(),
            "weights": {"version": weights.version, "sha256": weights.sha256},
            "histogram": [1, 0, 0, 1, *[0] * 6, 1, *[0] * 8, 1],
        }
    )
    invalid = sorted(bucket.lines(INVALID), key=lambda line: (line["reason"], line["cart_additions"]))
    assert invalid == [
        row("U4", 1, 1, 1.0, 1) | {"reason": "conflicting_rows"},
        row("U4", 1, 1, 1.0, 2) | {"reason": "conflicting_rows"},
        row("U5", minutes="NaN") | {"reason": "time_spent_minutes_nan"},
        row(None) | {"reason": "user_id_null"},
    ]


@pytest.fixture
def small_reads(spark: SparkSession) -> Iterator[None]:
    """Read each row group in a task of its own, so that the copies of a row come from several tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark_session, "_BYTES_PER_READ", 1_000)
        yield
    spark_session.set_read_partitions(spark, 0)  # for the tests after this one, which share the session


@pytest.mark.usefixtures("small_reads")
def test_a_retry_writes_the_same_bytes_in_several_files(
    spark: SparkSession, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores_writer, "_ROWS_PER_FILE", 80)
    extract = parquet(valid_rows(250) + valid_rows(40)[::-1] + valid_rows(9), group=100)
    first = score(spark, score_arguments(bucket, extract))
    bodies = [bucket.read(key) for key in parts(bucket)]
    tables = [bucket.table(key) for key in parts(bucket)]
    # Row groups of 100, 100, 50 and 49 rows, without the 40 users with several rows. The first task always writes one.
    assert sorted(len(table) - 1 for table in tables if len(table) > 1) == [20, 40, 50, 60, 80]
    assert {tuple(table[0]) for table in tables} == {("UserID", "Calculated_Score", "Timestamp")}
    users = [line[0] for table in tables for line in table[1:]]
    assert sorted(users) == [f"U{number:03d}" for number in range(250)]
    assert [entry["name"] for entry in first["files"]] == [key.removeprefix(SCORES) for key in parts(bucket)]
    assert first["sha256"] == hashlib.sha256(b"".join(bodies)).hexdigest()

    bucket.put(f"{INVALID}part-of-a-worse-extract.json", b"{}\n")
    again = score(spark, score_arguments(bucket, extract, JOB_RUN_ID="jr_again"))
    assert [bucket.read(key) for key in parts(bucket)] == bodies
    assert (again["sha256"], again["job_run_id"]) == (first["sha256"], "jr_again")
    assert bucket.keys(INVALID) == []


def _folder(bucket: Bucket, *files: bytes) -> ScoreArguments:
    """Return the arguments for an extract of several files, numbered by their names."""
    folder = f"activity/dt={DAY}/"
    keys = [f"{folder}country=D E/part-{number}.parquet" for number in range(len(files))]
    etags = {key: bucket.put(key, body) for key, body in zip(keys, files, strict=True)}
    return score_arguments(bucket, None, input_uri=f"s3://{bucket.name}/{folder}", input_etags=json.dumps(etags))


def test_an_extract_of_several_files_is_scored(spark: SparkSession, bucket: Bucket) -> None:
    rows = [*valid_rows(10), row("BIG", items=2**40)]
    expected = {each["user_id"]: hundredths([Fraction(each[name]) for name in METRICS]) for each in rows}
    exact = [each | {"time_spent_minutes": Decimal(each["time_spent_minutes"])} for each in rows[8:]]
    # The files differ in the widths of numbers, and in columns that are ignored.
    narrow = SCHEMA.set(2, pa.field("items_viewed", pa.int8())).set(3, pa.field("time_spent_minutes", pa.float32()))
    minutes = SCHEMA.set(3, pa.field("time_spent_minutes", pa.decimal128(9, 2)))
    arguments = _folder(
        bucket,
        parquet(rows[:4], narrow.append(pa.field("more", pa.string()))),
        parquet([]),
        parquet(rows[4:8], narrow.append(pa.field("more", pa.int64()))),
        parquet(exact, minutes.append(pa.field("other", pa.bool_()))),
    )
    # This file was not checked.
    bucket.put(f"activity/dt={DAY}/country=D E/part-9.parquet", parquet([row("LATE")]))
    manifest = score(spark, arguments)
    assert [each["rows"] for each in manifest["input"]] == [4, 0, 4, 3]
    assert [each["key"] for each in manifest["input"]] == list(arguments.input_etags)
    lines = [line for part in parts(bucket) for line in bucket.table(part)[1:]]
    assert {user: int(text.replace(".", "")) for user, text, _ in lines} == expected
    assert len(lines) == len(rows) == manifest["rows"]["scored"]


def _a_file_changed(bucket: Bucket) -> ScoreArguments:
    arguments = _folder(bucket, parquet(valid_rows(3)), parquet(valid_rows(3)))
    bucket.put(list(arguments.input_etags)[1], parquet(valid_rows(4)))
    return arguments


def _files_differ(bucket: Bucket) -> ScoreArguments:
    return _folder(
        bucket, parquet(valid_rows(3)), parquet(valid_rows(3), SCHEMA.set(1, pa.field("login_count", pa.float64())))
    )


def _a_file_lacks_a_column(bucket: Bucket) -> ScoreArguments:
    return _folder(bucket, parquet(valid_rows(3)), parquet(valid_rows(3), SCHEMA.remove(4)))


def _changed(bucket: Bucket) -> ScoreArguments:
    arguments = score_arguments(bucket, parquet(valid_rows(3)))
    bucket.put(f"activity/dt={DAY}/activity.parquet", parquet(valid_rows(4)))
    return arguments


def _doubles(bucket: Bucket) -> ScoreArguments:
    schema = SCHEMA.set(1, pa.field("login_count", pa.float64()))
    return score_arguments(bucket, parquet(valid_rows(3), schema))


def _weights(bucket: Bucket, body: bytes | None) -> ScoreArguments:
    if body is not None:
        bucket.put("config/weights.json", body)
    return score_arguments(bucket, parquet(valid_rows(3)), weights_uri=f"s3://{bucket.name}/config/weights.json")


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (
            _changed,
            InputChangedError,
            "was replaced .*: its ETag is [0-9a-f]{32}, expected [0-9a-f]{32}",
        ),
        (lambda bucket: score_arguments(bucket, None), InputChangedError, "was deleted after it was checked"),
        (
            lambda bucket: score_arguments(bucket, parquet(valid_rows(3)), input_etags='{"other": "x", "more": "y"}'),
            InputChangedError,
            "names other, more, expected only files of activity/dt=2026-11-23/activity.parquet",
        ),
        (lambda bucket: score_arguments(bucket, b"not Parquet" * 99), SchemaError, "cannot be read as Parquet"),
        (lambda bucket: score_arguments(bucket, b""), SchemaError, "cannot be read as Parquet"),
        (_a_file_changed, InputChangedError, r"part-1\.parquet was replaced after it was checked"),
        (_files_differ, SchemaError, r"part-1\.parquet: column login_count is double, expected an integer"),
        (_a_file_lacks_a_column, SchemaError, r"part-1\.parquet: column cart_additions is missing"),
        (_doubles, SchemaError, "column login_count is double, expected an integer"),
        (
            lambda bucket: score_arguments(bucket, parquet([])),
            ExtractError,
            "is empty: .* has no rows in its only file",
        ),
        (lambda bucket: _folder(bucket, *[parquet([])] * 3), ExtractError, "is empty: .*/ has no rows in 3 files"),
        (lambda bucket: _weights(bucket, b"{"), WeightsError, "invalid weights document: not JSON"),
        (lambda bucket: _weights(bucket, None), WeightsError, r"weights_uri: s3://.*/weights\.json does not exist"),
    ],
)
def test_invalid_input_is_refused_before_any_write(
    spark: SparkSession,
    bucket: Bucket,
    prepare: Callable[[Bucket], ScoreArguments],
    error: type[Exception],
    message: str,
) -> None:
    bucket.put(MANIFEST, b"{}")
    bucket.put(f"{SCORES}part-00000-old.csv", b"old")
    arguments = prepare(bucket)
    before = bucket.keys()
    with pytest.raises(error, match=message):
        score(spark, arguments)
    # The only change: the old scores have lost their manifest, so no reader uses them.
    assert bucket.keys() == [key for key in before if key != MANIFEST]


def test_invalid_rows_stay_until_the_next_extract_is_readable(spark: SparkSession, bucket: Bucket) -> None:
    score(spark, score_arguments(bucket, parquet([*valid_rows(30), row(None)])))
    bucket.delete(f"activity/dt={DAY}/activity.parquet")
    with pytest.raises(InputChangedError):
        score(spark, score_arguments(bucket, None))
    with pytest.raises(SchemaError):
        score(spark, score_arguments(bucket, b"not Parquet" * 99))
    assert len(bucket.lines(INVALID)) == 1
    with pytest.raises(ExtractError, match="the extract is empty"):
        score(spark, score_arguments(bucket, parquet([])))
    assert len(bucket.lines(INVALID)) == 1
    score(spark, score_arguments(bucket, parquet(valid_rows(30))))
    assert bucket.keys(INVALID) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [(parquet(valid_rows(4)), "was replaced after it was checked"), (None, "was deleted after it was checked")],
    ids=["replaced", "deleted"],
)
def test_an_extract_that_changes_during_the_run_has_no_manifest(
    spark: SparkSession, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, body: bytes | None, message: str
) -> None:
    # The invalid rows are read after the scores were written.
    arguments = score_arguments(bucket, parquet([*valid_rows(30), row(None)]))
    write = scores_writer.write_scores

    def write_and_change(*args: Any) -> Any:
        result, key = write(*args), f"activity/dt={DAY}/activity.parquet"
        if body:
            bucket.put(key, body)
        else:
            bucket.delete(key)
        return result

    monkeypatch.setattr(scores_writer, "write_scores", write_and_change)
    with pytest.raises(InputChangedError, match=message):
        score(spark, arguments)
    assert len(parts(bucket)) == 1
    assert bucket.keys(MANIFEST) == []


def test_too_many_invalid_rows_fail_the_job(spark: SparkSession, bucket: Bucket) -> None:
    rows = [*valid_rows(18), row("B1", logins=-1), row("B2", carts=None)]
    with pytest.raises(TooManyInvalidRowsError) as error:
        score(spark, score_arguments(bucket, parquet(rows), max_invalid_fraction="0.09"))
    assert "2 of 20 rows are invalid (1 cart_additions_null, 1 login_count_negative)" in str(error.value)
    assert f"s3://{bucket.name}/{INVALID}" in str(error.value)
    assert {line["user_id"]: line["reason"] for line in bucket.lines(INVALID)} == {
        "B1": "login_count_negative",
        "B2": "cart_additions_null",
    }
    assert bucket.keys(SCORES) == []
    manifest = score(spark, score_arguments(bucket, parquet(rows), max_invalid_fraction="0.1"))
    assert manifest["rows"] == {"input": 20, "scored": 18, "invalid": 2, "deduplicated": 0}


def test_a_fraction_of_one_still_requires_a_valid_row(spark: SparkSession, bucket: Bucket) -> None:
    arguments = score_arguments(bucket, parquet([row("B1", logins=-1)]), max_invalid_fraction="1")
    with pytest.raises(TooManyInvalidRowsError, match="1 of 1 rows are invalid"):
        score(spark, arguments)
    assert [line["reason"] for line in bucket.lines(INVALID)] == ["login_count_negative"]


def test_a_custom_weights_document_adds_a_metric(spark: SparkSession, bucket: Bucket) -> None:
    entries = {"login_count": {"type": "integer", "weight": 0.5, "cap": 8}}
    entries["purchases_eur"] = {"type": "number", "weight": 0.5, "cap": 400}  # a name that the code does not contain
    body = json.dumps({"version": "with purchases", "metrics": entries}).encode()
    bucket.put("config/weights.json", body)
    extract = parquet(
        [row("U1") | {"purchases_eur": 100.0}, row("U2") | {"purchases_eur": -1.0}],
        SCHEMA.append(pa.field("purchases_eur", pa.float32())),
    )
    weights = f"s3://{bucket.name}/config/weights.json"
    manifest = score(spark, score_arguments(bucket, extract, weights_uri=weights, max_invalid_fraction="0.5"))
    assert manifest["weights"] == {"version": "with purchases", "sha256": hashlib.sha256(body).hexdigest()}
    assert bucket.table(parts(bucket)[0])[1:] == [["U1", "43.75", f"{DAY}T03:00:00Z"]]
    invalid = {"user_id": "U2", "login_count": 5, "purchases_eur": -1.0, "reason": "purchases_eur_negative"}
    assert bucket.lines(INVALID) == [invalid]


def test_other_columns_and_widths_of_numbers_do_not_matter(spark: SparkSession, bucket: Bucket) -> None:
    moment = datetime.datetime(2026, 11, 22, 12, 30, tzinfo=datetime.UTC)
    more = {"seen": moment, "tags": ["a"], "Country": "DE", "extra": 2**64 - 1}
    schema = pa.schema(
        [
            pa.field("seen", pa.timestamp("ns", "UTC")),  # what pandas writes
            pa.field("tags", pa.list_(pa.string())),
            pa.field("Country", pa.string()),
            pa.field("extra", pa.uint64()),
            pa.field("user_id", pa.string()),
            pa.field("login_count", pa.uint8()),
            pa.field("items_viewed", pa.uint32()),
            pa.field("time_spent_minutes", pa.int8()),
            pa.field("cart_additions", pa.uint16()),
        ]
    )
    rows = [row("U1", minutes=60) | more, row("U2", 200, 2**32 - 1, 120, 2**16 - 1), row("U1", minutes=60)]
    manifest = score(spark, score_arguments(bucket, parquet(rows, schema)))
    lines = [line[:2] for part in parts(bucket) for line in bucket.table(part)[1:]]
    assert lines == [["U2", "100.00"], ["U1", "50.00"]]
    assert manifest["rows"]["deduplicated"] == 1  # the rows of U1 are identical in the columns of the contract
