"""Extracts as the world writes them: each is scored with the right values, or refused with one line that helps."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from engagement.aws.s3 import Bucket as AirflowBucket
from engagement.checks import extract_check as airflow_check
from engagement.contract.errors import ExtractError as AirflowExtractError
from engagement_jobs.common.aws import Store
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import ExtractError, JobError, SchemaError
from engagement_jobs.entrypoints.extract_check import check_extract
from local.processes import REPOSITORY
from tests.extracts.results import FOLDER, SCORES, check_result
from tests.support.file_writers import PYTHON, FileWriters
from tests.support.glue_days import score, score_arguments
from tests.support.glue_emulators import Bucket
from tests.writers.corpus import CASES
from tests.writers.corpus.case import Case
from tests.writers.expected import expect

CASES_HERE = [case for case in CASES if not (case.needs_spark_4 and pyspark.__version__.startswith("3."))]


def put(bucket: Bucket, writers: FileWriters, case: Case) -> str:
    """Upload the files of a case.

    :return: key of the extract, as it is configured
    """
    for file in case.bystanders:
        bucket.put(FOLDER + file.name, writers.write(file))
    folder = FOLDER + case.folder
    for file in case.files:
        bucket.put(folder + file.name, writers.write(file))
    if case.is_folder:
        bucket.put(f"{folder}_SUCCESS", b"")
    return folder + ("_SUCCESS" if case.is_folder else case.files[0].name)


def check(bucket: Bucket, key: str) -> ScoreArguments:
    """Check the extract on both sides, which have to agree.

    :raises ExtractError: both refuse it
    """
    try:
        checked = airflow_check.check_extract(AirflowBucket(bucket.client, bucket.name), key)
    except AirflowExtractError as error:
        with pytest.raises(ExtractError):
            check_extract(Store(bucket.name), key, "start it again")
        raise ExtractError(str(error)) from error
    passed = {name: str(checked[name]) for name in ("input_uri", "input_etags")}
    assert check_extract(Store(bucket.name), key, "start it again") == passed
    return score_arguments(bucket, None, max_invalid_fraction="1", **passed)


def check_refusal(bucket: Bucket, error: JobError, words: tuple[str, ...]) -> None:
    """Check that the message is one line with these words, and that no reader finds scores."""
    message = str(error)
    assert message.isprintable()  # thus one line
    assert "Py4J" not in message
    assert not message.rstrip("'\"").endswith("..")
    assert [word for word in words if word not in message] == [], message
    assert bucket.keys(SCORES) == []


@pytest.mark.parametrize("case", CASES_HERE, ids=str)
def test_an_extract_is_scored_right_or_refused(
    spark: SparkSession, bucket: Bucket, writers: FileWriters, case: Case
) -> None:
    key = put(bucket, writers, case)
    words = case.refusal(spark.version)
    if words is None:
        check_result(bucket, score(spark, check(bucket, key)), expect(case.files), FOLDER + case.folder)
        return
    with pytest.raises((ExtractError, SchemaError)) as caught:
        score(spark, check(bucket, key))
    check_refusal(bucket, caught.value, words)


def test_the_corpus_is_written_to_a_folder(tmp_path: Path) -> None:
    subprocess.run([PYTHON, "-m", "tests.writers", str(tmp_path)], cwd=REPOSITORY, check=True)
    index = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))
    assert len(index) == len(CASES)
    for entry, case in zip(index, CASES, strict=True):
        expected = {case.folder + file.name for file in case.files if file.writer != "spark"}
        expected |= {file.name for file in case.bystanders}
        folder = tmp_path / entry["folder"]
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == expected
