"""The scores CSV: written and counted in one pass over the rows."""

from __future__ import annotations

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common import spark_session
from engagement_jobs.contract.csv_columns import SCORES_COLUMNS
from engagement_jobs.scoring.formula import BINS, score_bin, score_text

# One file is the work of one push task, so its size must not depend on the row groups of the extract.
_ROWS_PER_FILE = 1_000_000


def write_scores(unique: DataFrame, resolved: DataFrame, uri: str, scored_at: str) -> tuple[dict[str, int], list[int]]:
    """Write the scores, each in the partition that reads its row. The same extract gives the same files.

    :param unique: rows of the users with one row, with `score`
    :param resolved: rows of the users with several rows, with `score` and `reason`
    :param uri: folder of the CSV files; what is in it is replaced
    :return: numbers of rows (`input`, `scored`, `invalid`, `deduplicated`), and of scores by bin
    """
    columns = (F.col("user_id"), F.col("score"), score_bin().alias("bin"))
    rows = unique.select(*columns, F.col("score").isNull().alias("invalid")).unionByName(
        resolved.select(*columns, F.col("reason").isNotNull().alias("invalid"))
    )
    observation = Observation()
    totals = (F.count("*").alias("input"), F.count("score").alias("scored"), F.count_if("invalid").alias("invalid"))
    bins = (F.count_if(F.col("bin") == number).alias(f"bin_{number}") for number in range(BINS))
    observed = rows.observe(observation, *totals, *bins)
    writer = to_csv_columns(observed.where(F.col("score").isNotNull()), scored_at).write.mode("overwrite")
    writer.option("maxRecordsPerFile", _ROWS_PER_FILE).csv(uri, **spark_session.CSV_OPTIONS)
    observed_counts = observation.get
    counts = {name: observed_counts[name] for name in ("input", "scored", "invalid")}
    counts["deduplicated"] = counts["input"] - counts["scored"] - counts["invalid"]
    return counts, [observed_counts[f"bin_{number}"] for number in range(BINS)]


def to_csv_columns(scored: DataFrame, scored_at: str) -> DataFrame:
    """Return the columns of the scores CSV, from rows with `user_id` and `score`."""
    values = (F.col("user_id"), score_text(), F.lit(scored_at))
    return scored.select(*(value.alias(name) for value, name in zip(values, SCORES_COLUMNS, strict=True)))
