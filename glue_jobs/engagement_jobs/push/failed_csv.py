"""Write `failed.csv`: the users who are rejected, unknown or deferred, and why."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import TextIO

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.csv_columns import FAILED_COLUMNS
from engagement_jobs.contract.outcomes import NOT_REACHED


def failed_csv_key(score_date: str) -> str:
    """S3 key of the file."""
    return s3_keys.responses_prefix(score_date) + "failed.csv"


def write_failed_csv(store: Store, score_date: str, final: DataFrame, count: int) -> None:
    """Write the file row by row, so that memory does not grow with the number of rows.

    :param final: `user_id`, `outcome`, `reason` and `http_status` of every row
    :param count: number of rows to write; with 0, Spark runs no job
    """
    failed = final.where(F.col("outcome").isin(*NOT_REACHED)).orderBy("user_id")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "failed.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            # With "\n" as its line terminator, csv.writer would not quote a carriage return inside a field.
            writer = csv.writer(_LineFeedWriter(file), lineterminator="\r\n")
            writer.writerow(FAILED_COLUMNS)
            if count:
                writer.writerows(failed.toLocalIterator())
        store.upload(failed_csv_key(score_date), path)


class _LineFeedWriter:
    """Ends the lines of a `csv.writer` with a line feed, as in the scores files."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")
