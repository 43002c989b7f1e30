"""A day under a real scheduler, from the extract in S3 to the summary in S3; and the import time of the DAG file."""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import page, processes
from benchmarks.day import scheduler, timeline
from benchmarks.day.scheduler import Scheduler
from benchmarks.day.timeline import STEPS, Day, JobTimes
from benchmarks.page import Target
from benchmarks.processes import AIRFLOW
from benchmarks.push.crm import ledger_times
from benchmarks.results import Figures, Measurement, Part, values
from local import stack
from local.airflow_home import DAG_ID, AirflowHome
from local.extract import write_extract
from local.processes import REPOSITORY

TITLE = "End to end"
CHART = "Which second of a day is what"

DAY, IMPORT = "day", "DAG import"
_THEIRS, _OURS = "Airflow and the providers", "the DAG's file"
_USERS, _RATE, _LATENCY_MS = 10_000, 1_000, 50
_ROUNDS, _EARLIER_DAYS, _IMPORTS = 3, 2, 7
_POLL_SECONDS = 1
_DEFER_SECONDS, _DAY_SECONDS = 120.0, 300.0
# Until the triggerer polls and the machine is idle.
_REST_SECONDS = 5.0
# The schedule itself starts a run for the current date.
_LATEST_DAYS_AGO = 7

_TEXT = """\
{users:,} users at {rate:,} requests/s (the setting and the CRM's limit) and {latency} ms per request. The run is
waiting in its sensor when the extract arrives; {earlier} days ran before.

{table}

Airflow is `airflow standalone` on the same machine. The sensor and the Glue trigger poll every {poll} s; with the DAG's
defaults, 60 and 30 s, each wait takes half of that longer on average. Glue is an emulator, in which each run is
STARTING for 5 s. Airflow and its providers take {theirs} to import."""

_IMPORT_PROGRAM = """
import json, runpy, sys, time
began = time.perf_counter()
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG, Asset, BaseOperator, BaseOperatorLink, CronTriggerTimetable, Param, TriggerRule
from airflow.sdk import Variable, conf
from airflow.sdk.exceptions import AirflowException
theirs = time.perf_counter() - began
began = time.perf_counter()
runpy.run_path(sys.argv[1])
print()
print(json.dumps({"theirs": theirs, "ours": time.perf_counter() - began}))
"""


def measure(run: Measurement) -> None:
    """Measure the import of the DAG, then run several days on the embedded stack."""
    shutil.rmtree(run.folder, ignore_errors=True)
    _measure_import(run)
    rounds = run.rounds or _ROUNDS
    first = datetime.now(UTC).date() - timedelta(days=_LATEST_DAYS_AGO + _EARLIER_DAYS + rounds)
    crm = ["--rate", str(_RATE), "--latency-ms", str(_LATENCY_MS)]
    with stack.running(run.folder / "stack", crm, scheduler=True) as world:
        settings = world.settings(max_requests_per_second=_RATE)
        home = AirflowHome(run.folder / "airflow", world.env, settings, glue_poll_seconds=_POLL_SECONDS)
        with scheduler.running(home) as airflow:
            days = _Days(world, airflow)
            for number in range(_EARLIER_DAYS + rounds):
                date = first + timedelta(days=number)
                extract = Path(write_extract(run.folder / "activity.parquet", _USERS, date).path)
                # Vary the arrival of the extract between two polls of the sensor.
                pause = _POLL_SECONDS * (number % rounds) / rounds
                seconds = timeline.seconds(days.run(extract, date.isoformat(), pause))
                if number < _EARLIER_DAYS:
                    run.say(f"warm-up day, not counted: {sum(seconds):.1f} s")
                    continue
                for step, took in zip(STEPS, seconds, strict=True):
                    run.add(DAY, step.name, seconds=took)
                run.say(f"a day: {sum(seconds):.1f} s")


def _measure_import(run: Measurement) -> None:
    """Import the DAG file in new processes, as the DAG processor does."""
    home = AirflowHome(run.folder / "import", {}, {})
    env = {**home.env, "PYTHONPATH": str(REPOSITORY / "plugins")}
    command = [str(AIRFLOW), "-c", _IMPORT_PROGRAM, str(REPOSITORY / "dags" / f"{DAG_ID}.py")]
    processes.run_json(command, env)  # compiles bytecode where needed
    for _ in range(run.rounds or _IMPORTS):
        found = processes.run_json(command, env)
        run.add(IMPORT, _THEIRS, seconds=found["theirs"])
        run.add(IMPORT, _OURS, seconds=found["ours"])


