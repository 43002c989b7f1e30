"""What one job run's Spark is told: s3:// over the folder, the size of the rented workers, and which Java to use.

Standard library only.
"""

import shlex
from pathlib import Path

from local.spark.java import java_home

_LOG4J = Path(__file__).with_name("log4j2.properties")

# Cores of one worker; a DPU is four of them. The first worker is the driver and runs no tasks.
CORES = {"G.025X": 2, "G.1X": 4, "G.2X": 8, "G.4X": 16, "G.8X": 32}


def task_slots(worker_type: str | None, workers: int | None) -> int:
    """Tasks that run at the same time on such workers."""
    return max((workers or 2) - 1, 1) * CORES.get(worker_type or "G.1X", 4)


def dpus(worker_type: str | None, workers: int | None) -> float:
    """Data processing units of such workers, what Glue calls MaxCapacity."""
    return (workers or 2) * CORES.get(worker_type or "G.1X", 4) / 4


def parse_conf_argument(value: str) -> dict[str, str]:
    """Glue's `--conf` argument, "a=b --conf c=d", as properties. Raises ValueError on a part without "="."""
    properties = {}
    for part in filter(None, (piece.strip() for piece in value.split("--conf "))):
        name, equals, setting = part.partition("=")
        if not equals:
            raise ValueError(f"--conf: found {part!r}, wanted name=value")
        properties[name.strip()] = setting.strip()
    return properties


def properties(root: Path, scratch: Path, slots: int, conf: str | None) -> dict[str, str]:
    """All properties; those of the job's `--conf` win.

    Paths s3://bucket/key are read and written in `root`/bucket through Hadoop's own overload-scheme view file
    system, so that job scripts need no cloud libraries and no change.
    """
    found = {
        "spark.master": f"local[{slots}]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        # A Java that lives for seconds ends before the optimizing compiler and the parallel collector have earned what
        # they cost. Without that compiler, Java keeps a fifth of the usual space for compiled code, which Spark fills:
        # code is thrown away and compiled again.
        "spark.driver.extraJavaOptions": (
            "-Duser.timezone=UTC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
        ),
        "spark.sql.warehouse.dir": str(scratch / "tmp" / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        # Asked where a file lies, Hadoop starts a program that tells who may read it.
        "spark.sql.sources.ignoreDataLocality": "true",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFs",
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",  # writes no .crc files
    }
    for bucket in sorted(path for path in root.iterdir() if path.is_dir()):
        found[f"spark.hadoop.fs.viewfs.mounttable.{bucket.name}.linkFallback"] = bucket.as_uri()
    return found | parse_conf_argument(conf or "")


def environment(python: Path, scratch: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return what PySpark of that Python needs to start with `settings`, which are kept in `scratch`."""
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
