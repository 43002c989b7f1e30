"""One day on the running stack: the sensor waits, the extract comes, and every moment until the summary is kept."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.end_to_end.glue_jobs import PUSH, SCORE, GlueJobs
from benchmarks.end_to_end.moments import Changes, Moments
from benchmarks.end_to_end.scheduler import Scheduler
from local.airflow import TASKS
from local.stack import Stack

_WAIT, *_, _SUMMARIZE = TASKS
_LOOK_SECONDS = 0.1
_DEFER_SECONDS = 120.0
_DAY_SECONDS = 300.0
# Until the triggerer has begun to look, and the machine has come to rest.
_REST_SECONDS = 5.0


@dataclass(frozen=True)
class Days:
    """Where days run."""

    world: Stack
    scheduler: Scheduler
    jobs: GlueJobs

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
        # S3's LastModified of an object, whose fractions of a second S3 does not tell.
        visible = self._object("Activity", f"activity/dt={score_date}/activity.parquet").stat().st_mtime
        running = self._await_end(run_id, visible)
        summary = self._object("Output", f"summaries/dt={score_date}/summary.json")
        told = self._told(json.loads(summary.read_text(encoding="utf-8")), users)
        return Moments(
            visible=visible,
            changes=self.scheduler.changes(run_id),
            score=self.jobs.run(SCORE, score_date, running[SCORE], visible),
            push=self.jobs.run(PUSH, score_date, running[PUSH], visible),
            first_request=_epoch(told["first_at"]),
            first_of_tasks=self._first_of_tasks(score_date),
            last_request=_epoch(told["last_at"]),
            summary=summary.stat().st_mtime,
        )

    def _await_sensor(self, run_id: str) -> None:
        deadline = time.monotonic() + _DEFER_SECONDS
        while _state(self.scheduler.changes(run_id), _WAIT) != "deferred":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{_WAIT} does not wait after {_DEFER_SECONDS:.0f} s; see {self._logs}")
            time.sleep(_LOOK_SECONDS)

    def _await_end(self, run_id: str, since: float) -> dict[str, float]:
        """Wait for the run's end; when each Glue job was first seen running."""
        running: dict[str, float] = {}
        deadline = time.monotonic() + _DAY_SECONDS
        while _state(changes := self.scheduler.changes(run_id), _SUMMARIZE) != "success":
            if time.monotonic() > deadline or _state(changes, _SUMMARIZE) == "failed":
                states = {task: _state(changes, task) for task in TASKS}
                raise RuntimeError(f"the day did not end well: {states}; see {self._logs}")
            self.jobs.watch(running, since)
            time.sleep(_LOOK_SECONDS)
        return running

    def _told(self, summary: Any, users: int) -> Any:
        """What the CRM counted. Raises RuntimeError unless every user was told, and once."""
        stats, delivered = self.world.crm("GET", "stats"), summary["outcomes"]["delivered"]
        if not delivered == stats["users"] == stats["requests"] == users:
            raise RuntimeError(
                f"of {users:,} users {delivered:,} count as delivered, and the CRM was told of {stats['users']:,} in "
                f"{stats['requests']:,} requests: the day's times mean nothing"
            )
        return stats

    def _first_of_tasks(self, score_date: str) -> float:
        """When a push task first sent something, by the ledger: the CRM cannot tell whose request it was."""
        parts = self._object("Output", f"responses/dt={score_date}").glob("attempt=*/part-[0-9]*.jsonl")
        lines = (line for part in parts for line in part.read_text(encoding="utf-8").splitlines())
        return _epoch(min(json.loads(line)["first_sent_at"] for line in lines))

    def _object(self, bucket: str, key: str) -> Path:
        return self.world.object_path(self.world.outputs[f"{bucket}BucketName"], key)

    @property
    def _logs(self) -> Path:
        return self.scheduler.airflow.logs


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _state(changes: Changes, task: str) -> str:
    return changes[task][-1][0] if task in changes else ""
