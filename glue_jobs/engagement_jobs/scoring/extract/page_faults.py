"""What the footers say about the pages of the needed columns: whether Spark can read them, and with which reader."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyspark.sql import SparkSession

from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract.errors import SchemaError
from engagement_jobs.scoring.extract.file_layout import check_layout
from engagement_jobs.scoring.extract.footers import ExtractFile

_FILES_AT_ONCE = 8
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
    encrypted = [_encrypted_columns(spark, file) for file in files]
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for _ in pool.map(check_layout, files, encrypted):
            pass
    jvm_has = _JvmClasses(spark)
    needs_row_reader = False
    for file, positions in zip(files, encrypted, strict=True):
        if file.rows:
            _check_encryption(file, columns, positions)
            _check_codecs(file, columns, jvm_has)
            needs_row_reader |= _check_encodings(file, columns, jvm_has)
    spark.conf.set(VECTORIZED_READER, str(not needs_row_reader).lower())


class _JvmClasses:
    """The classes that the Spark of this cluster has: Glue's own list of libraries is not published."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark.sparkContext._jvm
        self._known: dict[str, bool] = {}

    def __call__(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = self._jvm.org.apache.hadoop.conf.Configuration().getClassByNameOrNull(name) is not None
        return self._known[name]


def _encrypted_columns(spark: SparkSession, file: ExtractFile) -> frozenset[int]:
    """Return the positions of the columns that are encrypted under a readable footer.

    pyarrow ends the process when it examines such a column, so parquet-mr examines them, which Spark brings along.
    """
    if file.footer_bytes == file.metadata.serialized_size:
        return frozenset()  # a file with an encrypted column has a signature after its footer
    bucket, key = split_uri(file.uri)
    footer, _ = Store(bucket).read_range(key, file.size - 8 - file.footer_bytes, file.footer_bytes)
    jvm: Any = spark.sparkContext._jvm
    metadata = jvm.org.apache.parquet.format.Util.readFileMetaData(jvm.java.io.ByteArrayInputStream(footer))
    groups = metadata.getRow_groups()
    chunks = list(groups[0].getColumns()) if len(groups) else []
    return frozenset(number for number, chunk in enumerate(chunks) if chunk.isSetCrypto_metadata())


def _check_encryption(file: ExtractFile, columns: Collection[str], encrypted: frozenset[int]) -> None:
    names = [path for number, path in _leaf_columns(file) if number in encrypted and path in columns]
    if names:
        raise SchemaError(
            f"{file.uri}: {_subject(names)} encrypted (Parquet modular encryption), which the job cannot read; have it "
            "written without encryption, then clear check_activity."
        )


def _check_codecs(file: ExtractFile, columns: Collection[str], jvm_has: _JvmClasses) -> None:
    codecs = {(chunk.compression, chunk.path_in_schema) for chunk in _needed_chunks(file, columns)}
    for codec, name in sorted(_CODEC_CLASSES.items()):
        compressed = sorted(column for chunk_codec, column in codecs if chunk_codec == codec)
        if compressed and not jvm_has(name):
            raise SchemaError(
                f"{file.uri}: {_subject(compressed)} compressed with {codec}, which the Spark of this job cannot read, "
                "expected SNAPPY, GZIP, ZSTD, LZ4 or no compression. Have the extract written with one of these, then "
                "clear check_activity."
            )


def _check_encodings(file: ExtractFile, columns: Collection[str], jvm_has: _JvmClasses) -> bool:
    """Return whether the file needs the row-based reader."""
    split = [chunk for chunk in _needed_chunks(file, columns) if _ROW_READER_ENCODING in chunk.encodings]
    newer = {
        chunk.path_in_schema: chunk.physical_type for chunk in split if chunk.physical_type not in _ROW_READER_TYPES
    }
    for column, physical_type in newer.items():
        if physical_type not in _NEWER_ROW_READER_TYPES or not jvm_has(_NEWER_READER_CLASS):
            raise SchemaError(
                f"{file.uri}: column {column} ({physical_type}) has the encoding {_ROW_READER_ENCODING}, which the "
                "Spark of this job can read for FLOAT and DOUBLE only. Have the column written with another encoding, "
                "such as PLAIN, then clear check_activity."
            )
    return bool(split)


def _needed_chunks(file: ExtractFile, columns: Collection[str]) -> Iterator[Any]:
    """Return the column chunks of the needed columns. None of them is encrypted."""
    positions = [number for number, path in _leaf_columns(file) if path in columns]
    for group_number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(group_number)
        yield from map(group.column, positions)


def _leaf_columns(file: ExtractFile) -> Iterable[tuple[int, str]]:
    return enumerate(file.metadata.schema.column(number).path for number in range(file.metadata.num_columns))


def _subject(columns: Sequence[str]) -> str:
    return f"column {columns[0]} is" if len(columns) == 1 else f"columns {', '.join(columns)} are"
