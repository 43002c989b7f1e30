"""A job whose Spark tasks do not end is ended, in whatever state it and its JVM are; other jobs are left alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engagement_jobs.common import stall_watch
from engagement_jobs.common.stall_watch import Progress
from engagement_jobs.contract.errors import StalledError
from local.processes import REPOSITORY
from local.spark import conf
from tests.support.processes import is_alive
from tests.support.waiting import wait_until

TIMEOUT_SECONDS = 0.5
JOB = """\
import os, signal, sys, time
from engagement_jobs.common import spark_session, stall_watch

stall_watch._ANSWER_SECONDS = stall_watch._GRACE_SECONDS = 1
spark = spark_session.start("hung")
child = spark.sparkContext._gateway.proc
jvm = child.pid if child else os.getppid()
print(f"processes {os.getpid()} {jvm}.", flush=True)
with stall_watch.watch(spark, 2, "Have the extract written again."):
    os.kill(jvm, signal.SIGSTOP)  # as if no thread of the JVM reached a safepoint
    exec(sys.argv[1])
"""


class EndedJobs:
    """A Spark context that only notices that its jobs are canceled."""

    def __init__(self) -> None:
        self.canceled = False
        self._gateway = None

    @property
    def sparkContext(self) -> EndedJobs:  # noqa: N802 - Spark's name
        return self

    def setLogLevel(self, level: str) -> None:  # noqa: N802
        assert level == "OFF"

    def cancelAllJobs(self) -> None:  # noqa: N802
        self.canceled = True


def stage(jobs: tuple[int, ...] = (1,), succeeded: float = 0, failed: float = 0) -> Progress:
    """Return the progress of a stage with one running and three waiting tasks."""
    return Progress(jobs, ((7, int(succeeded), int(failed)),) if jobs else (), running=1, waiting=3)


def run(monkeypatch: pytest.MonkeyPatch, progress: Callable[[float], Progress], seconds: float) -> None:
    """Run a block of some seconds, which ends like a Spark job if it is canceled.

    :param progress: what Spark reports after so many seconds
    """
    spark: Any = EndedJobs()
    began = time.monotonic()
    monkeypatch.setattr(stall_watch, "read_progress", lambda _: progress(time.monotonic() - began))
    with stall_watch.watch(spark, TIMEOUT_SECONDS, "Have the extract written again."):
        while time.monotonic() - began < seconds:
            if spark.canceled:
                raise RuntimeError("what Spark raises when its jobs are canceled")
            time.sleep(0.01)


def test_tasks_that_do_not_end_end_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(StalledError) as stalled:
        run(monkeypatch, lambda second: stage(succeeded=min(second * 10, 5)), 10)
    tasks = "no Spark task has ended for 0 s (stall_timeout_seconds), with 1 running and 3 waiting."
    assert str(stalled.value) == f"{tasks} Have the extract written again."
    assert stalled.value.__suppress_context__
    assert 0.5 + TIMEOUT_SECONDS <= time.monotonic() - began < 4


@pytest.mark.parametrize(
    "progress",
    [
        lambda second: stage(succeeded=second * 4),
        lambda second: stage(failed=second * 4),
        lambda second: stage((int(second * 4),)),
        lambda _: stage(()),
        lambda second: stage((1,) if int(second * 4) % 2 else ()),
    ],
    ids=["tasks end", "tasks fail", "jobs end", "no job", "a job now and then"],
)
def test_a_job_whose_tasks_end_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, progress: Callable[[float], Progress]
) -> None:
    run(monkeypatch, progress, 2 * TIMEOUT_SECONDS)


def test_a_cluster_without_executors_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StalledError, match=r"Spark has not begun any of 4 tasks for 0 s .* likely has no executors"):
        run(monkeypatch, lambda _: Progress((1,), ((7, 0, 0),), running=0, waiting=4), 10)


def test_an_error_of_the_job_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall_watch, "read_progress", lambda _: Progress())
    spark: Any = EndedJobs()
    with pytest.raises(ValueError, match="of the job"), stall_watch.watch(spark, TIMEOUT_SECONDS, ""):
        raise ValueError("of the job")


@pytest.mark.parametrize(
    ("launcher", "work"),
    [("python", "spark.range(10).count()"), ("spark-submit", "time.sleep(600)")],
    ids=["the JVM hangs", "both hang, started as in Glue"],
)
def test_a_hung_process_and_its_jvm_are_killed(tmp_path: Path, launcher: str, work: str) -> None:
    (root := tmp_path / "s3").mkdir()
    (script := tmp_path / "job.py").write_text(JOB)
    env = conf.environment(Path(sys.executable), tmp_path, conf.properties(root, tmp_path, 1, None))
    options = [f"--properties-file={tmp_path}/spark.properties"] if launcher == "spark-submit" else []
    with (tmp_path / "output").open("wb") as output:
        ended = subprocess.run(
            [Path(sys.executable).with_name(launcher), *options, script, work],
            env=os.environ | env | {"PYTHONPATH": str(REPOSITORY / "glue_jobs"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
    text = (tmp_path / "output").read_text()
    pids = re.search(r"processes (\d+) (\d+)\.", text)
    assert pids is not None, text
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.groups()), "both to end", every=0.1, limit=15)
    if launcher == "python":
        assert ended.returncode == 1
        assert "StalledError: Spark has not answered for 2 s (stall_timeout_seconds). Its JVM likely" in text
    else:  # what this process prints passes through the JVM
        assert ended.returncode == -signal.SIGKILL
