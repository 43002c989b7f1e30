"""The programs that write extracts, in a process of their own environment, and the Spark of this one."""

from __future__ import annotations

import re
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path

from pyspark.sql import SparkSession

from local.processes import REPOSITORY
from tests.writers.spec import Column, File

PYTHON = REPOSITORY / ".venv-writers" / "bin" / "python"
_SPARK_TYPES = {
    "string": "string",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "double": "double",
    "bool": "boolean",
    "timestamp[us, UTC]": "bigint",
}


class FileWriters:
    """Writes the files of `tests.writers`. Close it at the end."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._process = subprocess.Popen(
            [PYTHON, "-m", "tests.writers"], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)

    def write(self, file: File) -> bytes:
        """Return the content of a file.

        :raises ValueError: the program cannot write it
        """
        with tempfile.TemporaryDirectory(prefix="written-") as folder:
            path = Path(folder) / "file.parquet"
            if file.writer == "spark":
                self._write_with_spark(file, path)
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(path, file.to_json(), sep="\t", file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
            if answer != "\n":
                raise ValueError(f"{file}: {answer or 'the process ended'}")
            return path.read_bytes()

    def _write_with_spark(self, file: File, path: Path) -> None:
        """Write a file with Spark. Options that begin with `spark.` are settings of the session."""
        settings = {name: str(value) for name, value in file.options.items() if name.startswith("spark.")}
        options = {name: str(value) for name, value in file.options.items() if name not in settings}
        schema = ", ".join(f"`{column.name}` {_spark_type(column)}" for column in file.columns)
        rows = list(zip(*(column.values for column in file.columns), strict=True))
        frame = self._spark.createDataFrame([_converted(row, file.columns) for row in rows], schema)
        for column in file.columns:
            if column.type.startswith("timestamp"):
                frame = frame.withColumn(column.name, frame[column.name].cast("timestamp"))
        folder = path.with_suffix(".folder")
        for name, value in settings.items():
            self._spark.conf.set(name, value)
        try:
            frame.coalesce(1).write.options(**options).parquet(folder.as_uri())
        finally:
            for name in settings:
                self._spark.conf.unset(name)
        (part,) = folder.glob("part-*.parquet")
        part.rename(path)


def _spark_type(column: Column) -> str:
    return _SPARK_TYPES.get(column.type) or re.sub(r"\s", "", column.type)


def _converted(row: tuple[object, ...], columns: tuple[Column, ...]) -> tuple[object, ...]:
    return tuple(
        Decimal(str(value)) if column.type.startswith("decimal") and value is not None else value
        for value, column in zip(row, columns, strict=True)
    )
