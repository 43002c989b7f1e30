"""Job 1: the day's activity to scores, rejected rows and a manifest.

The manifest is deleted first and written last: whoever finds it may trust the folder.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import activity, input_files, layout, quarantine, session
from engagement_jobs.arguments import ScoreArguments
from engagement_jobs.aws import Store, split_uri
from engagement_jobs.manifests import scores_manifest
from engagement_jobs.scoring import BINS, score_bin, scores_csv, with_score
from engagement_jobs.several import Several, with_hash
from engagement_jobs.weights import Weights

_ROWS_PER_FILE = 1_000_000
_REJECTED, _COLLAPSED = -1, -2  # beside the bins of scores

log = logging.getLogger("engagement.score")


class InputChangedError(RuntimeError):
    """The extract is not the one that was checked."""


def run(arguments: ScoreArguments) -> dict[str, Any]:
    """Score one day; return the manifest.

    :raises InputChangedError: the extract is gone or not the one that was checked
    :raises SchemaError: a column is missing or has another type; nothing was written
    :raises TooManyRejectedError: after the rejected rows were written
    """
    output = Store(arguments.output_bucket)
    folder, rejected = layout.scores(arguments.score_date), layout.rejected(arguments.score_date)
    output.delete(folder + layout.MANIFEST)
    size = _check_input(arguments)
    weights = _weights(arguments.weights_uri)
    spark = session.start("score_users")
    session.size_reads(spark, size)
    rows = input_files.read(spark, arguments, weights)
    output.delete_folder(rejected)  # an earlier run's; not before it is known that this one can tell again
    scored = with_score(rows, weights, activity.can_be_scored(weights.names))
    # Kept, so that the input is read, and scored, once.
    hashed = with_hash(scored).persist()
    judged = activity.verdict_alone(hashed, weights.names)
    counts, reasons, histogram = _count(judged)
    several = Several.find(hashed, counts["input"])
    if several.number:
        judged = activity.verdict(hashed, weights.names, several)
        counts, reasons, histogram = _count(judged)
    log.info("%s: %s", arguments.input_uri, counts)
    read = input_files.rows_by_key(rows, list(arguments.input_etags), counts["input"])
    quarantine.write(judged, output.uri(rejected), counts["rejected"])
    quarantine.refuse_if_bad(arguments, counts, reasons)
    samples = quarantine.samples(judged, weights.names) if counts["rejected"] else {}
    _write_scores(judged, output.uri(folder), arguments.scored_at)
    _check_input(arguments)
    files = [(name, size) for name, size in output.files(folder) if name.startswith("part-")]
    manifest = scores_manifest(
        arguments,
        read=read,
        rows=counts,
        reasons=reasons,
        samples=samples,
        histogram=histogram,
        files=files,
        sha256=output.sha256(folder + name for name, _ in files),
        weights=weights,
    )
    output.write_json(folder + layout.MANIFEST, manifest)
    log.info("wrote %s with %d scores", output.uri(folder), counts["scored"])
    return manifest


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


def _weights(uri: str) -> Weights:
    if uri == "default":
        return Weights.default()
    bucket, key = split_uri(uri)
    document = Store(bucket).read(key)
    if document is None:
        raise FileNotFoundError(f"there are no weights at {uri}; set weights_uri to a document that exists")
    return Weights.parse(document)


def _count(judged: DataFrame) -> tuple[dict[str, int], dict[str, int], list[int]]:
    """Rows by what became of them, rejected rows by reason, and scores by bin."""
    rejected, collapsed = F.col("reason").isNotNull(), F.col("copy") > 1
    # By one small number, which Spark counts by faster than by text; reasons are asked for where there are any.
    kind = F.when(rejected, _REJECTED).when(collapsed, _COLLAPSED).otherwise(score_bin())
    rows = Counter({row["kind"]: row["count"] for row in judged.groupBy(kind.alias("kind")).count().collect()})
    histogram = [rows[each] for each in range(BINS)]
    reasons = judged.where(rejected).groupBy("reason").count().collect() if rows[_REJECTED] else []
    counts = {
        "input": rows.total(),
        "scored": sum(histogram),
        "rejected": rows[_REJECTED],
        "collapsed": rows[_COLLAPSED],
    }
    return counts, {row["reason"]: row["count"] for row in sorted(reasons)}, histogram


def _write_scores(judged: DataFrame, uri: str, scored_at: str) -> None:
    """Write the scores where their rows were read; the same extract gives the same bytes, file by file."""
    first_copies = judged.where(F.col("reason").isNull() & (F.col("copy") == 1))
    # A file is one task's work for job 2, however large the groups of rows were that came.
    writer = scores_csv(first_copies, scored_at).write.mode("overwrite").option("maxRecordsPerFile", _ROWS_PER_FILE)
    writer.csv(uri, **session.CSV_OPTIONS)
