"""Spark properties of one job run: s3:// over the folder, and the size of the rented workers."""

from pathlib import Path

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
        # A job that lives for seconds ends before the optimizing compiler has earned what it costs.
        "spark.driver.extraJavaOptions": (
            f"-Duser.timezone=UTC -Djava.io.tmpdir={scratch / 'tmp'} -XX:TieredStopAtLevel=1"
        ),
        "spark.sql.warehouse.dir": str(scratch / "tmp" / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFs",
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",  # writes no .crc files
    }
    for bucket in sorted(path for path in root.iterdir() if path.is_dir()):
        found[f"spark.hadoop.fs.viewfs.mounttable.{bucket.name}.linkFallback"] = bucket.as_uri()
    return found | parse_conf_argument(conf or "")


def write_conf_dir(folder: Path, settings: dict[str, str]) -> None:
    """Write SPARK_CONF_DIR: the properties, and a log that speaks up at warnings only."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines))
    (folder / "log4j2.properties").write_text(_LOG4J)


_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.console.type = Console
appender.console.name = stderr
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS}{UTC} %p %c{1}: %m%n
logger.quiet1.name = org.apache.hadoop.util.NativeCodeLoader
logger.quiet1.level = error
logger.quiet2.name = org.apache.spark.util.Utils
logger.quiet2.level = error
"""
