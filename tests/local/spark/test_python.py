"""What Spark's workers are started with instead of Python."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local.spark import conf

PROGRAM = """\
#!/bin/sh
printf '%s|' "$PYTHONPATH" "$@"
"""


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (
            "/s/python/lib/pyspark.zip:/s/python/lib/py4j-0.10.9.7-src.zip:/s/jars/a b.jar:/code/jobs.zip",
            "/code/jobs.zip",
        ),
        ("/a folder/*:/s/pyspark.zip:/code", "/a folder/*:/code"),
        ("/s/pyspark.zip", ""),
        (None, ""),
    ],
)
def test_archives_of_spark_are_left_out_and_all_else_is_handed_on(tmp_path: Path, given: str | None, left: str) -> None:
    program = tmp_path / "it's" / "python"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    env = conf.workers(program) | ({} if given is None else {"PYTHONPATH": given})
    command = [env["PYSPARK_PYTHON"], "-m", "a b", ""]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{left}|-m|a b||", "")
