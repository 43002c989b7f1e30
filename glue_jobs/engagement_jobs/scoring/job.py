"""The scoring job: score the valid rows of the extract, store the invalid ones separately, and write a manifest.

The manifest is deleted first and written last: scores without a manifest are incomplete, and no reader uses them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from engagement_jobs.common import spark_session, stall_watch
from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import SchemaError, TooManyInvalidRowsError, WeightsError
from engagement_jobs.scoring import invalid_rows_writer, scores_writer
from engagement_jobs.scoring.duplicates import find_duplicate_users
from engagement_jobs.scoring.extract import footers, page_faults, read_errors
from engagement_jobs.scoring.extract.footers import ExtractFile
from engagement_jobs.scoring.extract.reader import read_extract
from engagement_jobs.scoring.formula import with_score
from engagement_jobs.scoring.row_validation import check_invalid_rate, is_valid
from engagement_jobs.scoring.scores_manifest import scores_manifest
from engagement_jobs.scoring.weights import Weights

log = logging.getLogger("engagement.scoring")

_MAX_NAMED_FILES = 3


def run(arguments: ScoreArguments) -> dict[str, Any]:
    """Score one date.

    :return: the manifest
    :raises InputChangedError: the extract was deleted or replaced after it was checked
    :raises ExtractError: the extract has no rows; only the date's scores manifest was deleted
    :raises SchemaError: a file of the extract is not Parquet, is damaged or has pages that Spark cannot read, or a
        column is missing or has another type; the date has no scores manifest
    :raises WeightsError: the weights document does not exist or is invalid; as above
    :raises TooManyInvalidRowsError: the invalid rows were written, the scores were deleted
    :raises StalledError: no Spark task ended for a long time; the date has no scores manifest
    """
    output = Store(arguments.output_bucket)
    manifest_key = s3_keys.scores_prefix(arguments.score_date) + s3_keys.MANIFEST
    output.delete(manifest_key)
    files = footers.read_files(arguments)
    weights = _load_weights(arguments.weights_uri)
    spark = spark_session.start("score_users")
    spark_session.set_read_partitions(spark, sum(file.size for file in files))

    def read(some: Sequence[ExtractFile]) -> DataFrame:
        return read_extract(spark, some, weights)

    try:
        with (
            stall_watch.watch(spark, arguments.stall_timeout_seconds, _likely_cause_of_stall(files)),
            read_errors.explained(spark, files, read),
        ):
            extract = read(files)
            page_faults.check_pages(spark, files, weights.columns)
            footers.check_not_empty(arguments.input_uri, files)
            manifest = _score(extract, files, arguments, weights, output)
    finally:
        # If the extract was replaced in the meantime, that is the cause of any other error.
        footers.check_unchanged(arguments)
    output.write_json(manifest_key, manifest)
    log.info("wrote %s: %s", output.uri(manifest_key), manifest["rows"])
    return manifest


def _likely_cause_of_stall(files: Sequence[ExtractFile]) -> str:
    named = f"{len(files):,} files" if len(files) > _MAX_NAMED_FILES else ", ".join(file.uri for file in files)
    return (
        "A damaged page of the extract, which Spark reads without end, is the likely cause. The extract is "
        f"{named}. Have it written again, then clear check_activity. If it is intact, raise stall_timeout_seconds, and "
        "clear score_users."
    )


def _load_weights(uri: str) -> Weights:
    if uri == "default":
        return Weights.default()
    bucket, key = split_uri(uri)
    document = Store(bucket).read(key)
    if document is None:
        raise WeightsError(f"weights_uri: {uri} does not exist. Upload the document, or set weights_uri to default.")
    return Weights.parse(document)


def _score(
    extract: DataFrame, files: Sequence[ExtractFile], arguments: ScoreArguments, weights: Weights, output: Store
) -> dict[str, Any]:
    """Write scores and invalid rows, and return the manifest."""
    scores_prefix = s3_keys.scores_prefix(arguments.score_date)
    invalid_prefix = s3_keys.invalid_prefix(arguments.score_date)
    output.delete_folder(invalid_prefix)  # not earlier: the rows of an earlier run stay until this extract is readable

    valid = is_valid(weights.metric_names)
    duplicate_users = find_duplicate_users(extract)
    rows = duplicate_users.split(extract, valid)
    unique = with_score(rows.unique, weights, valid)
    resolved = duplicate_users.resolve(with_score(rows.duplicates, weights, valid), weights.metric_names)

    counts, histogram = scores_writer.write_scores(unique, resolved, output.uri(scores_prefix), arguments.scored_at)
    log.info("%s: %s", arguments.input_uri, counts)
    _check_row_count(arguments.input_uri, counts["input"], files)
    invalid = invalid_rows_writer.collect_invalid_rows(rows.invalid_unique, resolved, weights.metric_names)
    reasons, samples = invalid_rows_writer.write_invalid_rows(
        invalid, output.uri(invalid_prefix), counts["invalid"], weights.metric_names
    )
    try:
        check_invalid_rate(arguments, counts, reasons)
    except TooManyInvalidRowsError:
        output.delete_folder(scores_prefix)
        raise

    written = [(name, size) for name, size in output.list_files(scores_prefix) if name.startswith("part-")]
    return scores_manifest(
        arguments,
        read={file.key: file.rows for file in files},
        rows=counts,
        reasons=reasons,
        samples=samples,
        histogram=histogram,
        files=written,
        sha256=output.sha256(scores_prefix + name for name, _ in written),
        weights=weights,
    )


def _check_row_count(uri: str, rows: int, files: Sequence[ExtractFile]) -> None:
    """Check that Spark read every row that the footers promise, so that no row is lost or read twice.

    :raises SchemaError: the numbers differ
    """
    expected = sum(file.rows for file in files)
    if rows != expected:
        raise SchemaError(
            f"{uri}: Spark read {rows:,} rows, expected the {expected:,} of the footers. A file is damaged, or Spark "
            "ignores it because of its name. Have the extract written again, then clear check_activity."
        )