@dataclass(frozen=True)
class _Days:
    """Run days on an embedded stack and a scheduler."""

    world: stack.RunningStack
    airflow: Scheduler

    def run(self, extract: Path, score_date: str, pause: float) -> Day:
        """Run one day and return its times.

        :param pause: seconds by which the extract arrives later, relative to the polls of the sensor
        :raises RuntimeError: the day failed, or a user was not delivered in exactly one request
        """
        run_id = self.airflow.start_run({"score_date": score_date, "push_mode": "all"})
        self.airflow.await_state(run_id, "wait_for_activity", "deferred", _DEFER_SECONDS)
        time.sleep(_REST_SECONDS + pause)
        self.world.crm("POST", "reset")
        self.world.upload_activity(extract, score_date)
        self.airflow.await_state(run_id, "summarize_responses", "success", _DAY_SECONDS)
        counts = self.world.crm("GET", "stats")
        if not counts["users"] == counts["requests"] == _USERS:
            raise RuntimeError(f"expected {_USERS:,} users in as many requests, the CRM counted {counts}")
        first_request, last_answer, _ = ledger_times(self._file("Output", f"responses/dt={score_date}"))
        return Day(
            # The file's own time: S3 has no fractions of a second in LastModified.
            visible=self._file("Activity", f"activity/dt={score_date}/activity.parquet").stat().st_mtime,
            tasks=self.airflow.task_times(run_id),
            score=self._glue_run("ScoreJobName"),
            push=self._glue_run("PushJobName"),
            first_request=first_request,
            last_answer=last_answer,
            summary=self._file("Output", f"summaries/dt={score_date}/summary.json").stat().st_mtime,
        )

    def _glue_run(self, job: str) -> JobTimes:
        """Return the latest run of a job; Glue reports its execution time in full seconds."""
        found = self.world.client("glue").get_job_runs(JobName=self.world.outputs[job], MaxResults=1)["JobRuns"][0]
        started, completed = found["StartedOn"].timestamp(), found["CompletedOn"].timestamp()
        return JobTimes(started, max(started, completed - found["ExecutionTime"]), completed)

    def _file(self, bucket: str, key: str) -> Path:
        return self.world.object_path(self.world.outputs[f"{bucket}BucketName"], key)


def totals(figures: Figures, kind: str | None = None) -> list[float]:
    """Return the seconds of each day, or of its steps of one kind."""
    steps = [values(figures, DAY, step.name, "seconds") for step in STEPS if kind in (None, step.kind)]
    return [sum(of_day) for of_day in zip(*steps, strict=True)]


def targets(figures: Figures) -> list[Target]:
    """Return the targets for a day and for the import of the DAG file."""
    return [
        Target("from the extract to the summary", totals(figures), 45, _seconds),
        Target("of these, Airflow's own overhead", totals(figures, timeline.AIRFLOW), 20, _seconds),
        Target("import of the DAG's file", values(figures, IMPORT, _OURS, "seconds"), 0.3, "{:.3f} s".format),
    ]


def text(part: Part) -> str:
    """Return the timeline and how it was measured."""
    steps = [values(part.figures, DAY, step.name, "seconds") for step in STEPS]
    starts = [[sum(before) for before in zip(*steps[:number], strict=True)] for number in range(len(steps))]
    rows = [
        (f"{statistics.median(start or [0]):.1f}", step.task, step.what, step.kind, page.median(took, _seconds))
        for step, start, took in zip(STEPS, starts, steps, strict=True)
    ]
    return _TEXT.format(
        users=_USERS,
        rate=_RATE,
        latency=_LATENCY_MS,
        earlier=_EARLIER_DAYS,
        poll=_POLL_SECONDS,
        theirs=page.median(values(part.figures, IMPORT, _THEIRS, "seconds"), _seconds),
        table=page.table(("from second", "task", "step", "kind", "takes"), rows),
    )


def _seconds(value: float) -> str:
    return f"{value:.1f} s"
