"""The two Glue jobs of a day: when each run started, ran, worked and ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import spark_events
from benchmarks.end_to_end.moments import GlueRun
from local.airflow import TASKS
from local.stack import Stack

_, _, SCORE, _, PUSH, _ = TASKS
# Tasks that run a job, whose Spark application has the task's name, and the stack's outputs that name the jobs.
_JOBS = {SCORE: "ScoreJobName", PUSH: "PushJobName"}
# And where each job's manifest lies.
_FOLDERS = {SCORE: "scores", PUSH: "responses"}


@dataclass(frozen=True)
class GlueJobs:
    """The jobs of a stack. `events`: where their Sparks leave event logs."""

    world: Stack
    events: Path

    def prepare(self) -> None:
        """Let them write event logs."""
        for output in _JOBS.values():
            spark_events.switch_on(self.world, self.world.outputs[output], self.events)

    def watch(self, running: dict[str, float], since: float) -> None:
        """Note which of them have begun to run since then, and that they did now: Glue does not tell it afterwards.

        The one is over before the other is asked for, so each call asks for one of them.
        """
        task = SCORE if SCORE not in running else PUSH
        if task not in running:
            found = self._latest(task)
            if found and found["StartedOn"].timestamp() >= since and found["JobRunState"] != "STARTING":
                running[task] = time.time()

    def run(self, task: str, score_date: str, running: float, since: float) -> GlueRun:
        """The newest run of a task's job, which began after `since` and was seen running at `running`."""
        found = self._latest(task)
        bucket, manifest = self.world.outputs["OutputBucketName"], f"{_FOLDERS[task]}/dt={score_date}/_manifest.json"
        return GlueRun(
            started=found["StartedOn"].timestamp(),
            running=running,
            working=spark_events.first_job(self.events, task, since),
            manifest=self.world.object_path(bucket, manifest).stat().st_mtime,
            completed=found["CompletedOn"].timestamp(),
        )

    def _latest(self, task: str) -> Any:
        """The newest run of the task's job, None before there is one."""
        runs = self._client.get_job_runs(JobName=self.world.outputs[_JOBS[task]], MaxResults=1)["JobRuns"]
        return runs[0] if runs else None

    @cached_property
    def _client(self) -> Any:
        return self.world.client("glue")
