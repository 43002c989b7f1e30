"""The columns of the scores CSV; what the job writes is tested in `test_job`."""

from __future__ import annotations

from pyspark.sql import SparkSession

from engagement_jobs.scoring.scores_writer import to_csv_columns


def test_csv_columns_are_those_of_the_contract(spark: SparkSession) -> None:
    scored = spark.sql("SELECT 'U1' AS user_id, 7.5D AS score, 'more' AS more")
    rows = to_csv_columns(scored, "2026-11-23T03:00:00Z")
    assert rows.columns == ["UserID", "Calculated_Score", "Timestamp"]
    assert [tuple(row) for row in rows.collect()] == [("U1", "7.50", "2026-11-23T03:00:00Z")]
