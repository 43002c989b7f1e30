"""The scoring job and an oracle agree on generated extracts: any program, layout, allowed type and other columns."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import JobError, TooManyInvalidRowsError
from tests.extracts.results import FOLDER, check_invalid_rows, check_result
from tests.extracts.strategies import extracts
from tests.support import glue_emulators
from tests.support.file_writers import FileWriters
from tests.support.glue_days import score, score_arguments
from tests.support.glue_emulators import Emulators
from tests.writers.expected import expect
from tests.writers.spec import File

_numbers = itertools.count()


@pytest.mark.timeout(900)
@settings(
    max_examples=8,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(files=extracts())
def test_the_scoring_job_and_the_oracle_agree(
    spark: SparkSession, emulators: Emulators, writers: FileWriters, files: list[File]
) -> None:
    # Hypothesis runs this many times with the same fixtures, so each run needs a bucket of its own.
    bucket = glue_emulators.make_bucket(f"oracle-{next(_numbers):04d}", emulators, spark)
    etags = {FOLDER + file.name: bucket.put(FOLDER + file.name, writers.write(file)) for file in files}
    arguments = score_arguments(
        bucket,
        None,
        input_uri=f"s3://{bucket.name}/{FOLDER}",
        input_etags=json.dumps(etags),
        max_invalid_fraction="1",
    )
    expected = expect(files)
    if expected.scores:
        check_result(bucket, score(spark, arguments), expected)
    elif expected.counts["input"]:
        with pytest.raises(TooManyInvalidRowsError):
            score(spark, arguments)
        check_invalid_rows(bucket, expected)
    else:
        with pytest.raises(JobError, match="is empty"):
            score(spark, arguments)
