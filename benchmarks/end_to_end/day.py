"""One day on the running stack: the sensor waits, the extract comes, and every moment until the summary is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import spark_events
from benchmarks.end_to_end.moments import Changes, GlueRun, Moments
from benchmarks.end_to_end.scheduler import Scheduler
from local.airflow import TASKS
from local.stack import Stack

_WAIT, _, _SCORE, _, _PUSH, _SUMMARIZE = TASKS
# Tasks that run a Glue job, whose Spark application has the task's name, and the stack's outputs that name the jobs.
_JOBS = {_SCORE: "ScoreJobName", _PUSH: "PushJobName"}
_MANIFESTS = {_SCORE: "scores", _PUSH: "responses"}  # and the folders where each job's manifest lies
_LOOK_SECONDS = 0.1
_DEFER_SECONDS = 120.0
_DAY_SECONDS = 300.0
# Until the triggerer has begun to look, and the machine has come to rest.
_REST_SECONDS = 5.0


@dataclass(frozen=True)
class Days:
    """Where days run, and where their Sparks leave event logs."""

    world: Stack
    scheduler: Scheduler
    events: Path

    def prepare(self) -> None:
        """Let the jobs write event logs."""
        for output in _JOBS.values():
            spark_events.switch_on(self.world, self.world.outputs[output], self.events)

    def run(self, extract: Path, score_date: str, users: int, pause: float) -> Moments:
        """Run a day of so many users; its moments.

        Raises RuntimeError when the day did not end well, or somebody was not told exactly once.

        :param pause: seconds by which the extract comes later, for the sensor looks at set times
        """
        self.scheduler.end_scheduled_runs()
        run_id = self.scheduler.start_run({"score_date": score_date, "push_mode": "all"})
        self._await_sensor(run_id)
        time.sleep(_REST_SECONDS + pause)
        self.world.crm("POST", "reset")
        self.world.upload_activity(extract, score_date)
        visible = self._written("ActivityBucketName", f"activity/dt={score_date}/activity.parquet")
        running = self._await_end(run_id, visible)
        summary = self._written("OutputBucketName", f"summaries/dt={score_date}/summary.json")
        told = self._told(score_date, users)
        return Moments(
            visible=visible,
            changes=self.scheduler.changes(run_id),
            score=self._glue_run(_SCORE, score_date, running, visible),
            push=self._glue_run(_PUSH, score_date, running, visible),
            first_request=datetime.fromisoformat(told["first_at"]).timestamp(),
            last_request=datetime.fromisoformat(told["last_at"]).timestamp(),
            summary=summary,
        )

    def _await_sensor(self, run_id: str) -> None:
        deadline = time.monotonic() + _DEFER_SECONDS
        while _state(self.scheduler.changes(run_id), _WAIT) != "deferred":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{_WAIT} does not wait after {_DEFER_SECONDS:.0f} s; see {self._logs}")
            time.sleep(_LOOK_SECONDS)

    def _await_end(self, run_id: str, since: float) -> dict[str, float]:
        """Wait for the run's end; when each Glue job was first seen running, which Glue does not tell afterwards."""
        running: dict[str, float] = {}
        deadline = time.monotonic() + _DAY_SECONDS
        while _state(changes := self.scheduler.changes(run_id), _SUMMARIZE) != "success":
            for task in _JOBS.keys() - running.keys():
                if _state(changes, task) in ("running", "deferred") and self._runs(task, since):
                    running[task] = time.time()
            if time.monotonic() > deadline or _state(changes, _SUMMARIZE) == "failed":
                states = {task: _state(changes, task) for task in TASKS}
                raise RuntimeError(f"the day did not end well: {states}; see {self._logs}")
            time.sleep(_LOOK_SECONDS)
        return running

    def _runs(self, task: str, since: float) -> bool:
        found = self._latest(task)
        return found["StartedOn"].timestamp() >= since and found["JobRunState"] != "STARTING" if found else False

    def _latest(self, task: str) -> Any:
        """The newest run of the task's Glue job, None before there is one."""
        job = self.world.outputs[_JOBS[task]]
        runs = self._glue.get_job_runs(JobName=job, MaxResults=1)["JobRuns"]
        return runs[0] if runs else None

    @cached_property
    def _glue(self) -> Any:
        return self.world.client("glue")

    def _glue_run(self, task: str, score_date: str, running: Mapping[str, float], since: float) -> GlueRun:
        found = self._latest(task)
        return GlueRun(
            started=found["StartedOn"].timestamp(),
            running=running[task],
            working=spark_events.first_job(self.events, task, since),
            manifest=self._written("OutputBucketName", f"{_MANIFESTS[task]}/dt={score_date}/_manifest.json"),
            completed=found["CompletedOn"].timestamp(),
        )

    def _told(self, score_date: str, users: int) -> Any:
        """What the CRM counted. Raises RuntimeError unless every user was told, and once."""
        stats = self.world.crm("GET", "stats")
        bucket, key = self.world.outputs["OutputBucketName"], f"summaries/dt={score_date}/summary.json"
        delivered = json.loads(self.world.object_path(bucket, key).read_text())["outcomes"]["delivered"]
        if not delivered == stats["users"] == stats["requests"] == users:
            raise RuntimeError(
                f"of {users:,} users {delivered:,} count as delivered, and the CRM was told of {stats['users']:,} in "
                f"{stats['requests']:,} requests: the day's times mean nothing"
            )
        return stats

    def _written(self, output: str, key: str) -> float:
        """When an object was written, in epoch seconds: S3's LastModified, whose fractions S3 does not tell."""
        return self.world.object_path(self.world.outputs[output], key).stat().st_mtime

    @property
    def _logs(self) -> Path:
        return self.scheduler.airflow.logs


def _state(changes: Changes, task: str) -> str:
    return changes[task][-1][0] if task in changes else ""
