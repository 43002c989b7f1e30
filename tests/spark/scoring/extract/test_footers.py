"""The footers of the extract's files, read from S3."""

from __future__ import annotations

import io
import json
import threading
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_jobs.common.aws import Store
from engagement_jobs.contract.errors import InputChangedError, SchemaError
from engagement_jobs.scoring.extract import footers
from tests.support.glue_days import parquet, row, score_arguments
from tests.support.glue_emulators import Bucket

FOLDER = "activity/dt=2026-11-23/"
BODY = parquet([row(f"U{number}") for number in range(7)])


def put_folder(bucket: Bucket, *bodies: bytes) -> Any:
    keys = [f"{FOLDER}part-{number}.parquet" for number in range(len(bodies))]
    etags = {key: bucket.put(key, body) for key, body in zip(keys, bodies, strict=True)}
    return score_arguments(bucket, None, input_uri=f"s3://{bucket.name}/{FOLDER}", input_etags=json.dumps(etags))


def test_footers_of_any_length_are_read(bucket: Bucket) -> None:
    wide = io.BytesIO()
    pq.write_table(pa.table({f"{'column' * 30}{number}": [1, 2] for number in range(300)}), wide)
    files = footers.read_files(put_folder(bucket, BODY, wide.getvalue(), parquet([])))
    assert [file.key for file in files] == [f"{FOLDER}part-{number}.parquet" for number in range(3)]
    assert [file.uri for file in files] == [f"s3://{bucket.name}/{file.key}" for file in files]
    assert [file.rows for file in files] == [7, 2, 0]
    assert [file.metadata.num_columns for file in files] == [5, 300, 5]
    assert [file.size for file in files] == [len(BODY), len(wide.getvalue()), len(parquet([]))]
    assert files[1].metadata.serialized_size > footers._TAIL_BYTES


def test_each_footer_is_read_once_and_eight_at_a_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    read_range, lock = Store.read_range, threading.Lock()
    reading: set[str] = set()
    most: list[int] = []

    def slow(store: Store, key: str, *span: int) -> tuple[bytes, str]:
        with lock:
            reading.add(key)
            most.append(len(reading))
        time.sleep(0.1)
        with lock:
            reading.remove(key)
        return read_range(store, key, *span)

    arguments = put_folder(bucket, *[BODY] * 20)
    monkeypatch.setattr(Store, "read_range", slow)
    assert sum(file.rows for file in footers.read_files(arguments)) == 140
    assert (len(most), max(most)) == (20, 8)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"PAR1", r"\(4 bytes\) cannot be read as Parquet: it does not end with a footer and b'PAR1'\. Have"),
        (b"not Parquet" * 9, r"\(99 bytes\) cannot be read as Parquet: it does not end with a footer"),
        (BODY[:-1], "it does not end with a footer"),
        (b"PAR1" + (9).to_bytes(4, "little") + b"PAR1", "it does not end with a footer"),
        (b"PAR1" + b"x" * 50 + (50).to_bytes(4, "little") + b"PAR1", r"its footer is damaged \(.*thrift.*\)\. Have"),
        (b"PAR1" + (0).to_bytes(4, "little") + b"PAR1", r"its footer is damaged \(.*\)\. Have"),
        (
            BODY.replace(b"cart_additions", b"cart_addition\xe9"),
            r"the column name b'cart_addition\\xe9' is not UTF-8\. Have",
        ),
        (BODY[:-4] + b"PARE", r"the footer is encrypted \(Parquet modular encryption\), which the job cannot read"),
    ],
)
def test_a_file_without_a_readable_footer_is_named(bucket: Bucket, body: bytes, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as error:
        footers.read_files(put_folder(bucket, BODY, body))
    text = str(error.value)
    assert text.startswith(f"s3://{bucket.name}/{FOLDER}part-1.parquet")
    assert text.endswith("then clear check_activity.")
    assert "\n" not in text


def test_a_file_that_changes_between_two_requests_is_refused(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = put_folder(bucket, BODY)
    read_range = Store.read_range

    def replaced(store: Store, key: str, *span: int) -> tuple[bytes, str]:
        bucket.put(key, parquet([row("U9")]))
        return read_range(store, key, *span)

    monkeypatch.setattr(Store, "read_range", replaced)
    with pytest.raises(InputChangedError, match="was replaced after it was checked"):
        footers.read_files(arguments)
