"""Errors of Spark while it reads the pages of the extract, explained in one line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.common.error_lines import root_cause
from engagement_jobs.contract.errors import JobError, SchemaError
from engagement_jobs.scoring.extract.footers import WRITE_AGAIN, ExtractFile
from engagement_jobs.scoring.extract.page_faults import VECTORIZED_READER

Read = Callable[[Sequence[ExtractFile]], DataFrame]

_READING = re.compile(r"reading file |Can not read value|org\.apache\.(spark\.sql\.execution\.datasources\.)?parquet")
_NOT_THE_FILE = re.compile(
    r"OutOfMemory|StackOverflow|amazonaws|software\.amazon|java\.net\.|org\.apache\.http|AccessDenied|FileNotFound|"
    r"Interrupted|ExecutorLost|cancel[a-z]+ as part of"
)
_JAVA_CLASS = re.compile(r"^[\w.$]+(?:Exception|Error): ")
_CHECKSUM = "CRC checksum verification failed"
_UNSUPPORTED = re.compile(r"Unsupported encoding|no byte stream split reader|Codec was not found|parquet\.crypto")


@contextlib.contextmanager
def explained(spark: SparkSession, files: Sequence[ExtractFile], read: Read) -> Iterator[None]:
    """Raise an error of Spark that the content of the extract causes as one that says so.

    :param read: reads the needed columns of some of the files
    :raises SchemaError: names the file, the column and what Spark could not read
    """
    try:
        yield
    except JobError:
        raise
    except Exception as error:
        explanation = _explain(error, spark, files, read)
        if explanation is None:
            raise
        raise explanation from None


def _explain(error: Exception, spark: SparkSession, files: Sequence[ExtractFile], read: Read) -> SchemaError | None:
    """Find the file and the column that Spark could not read, by reading them again.

    :return: None if the error is not about the content of the files, or does not occur again
    """
    if not _is_about_content(error) or not _READING.search(str(error)):
        return None
    # The errors of the row-based reader all name the file, but it accepts some damage that the vectorized one notices.
    for vectorized in ("false", str(spark.conf.get(VECTORIZED_READER))):
        with _second_read(spark, vectorized):
            explanation = _locate(error, files, read)
        if explanation:
            return explanation
    return None


def _locate(error: Exception, files: Sequence[ExtractFile], read: Read) -> SchemaError | None:
    file = _named_file(error, files) or _named_file(_read_all(read(files)), files)
    if file is None:
        file = next((each for each in files if _read_all(read([each]))), None)
    if file is None:
        return None
    for column in read([file]).columns:
        cause = _read_all(read([file]).select(column))
        if cause and _is_about_content(cause):
            return SchemaError(f"{file.uri}: column {column} cannot be read: {_problem(cause)}. {WRITE_AGAIN}")
    return None


@contextlib.contextmanager
def _second_read(spark: SparkSession, vectorized: str) -> Iterator[None]:
    """Use a reader, and keep its traces out of the log.

    :param vectorized: "true" or "false"
    """
    before = str(spark.conf.get(VECTORIZED_READER))
    spark.conf.set(VECTORIZED_READER, vectorized)
    spark.sparkContext.setLogLevel("OFF")
    try:
        yield
    finally:
        spark.sparkContext.setLogLevel("WARN")
        spark.conf.set(VECTORIZED_READER, before)


def _is_about_content(error: Exception) -> bool:
    return not _NOT_THE_FILE.search(root_cause(error))


def _read_all(rows: DataFrame) -> Exception | None:
    """Read all rows and keep none; return what Spark raises."""
    try:
        rows.write.format("noop").mode("overwrite").save()
    except Exception as error:  # noqa: BLE001 - that of Spark is what the caller wants to know
        return error
    return None


def _named_file(error: Exception | None, files: Sequence[ExtractFile]) -> ExtractFile | None:
    """Return the file that an error names, the only file if there is one."""
    if len(files) == 1:
        return files[0]
    text = str(error)
    text += unquote(text)  # some messages name the file as a URI, others as a path
    # One key may be the beginning of another one.
    return max((file for file in files if file.key in text), key=lambda file: len(file.key), default=None)


def _problem(error: Exception) -> str:
    cause = _JAVA_CLASS.sub("", root_cause(error))
    if _CHECKSUM in cause:
        return "a page differs from its checksum, so its bytes were changed after it was written"
    if _UNSUPPORTED.search(cause):
        return f"the Spark of this job does not support what it has ({cause})"
    return f"the file is likely damaged ({cause})"
