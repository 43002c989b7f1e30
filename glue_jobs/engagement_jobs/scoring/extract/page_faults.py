"""What the footers say about the pages of the needed columns: whether Spark can read them, and with which reader."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.chunks import Chunk, read_chunks
from engagement_jobs.scoring.extract.file_layout import check_layout
from engagement_jobs.scoring.extract.footers import FILES_AT_ONCE, ExtractFile

_CODEC_CLASSES = {
    "BROTLI": "org.apache.hadoop.io.compress.BrotliCodec",
    "LZO": "com.hadoop.compression.lzo.LzoCodec",
}
"""Codecs for which Spark needs a class that it does not bring along."""
_ROW_READER_ENCODING = "BYTE_STREAM_SPLIT"
"""Spark's vectorized reader cannot read it; its row-based reader can, for these physical types."""
_ROW_READER_TYPES = frozenset({"FLOAT", "DOUBLE"})
_NEWER_ROW_READER_TYPES = frozenset({"INT32", "INT64", "FIXED_LEN_BYTE_ARRAY"})
_NEWER_READER_CLASS = "org.apache.parquet.column.values.bytestreamsplit.ByteStreamSplitValuesReaderForInteger"
VECTORIZED_READER = "spark.sql.parquet.enableVectorizedReader"
"""Spark setting: if it is false, Spark reads Parquet row by row."""


def check_pages(spark: SparkSession, files: Sequence[ExtractFile], columns: Collection[str]) -> None:
    """Check that Spark can read the pages of these columns, and choose the reader that can.

    :param columns: names of the needed columns, which every file with rows has
    :raises SchemaError: names the first file that is damaged or has a codec, an encoding or an encryption that Spark
        cannot read
    """
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        chunks = list(pool.map(lambda file: _checked_chunks(spark, file), files))
    jvm_has = _JvmClasses(spark)
    needs_row_reader = False
    for file, of_file in zip(files, chunks, strict=True):
        needed = [chunk for chunk in of_file if chunk.path in columns]
        if file.rows:
            _check_encryption(file, needed)
            _check_codecs(file, needed, jvm_has)
            needs_row_reader |= _check_encodings(file, needed, jvm_has)
    spark.conf.set(VECTORIZED_READER, str(not needs_row_reader).lower())


def _checked_chunks(spark: SparkSession, file: ExtractFile) -> list[Chunk]:
    chunks = read_chunks(spark, file)
    check_layout(file, chunks)
    return chunks


class _JvmClasses:
    """The classes that the Spark of this cluster has: Glue's own list of libraries is not published."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark.sparkContext._jvm
        self._known: dict[str, bool] = {}

    def __call__(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = self._jvm.org.apache.hadoop.conf.Configuration().getClassByNameOrNull(name) is not None
        return self._known[name]


def _check_encryption(file: ExtractFile, needed: Sequence[Chunk]) -> None:
    names = list(dict.fromkeys(chunk.path for chunk in needed if chunk.is_encrypted))
    if names:
        raise SchemaError(
            f"{file.uri}: {_subject(names)} encrypted (Parquet modular encryption), which the job cannot read; have it "
            "written without encryption, then clear check_activity."
        )


def _check_codecs(file: ExtractFile, needed: Sequence[Chunk], jvm_has: _JvmClasses) -> None:
    for codec, name in sorted(_CODEC_CLASSES.items()):
        compressed = sorted({chunk.path for chunk in needed if chunk.codec == codec})
        if compressed and not jvm_has(name):
            raise SchemaError(
                f"{file.uri}: {_subject(compressed)} compressed with {codec}, which the Spark of this job cannot read, "
                "expected SNAPPY, GZIP, ZSTD, LZ4 or no compression. Have the extract written with one of these, then "
                "clear check_activity."
            )


def _check_encodings(file: ExtractFile, needed: Sequence[Chunk], jvm_has: _JvmClasses) -> bool:
    """Return whether the file needs the row-based reader.

    With DELTA_LENGTH_BYTE_ARRAY, the vectorized reader of Spark 3.5.6 reads other texts than the file has, as soon as
    there are nulls or several pages (SPARK-52240).
    """
    split = {chunk.path: chunk.physical_type for chunk in needed if chunk.is_split}
    for column, physical_type in split.items():
        if physical_type in _ROW_READER_TYPES:
            continue
        if physical_type not in _NEWER_ROW_READER_TYPES or not jvm_has(_NEWER_READER_CLASS):
            raise SchemaError(
                f"{file.uri}: column {column} ({physical_type}) has the encoding {_ROW_READER_ENCODING}, which the "
                "Spark of this job can read for FLOAT and DOUBLE only. Have the column written with another encoding, "
                "such as PLAIN, then clear check_activity."
            )
    return bool(split) or any(chunk.has_lengths for chunk in needed)


def _subject(columns: Sequence[str]) -> str:
    return f"column {columns[0]} is" if len(columns) == 1 else f"columns {', '.join(columns)} are"
