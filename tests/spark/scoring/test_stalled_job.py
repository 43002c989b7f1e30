"""The scoring job as a process, on an extract whose damaged page Spark reads forever."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.aws_emulator import process_session
from local.processes import REPOSITORY
from local.spark import conf
from tests.support.glue_days import DAY, SCHEMA, row, score_arguments
from tests.support.glue_emulators import Bucket, Emulators, make_bucket
from tests.support.job_arguments import SCORE
from tests.support.waiting import wait_until

SCRIPT = REPOSITORY / "glue_jobs" / "score_users.py"
LAUNCHER = REPOSITORY / "local" / "aws_emulator" / "glue" / "launch.py"
# Spark reports a task as running at once, not with the next heartbeat.
AT_ONCE = "spark.ui.liveUpdate.period=0"


def extract_with_endless_page(column: str) -> bytes:
    """Return an extract with zero bytes in a page of a column.

    They replace the definition levels of 10,000 values. Spark finds none, and asks the page for more of them forever.
    """
    rows = [row(f"U{number}", number % 10, number % 90, float(number % 50), number % 8) for number in range(10_000)]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file, compression="none")
    chunk = pq.read_metadata(file).row_group(0).column(SCHEMA.get_field_index(column))
    levels = (4).to_bytes(4, "little") + b"\xa0\x9c\x01" + b"\x01"  # length, run of 10,000 values, level of a value
    body = file.getvalue()
    start = body.index(levels, chunk.data_page_offset)
    return body[: start + 4] + bytes(4) + body[start + 8 :]


def start_job(
    emulators: Emulators, bucket: Bucket, folder: Path, launcher: str, column: str
) -> subprocess.Popen[bytes]:
    """Start the scoring job in a session of its own.

    :param launcher: `python`, in which the script starts the JVM, or `spark-submit`: the JVM starts Python, as in Glue
    """
    arguments = score_arguments(bucket, extract_with_endless_page(column), stall_timeout_seconds="5")
    given = {name: str(getattr(arguments, name)) for name in SCORE if name not in ("JOB_RUN_ID", "input_etags")}
    given |= {"JOB_RUN_ID": "jr_1", "input_etags": json.dumps(arguments.input_etags)}
    env = conf.environment(Path(sys.executable), folder, conf.properties(emulators.root, folder, 1, AT_ONCE))
    submit = [str(Path(sys.executable).with_name("spark-submit")), f"--properties-file={folder}/spark.properties"]
    command = submit if launcher == "spark-submit" else [sys.executable, str(LAUNCHER), f"{folder}/message"]
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        return subprocess.Popen(
            [*command, SCRIPT, *(word for name, value in given.items() for word in (f"--{name}", value))],
            env=os.environ | env | {"PYTHONPATH": str(SCRIPT.parent), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )


@pytest.mark.parametrize(("launcher", "column"), [("python", "user_id"), ("spark-submit", "time_spent_minutes")])
def test_a_page_without_end_ends_job_and_jvm(emulators: Emulators, tmp_path: Path, launcher: str, column: str) -> None:
    bucket = make_bucket(f"stalled-{launcher}", emulators)
    manifest = f"scores/dt={DAY}/_manifest.json"
    bucket.put(manifest, b"of an earlier run")
    with start_job(emulators, bucket, tmp_path, launcher, column) as job:
        try:
            assert job.wait(60) == 1
            wait_until(lambda: not process_session._session(job.pid), "its processes to end", every=0.1, limit=10)
        finally:
            process_session.kill_leftovers(job.pid, 0)
            job.kill()
    message = (
        "StalledError: no Spark task has ended for 5 s (stall_timeout_seconds), with 1 running and 0 waiting. "
        "A damaged page of the extract, which Spark reads without end, is the likely cause. The extract is "
        f"s3://{bucket.name}/activity/dt={DAY}/activity.parquet. Have it written again, then clear check_activity."
    )
    if launcher == "python":
        assert (tmp_path / "errors").read_text().startswith(message)
        assert (tmp_path / "message").read_text().startswith(message)  # becomes Glue's ErrorMessage
    else:  # the JVM passes on what Python prints, both streams as one
        assert f"\n{message}" in (tmp_path / "output").read_text()
    assert bucket.keys("scores/") == []
