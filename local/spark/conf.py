"""Spark configuration of an emulated job run: s3:// paths, one task slot per worker core, and Java.

Imports the standard library only.
"""

import shlex
from pathlib import Path

from local.spark.java import java_home

_LOG4J = Path(__file__).with_name("log4j2.properties")

# Cores of one worker. A DPU has four cores. The first worker is the driver and runs no tasks.
CORES = {"G.025X": 2, "G.1X": 4, "G.2X": 8, "G.4X": 16, "G.8X": 32}


def task_slots(worker_type: str | None, workers: int | None) -> int:
    """Return the number of tasks that run in parallel on these workers."""
    return max((workers or 2) - 1, 1) * CORES.get(worker_type or "G.1X", 4)


def dpus(worker_type: str | None, workers: int | None) -> float:
    """Return the data processing units of these workers, Glue's MaxCapacity."""
    return (workers or 2) * CORES.get(worker_type or "G.1X", 4) / 4


def parse_conf_argument(value: str) -> dict[str, str]:
    """Parse Glue's `--conf` argument, "a=b --conf c=d", into properties.

    :raises ValueError: when a part has no "="
    """
    properties = {}
    for part in filter(None, (piece.strip() for piece in value.split("--conf "))):
        name, equals, setting = part.partition("=")
        if not equals:
            raise ValueError(f"--conf: expected name=value, got {part!r}")
        properties[name.strip()] = setting.strip()
    return properties


def properties(root: Path, scratch: Path, slots: int, conf: str | None) -> dict[str, str]:
    """Return all Spark properties.

    Hadoop's overload-scheme view file system maps s3://bucket/key to `root`/bucket/key, so that job scripts run
    unchanged and need no S3 libraries.

    :param root: folder with one subfolder per bucket
    :param scratch: folder of the job run
    :param slots: number of tasks that run in parallel
    :param conf: the job's `--conf` argument, which overrides the other properties
    :raises ValueError: when `conf` cannot be parsed
    """
    defaults = {
        "spark.master": f"local[{slots}]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        # A JVM that runs for seconds gains nothing from the optimizing compiler and the parallel collector. Without the
        # compiler, the default code cache is a fifth of the usual size, and Spark fills it: the JVM then discards
        # compiled code and compiles it again.
        "spark.driver.extraJavaOptions": (
            "-Duser.timezone=UTC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
        ),
        "spark.sql.warehouse.dir": str(scratch / "tmp" / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        # To find the location of a file, Hadoop starts a process that reads the file's permissions.
        "spark.sql.sources.ignoreDataLocality": "true",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFs",
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",  # writes no .crc files
    }
    for bucket in sorted(path for path in root.iterdir() if path.is_dir()):
        defaults[f"spark.hadoop.fs.viewfs.mounttable.{bucket.name}.linkFallback"] = bucket.as_uri()
    return defaults | parse_conf_argument(conf or "")


def environment(python: Path, scratch: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return the environment variables with which PySpark starts with `settings`.

    :param python: interpreter that has PySpark
    :param scratch: folder of the job run, where the properties file is written
    """
    file = scratch / "spark.properties"
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    (scratch / "tmp").mkdir(exist_ok=True)
    return {
        "PYSPARK_PYTHON": str(python),
        "JAVA_HOME": str(java_home(python)),
        "LOG4J_CONFIGURATION_FILE": str(_LOG4J),
        "PYSPARK_SUBMIT_ARGS": f"--properties-file {shlex.quote(str(file))} pyspark-shell",
        "SPARK_LOCAL_DIRS": str(scratch / "tmp"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": f'-Djava.io.tmpdir="{scratch / "tmp"}"',
    }
