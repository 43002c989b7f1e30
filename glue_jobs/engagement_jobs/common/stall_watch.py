"""Ends a job in which no Spark task ends any more.

Spark's Parquet reader can read a damaged page forever. Nothing in Spark limits the time of a task, so Glue would run,
and bill, until its Timeout, and report no cause.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import StalledError

log = logging.getLogger("engagement.stall_watch")

_MAX_INTERVAL_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_GRACE_SECONDS = 60.0
"""For the job to end by itself, after its Spark jobs were canceled; and for its JVM to end."""

_NO_ANSWER = "Its JVM likely has too little memory. Use workers with more (WorkerType), then clear the task."
_NO_TASKS = "The job likely has no executors. Clear the task."


class Progress(NamedTuple):
    """How far Spark is.

    :param jobs: ids of the active jobs
    :param ended: id of each active stage, and how many of its tasks succeeded and failed
    :param running: tasks that run
    :param waiting: tasks of these stages that have not begun
    """

    jobs: tuple[int, ...] = ()
    ended: tuple[tuple[int, int, int], ...] = ()
    running: int = 0
    waiting: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether Spark has nothing to do."""
        return not self.jobs


def read_progress(spark: SparkSession) -> Progress:
    """Return how far Spark is."""
    tracker = spark.sparkContext.statusTracker()
    jobs = tuple(sorted(tracker.getActiveJobsIds()))
    stages = [stage for id_ in tracker.getActiveStageIds() if (stage := tracker.getStageInfo(id_)) is not None]
    return Progress(
        jobs=jobs,
        ended=tuple(sorted((each.stageId, each.numCompletedTasks, each.numFailedTasks) for each in stages)),
        running=sum(each.numActiveTasks for each in stages),
        waiting=sum(each.numTasks - each.numActiveTasks - each.numCompletedTasks for each in stages),
    )


@contextlib.contextmanager
def watch(spark: SparkSession, timeout_seconds: float, likely_cause: str) -> Iterator[None]:
    """Watch Spark while the block runs.

    If no task ends for `timeout_seconds` although a Spark job is active, its jobs are canceled, and the block ends with
    an error. If it does not end, this process and its JVM are killed.

    :param likely_cause: why tasks may run forever, and what to do, for the message
    :raises StalledError: no task ended for so long
    """
    watch_ = _Watch(spark, timeout_seconds, likely_cause)
    watch_.start()
    try:
        yield
    except Exception:
        if watch_.error is None:
            raise
        watch_.stop()
        _end_jvm(spark)
        # Whatever was raised follows from the canceled jobs.
        raise watch_.error from None
    finally:
        watch_.stop()


class _Watch:
    """Two threads: one queries Spark, which may not answer; the other one watches the clock."""

    def __init__(self, spark: SparkSession, timeout_seconds: float, likely_cause: str) -> None:
        self.error: StalledError | None = None
        self._spark = spark
        self._timeout_seconds = timeout_seconds
        self._likely_cause = likely_cause
        self._interval = min(_MAX_INTERVAL_SECONDS, timeout_seconds / 10)
        self._done = threading.Event()
        self._progress = Progress()
        self._changed_at = self._answered_at = time.monotonic()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start both threads."""
        self._start_thread(self._query)
        self._start_thread(self._watch_clock)

    def stop(self) -> None:
        """End all threads, and wait until they have done so, unless Spark does not answer."""
        self._done.set()
        for thread in self._threads:
            thread.join(_ANSWER_SECONDS)

    def _start_thread(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=f"stall_watch{target.__name__}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _query(self) -> None:
        while not self._done.wait(self._interval):
            with contextlib.suppress(Exception):  # if the JVM is gone, the job notices it by itself
                progress = read_progress(self._spark)
                self._answered_at = time.monotonic()
                if progress.is_idle or progress.ended != self._progress.ended or progress.jobs != self._progress.jobs:
                    self._changed_at = self._answered_at
                self._progress = progress

    def _watch_clock(self) -> None:
        while time.monotonic() - self._changed_at < self._timeout_seconds:
            if self._done.wait(self._interval):
                return
        self.error = self._stalled()
        log.error("%s", self.error)
        self._start_thread(self._cancel_jobs)
        if not self._done.wait(_GRACE_SECONDS):
            self._kill()

    def _stalled(self) -> StalledError:
        running, waiting = self._progress.running, self._progress.waiting
        seconds = f"for {self._timeout_seconds:,.0f} s (stall_timeout_seconds)"
        if time.monotonic() - self._answered_at > self._timeout_seconds / 2:
            return StalledError(f"Spark has not answered {seconds}. {_NO_ANSWER}")
        if not running:
            return StalledError(f"Spark has not begun any of {waiting:,} tasks {seconds}. {_NO_TASKS}")
        tasks = f"{running:,} running and {waiting:,} waiting"
        return StalledError(f"no Spark task has ended {seconds}, with {tasks}. {self._likely_cause}")

    def _cancel_jobs(self) -> None:
        # A job may start another one when the first was canceled.
        while not self._done.is_set():
            with contextlib.suppress(Exception):
                self._spark.sparkContext.setLogLevel("OFF")  # its traces only say that the jobs were canceled
                self._spark.sparkContext.cancelAllJobs()
            self._done.wait(1)

    def _kill(self) -> None:
        """End the process and its JVM, which do not react."""
        _kill_jvm(self._spark)
        if not self._done.wait(_GRACE_SECONDS):
            with contextlib.suppress(OSError):  # the JVM that was killed may have read the output
                sys.stderr.write(f"{type(self.error).__name__}: {self.error}\n")
            os._exit(1)


def _end_jvm(spark: SparkSession) -> None:
    """End a JVM that this process started. Glue's own JVM starts this process, and ends after it."""
    jvm = _started_jvm(spark)
    if jvm is None:
        return
    assert jvm.stdin is not None  # noqa: S101 - a pipe
    jvm.stdin.close()  # PySpark's JVM ends when it is closed
    try:
        jvm.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        jvm.kill()


def _kill_jvm(spark: SparkSession) -> None:
    jvm = _started_jvm(spark)
    if jvm is not None:
        jvm.kill()
    elif "PYSPARK_GATEWAY_PORT" in os.environ:  # set by the JVM that started this process
        os.kill(os.getppid(), signal.SIGKILL)


def _started_jvm(spark: SparkSession) -> subprocess.Popen[bytes] | None:
    """Return the JVM if this process has started it."""
    gateway = spark.sparkContext._gateway
    return getattr(gateway, "proc", None)
