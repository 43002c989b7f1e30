"""Job 1: the day's activity to scores, rejected rows and a manifest.

The manifest is deleted first and written last: whoever finds it may trust the folder.
"""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs import activity, input_files, layout, quarantine, session
from engagement_jobs.arguments import ScoreArguments
from engagement_jobs.aws import Store, split_uri
from engagement_jobs.fingerprints import NOBODY, NOT_SCORED, with_fingerprint
from engagement_jobs.manifests import scores_manifest
from engagement_jobs.scoring import BINS, score_bin, scores_csv, with_score
from engagement_jobs.several import look
from engagement_jobs.weights import Weights

_ROWS_PER_FILE = 1_000_000
_COLLAPSED = -1  # beside the kinds that rows are by themselves

log = logging.getLogger("engagement.score")


class InputChangedError(RuntimeError):
    """The extract is not the one that was checked."""


def run(arguments: ScoreArguments) -> dict[str, Any]:
    """Score one day; return the manifest.

    :raises InputChangedError: the extract is gone or not the one that was checked
    :raises SchemaError: a column is missing or has another type; nothing was written
    :raises TooManyRejectedError: after the rejected rows were written; the scores are gone again
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
    marked = with_fingerprint(scored).persist()
    judged = activity.verdict_alone(marked, weights.names)
    # Most days every user has one row: scores are written as they are read, and looked at afterwards.
    _write_scores(judged, output.uri(folder), arguments.scored_at)
    with ThreadPoolExecutor(1) as beside:
        written = beside.submit(_written, output, folder)
        kinds, several = look(marked, size)
        files, sha256 = written.result()
    if several.number:
        judged = activity.verdict(marked, weights.names, several)
        kinds = _kinds(judged)
    histogram = [kinds[each] for each in range(BINS)]
    counts = {
        "input": kinds.total(),
        "scored": sum(histogram),
        "rejected": kinds[NOT_SCORED] + kinds[NOBODY],
        "collapsed": kinds[_COLLAPSED],
    }
    reasons = quarantine.reasons(judged) if counts["rejected"] else {}
    log.info("%s: %s", arguments.input_uri, counts)
    read = input_files.rows_by_key(rows, list(arguments.input_etags), counts["input"])
    quarantine.write(judged, output.uri(rejected), counts["rejected"])
    try:
        quarantine.refuse_if_bad(arguments, counts, reasons)
    except quarantine.TooManyRejectedError:
        output.delete_folder(folder)
        raise
    samples = quarantine.samples(judged, weights.names) if counts["rejected"] else {}
    if several.number:
        _write_scores(judged, output.uri(folder), arguments.scored_at)
        files, sha256 = _written(output, folder)
    _check_input(arguments)
    manifest = scores_manifest(
        arguments,
        read=read,
        rows=counts,
        reasons=reasons,
        samples=samples,
        histogram=histogram,
        files=files,
        sha256=sha256,
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


def _kinds(judged: DataFrame) -> Counter[int]:
    """How many rows there are of each kind, once those of one user were compared."""
    without_score = F.when(F.col("reason").isNotNull(), NOT_SCORED).otherwise(_COLLAPSED)
    kind = F.coalesce(score_bin(), without_score).alias("kind")
    return Counter({row["kind"]: row["count"] for row in judged.groupBy(kind).count().collect()})


def _write_scores(judged: DataFrame, uri: str, scored_at: str) -> None:
    """Write the scores where their rows were read; the same extract gives the same bytes, file by file."""
    scores = scores_csv(judged.where(F.col("score").isNotNull()), scored_at)
    # A file is one task's work for job 2, however large the groups of rows were that came.
    writer = scores.write.mode("overwrite").option("maxRecordsPerFile", _ROWS_PER_FILE)
    writer.csv(uri, **session.CSV_OPTIONS)


def _written(output: Store, folder: str) -> tuple[list[tuple[str, int]], str]:
    """Names and sizes of the files of scores, and their SHA-256."""
    files = [(name, size) for name, size in output.files(folder) if name.startswith("part-")]
    return files, output.sha256(folder + name for name, _ in files)
