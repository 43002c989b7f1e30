"""Scoring job: the day's activity to scores, invalid rows and a manifest.

The manifest is deleted first and written last: a folder of scores is trusted only if it has one.
"""

from __future__ import annotations

import logging
from typing import Any

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common import spark_session
from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import ScoreArguments
from engagement_jobs.contract.errors import InputChangedError, TooManyInvalidRowsError, WeightsError
from engagement_jobs.scoring import extract_reader, invalid_rows
from engagement_jobs.scoring.duplicates import find_duplicate_users
from engagement_jobs.scoring.formula import BINS, score_bin, to_csv_columns, with_score
from engagement_jobs.scoring.manifest import scores_manifest
from engagement_jobs.scoring.validation import is_valid
from engagement_jobs.scoring.weights import Weights

_ROWS_PER_FILE = 1_000_000

log = logging.getLogger("engagement.scoring")


def run(arguments: ScoreArguments) -> dict[str, Any]:
    """Score one day; return the manifest.

    :raises InputChangedError: the extract is gone or not the one that was checked
    :raises SchemaError: a column is missing or has another type; nothing was written
    :raises TooManyInvalidRowsError: after the invalid rows were written; the scores are deleted again
    """
    output = Store(arguments.output_bucket)
    manifest_key = s3_keys.scores_prefix(arguments.score_date) + s3_keys.MANIFEST
    output.delete(manifest_key)
    size = _check_input(arguments)
    weights = _load_weights(arguments.weights_uri)
    spark = spark_session.start("score_users")
    spark_session.set_read_partitions(spark, size)
    try:
        manifest = _score(extract_reader.read_extract(spark, arguments, weights), arguments, weights, output)
    finally:
        _check_input(arguments)  # an extract that was replaced meanwhile explains any failure
    output.write_json(manifest_key, manifest)
    log.info("wrote %s: %s", output.uri(manifest_key), manifest["rows"])
    return manifest


def _score(rows: DataFrame, arguments: ScoreArguments, weights: Weights, output: Store) -> dict[str, Any]:
    """Write scores and invalid rows; return their manifest."""
    folder, invalid = s3_keys.scores_prefix(arguments.score_date), s3_keys.invalid_prefix(arguments.score_date)
    output.delete_folder(invalid)  # of an earlier run; kept until this run has read the schema of its extract
    duplicates, is_fit = find_duplicate_users(rows), is_valid(weights.names)
    others, unfit, repeated = duplicates.split(rows, is_fit)
    compared = duplicates.compare(with_score(repeated, weights, is_fit), weights.names)
    counts, histogram = _write_scores(
        with_score(others, weights, is_fit), compared, output.uri(folder), arguments.scored_at
    )
    log.info("%s: %s", arguments.input_uri, counts)
    with_reason = invalid_rows.add_reasons(unfit, compared, weights.names)
    reasons, samples = invalid_rows.write_invalid_rows(
        with_reason, output.uri(invalid), counts["invalid"], weights.names
    )
    try:
        invalid_rows.check_invalid_rate(arguments, counts, reasons)
    except TooManyInvalidRowsError:
        output.delete_folder(folder)
        raise
    files = [(name, size) for name, size in output.list_files(folder) if name.startswith("part-")]
    return scores_manifest(
        arguments,
        read=extract_reader.count_rows_by_file(rows, list(arguments.input_etags), counts["input"]),
        rows=counts,
        reasons=reasons,
        samples=samples,
        histogram=histogram,
        files=files,
        sha256=output.sha256(folder + name for name, _ in files),
        weights=weights,
    )


def _check_input(arguments: ScoreArguments) -> int:
    """Compare every file with what was checked; give their bytes."""
    bucket, extract = split_uri(arguments.input_uri)
    in_folder = extract.endswith("/")
    strange = [key for key in arguments.input_etags if key != extract and not (in_folder and key.startswith(extract))]
    if strange:
        raise InputChangedError(f"--input_etags names {', '.join(strange[:3])}; wanted files of {extract} alone.")
    store, total = Store(bucket), 0
    for key, wanted in arguments.input_etags.items():
        size, found = store.head(key) or (0, None)
        total += size
        if found != wanted:
            raise InputChangedError(
                f"{store.uri(key)} changed since it was checked: ETag {found or 'none, the object is gone'}, "
                f"wanted {wanted}. Clear check_activity to score the new extract."
            )
    return total


def _load_weights(uri: str) -> Weights:
    if uri == "default":
        return Weights.default()
    bucket, key = split_uri(uri)
    document = Store(bucket).read(key)
    if document is None:
        raise WeightsError(f"there are no weights at {uri}; set weights_uri to a document that exists")
    return Weights.parse(document)


def _write_scores(others: DataFrame, repeated: DataFrame, uri: str, scored_at: str) -> tuple[dict[str, int], list[int]]:
    """Write the scores where their rows are read; count all rows, and the scores by bin, in the same pass.

    The same extract gives the same bytes, file by file.
    """
    columns = (F.col("user_id"), F.col("score"), score_bin().alias("bin"))
    rows = others.select(*columns, F.col("score").isNull().alias("invalid")).unionByName(
        repeated.select(*columns, F.col("reason").isNotNull().alias("invalid"))
    )
    observation = Observation()
    bins = (F.count_if(F.col("bin") == each).alias(f"bin_{each}") for each in range(BINS))
    totals = (F.count("*").alias("input"), F.count("score").alias("scored"), F.count_if("invalid").alias("invalid"))
    observed = rows.observe(observation, *totals, *bins)
    # A file is one task's work for the push job, however large the groups of rows of the extract are.
    writer = to_csv_columns(observed.where(F.col("score").isNotNull()), scored_at).write.mode("overwrite")
    writer.option("maxRecordsPerFile", _ROWS_PER_FILE).csv(uri, **spark_session.CSV_OPTIONS)
    found = observation.get
    counts = {name: found[name] for name in ("input", "scored", "invalid")}
    counts["deduplicated"] = counts["input"] - counts["scored"] - counts["invalid"]
    return counts, [found[f"bin_{each}"] for each in range(BINS)]
