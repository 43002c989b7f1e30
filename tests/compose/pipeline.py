"""The pipeline on a compose stack, as tests use it: extracts, runs, scores, summaries, Glue runs and the CRM."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from local.compose.deploy import CRM_URL, RATE
from local.extract import write_extract
from tests.compose.airflow_api import Airflow, last_scheduled
from tests.compose.compose_stack import ComposeStack
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

# Kills the processes whose command lines contain all arguments.
_KILL_PROCESSES = """
import os, pathlib, signal, sys
for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    command = entry.read_text(errors="replace")
    if all(word in command for word in sys.argv[1:]) and entry.parent.name != str(os.getpid()):
        os.kill(int(entry.parent.name), signal.SIGKILL)
"""
ACTIVE = {"STARTING", "RUNNING", "STOPPING", "WAITING"}


@dataclass(frozen=True)
class Pipeline:
    """A compose stack, a login to its Airflow, and the scores that each date has had.

    :param folder: folder for generated extracts
    :param last: date of the last scheduled run
    :param seen: scores by user, by date
    """

    stack: ComposeStack
    airflow: Airflow
    folder: Path
    last: date = field(default_factory=last_scheduled)
    seen: dict[str, dict[str, str]] = field(default_factory=dict)

    def day(self, back: int = 0) -> str:
        """Return the date that is `back` days before the last scheduled run."""
        return (self.last - timedelta(days=back)).isoformat()

    def upload_extract(self, day: str, users: int) -> None:
        """Upload an extract with the first `users` users."""
        path = self.folder / f"{day}.parquet"
        write_extract(path, users, date.fromisoformat(day))
        self.stack.emulators.upload_activity(path, day)

    def upload_invalid_extract(self, day: str) -> None:
        """Upload an extract that is not a Parquet file."""
        bucket = self.stack.emulators.outputs["ActivityBucketName"]
        key = f"activity/dt={day}/activity.parquet"
        self.stack.emulators.client("s3").put_object(Bucket=bucket, Key=key, Body=b"user_id,login_count\n" * 9)

    def read_objects(self, prefix: str, ending: str) -> dict[str, str]:
        """Return objects of the output bucket as text, by key."""
        s3, bucket = self.stack.emulators.client("s3"), self.stack.emulators.outputs["OutputBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(ending)]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}

    def scores(self, day: str) -> dict[str, str]:
        """Return the scores of a date by user."""
        files = self.read_objects(f"scores/dt={day}/part-", ".csv").values()
        rows = [row for text in files for row in csv.DictReader(io.StringIO(text))]
        return {row["UserID"]: row["Calculated_Score"] for row in rows}

    def summaries(self) -> list[dict[str, Any]]:
        """Return the summaries of all runs, dry runs included."""
        documents = {**self.read_objects("summaries/", ".json"), **self.read_objects("dry_runs/", "summary.json")}
        return [json.loads(text) for key, text in documents.items() if "/runs/" in key or key.startswith("dry_runs/")]

    def finish(self, *run_ids: str, state: str = "success", limit: float = MAX_WAIT_SECONDS) -> list[dict[str, Any]]:
        """Wait until runs have ended in a state; return their summaries.

        :raises KeyError: when a run has no summary
        """
        for run_id in run_ids:
            final_state, _ = self.airflow.finish(run_id, limit)
            assert final_state == state, f"{run_id}: {self.airflow.states(run_id)}\n{self.summary_log(run_id)}"
        summaries = {summary["run_id"]: summary for summary in self.summaries()}
        return [summaries[run_id] for run_id in run_ids]

    def summary_log(self, run_id: str) -> str:
        """Return the log of the last try of summarize_responses, which explains the result of a run."""
        task = self.airflow.tasks(run_id)["summarize_responses"]
        return self.airflow.log(run_id, "summarize_responses", task["try_number"]) if task["try_number"] else ""

    def finish_backfill(
        self, backfill: int, *days: str, state: str = "success", limit: float = MAX_WAIT_SECONDS
    ) -> list[dict[str, Any]]:
        """Wait for the end of a backfill and its runs; return the summaries of its days."""
        wait_until(lambda: self.airflow.backfill_is_done(backfill), f"backfill {backfill} to be done", limit=limit)
        return self.finish(*(self.run_id_of(day) for day in days), state=state, limit=limit)

    def run_id_of(self, day: str) -> str:
        """Return the id of the run whose logical date is on a day."""
        run_ids = {run["logical_date"] or "": run_id for run_id, run in self.airflow.runs().items()}
        (run_id,) = [run_id for logical_date, run_id in run_ids.items() if logical_date.startswith(day)]
        return run_id

    def glue_runs(self, job: str, run_id: str) -> list[dict[str, Any]]:
        """Return the Glue runs of a DAG run, oldest first.

        :param job: `score` or `push`
        """
        glue = self.stack.emulators.client("glue")
        name = self.stack.emulators.outputs[f"{job.title()}JobName"]
        all_runs = [
            run for page in glue.get_paginator("get_job_runs").paginate(JobName=name) for run in page["JobRuns"]
        ]
        runs = [run for run in all_runs if run["Arguments"].get("--run_id") == run_id]
        return sorted(runs, key=lambda run: run["StartedOn"])

    def glue_states(self, job: str, run_id: str) -> list[str]:
        """Return the states of the Glue runs of a DAG run, oldest first."""
        return [run["JobRunState"] for run in self.glue_runs(job, run_id)]

    def complete(self, run_id: str, task: str) -> None:
        """Clear a task and those after it; the run must then succeed and reach every user."""
        self.airflow.clear(run_id, task, downstream=True)
        (summary,) = self.finish(run_id)
        assert summary["not_reached"] == 0

    def active_push(self, run_id: str) -> str:
        """Return the id of the active Glue run of a run's push."""
        (active,) = [run["Id"] for run in self.glue_runs("push", run_id) if run["JobRunState"] in ACTIVE]
        return str(active)

    def stop_push(self, run_id: str) -> None:
        """Stop the Glue run of a run's push, like an operator in the Glue console."""
        name = self.stack.emulators.outputs["PushJobName"]
        self.stack.emulators.client("glue").batch_stop_job_run(JobName=name, JobRunIds=[self.active_push(run_id)])

    def kill_push(self, run_id: str) -> None:
        """Kill the process of a run's push, as if it had run out of memory."""
        self.stack.execute("aws", "python", "-c", _KILL_PROCESSES, "--JOB_RUN_ID", self.active_push(run_id))

    def scored_days(self) -> list[str]:
        """Return the dates that have scores."""
        return [key.split("=")[1].split("/")[0] for key in self.read_objects("scores/", "/_manifest.json")]

    @contextmanager
    def slow_push(self, rate: float = 3) -> Iterator[None]:
        """Let a push that starts in the block send few requests per second, so that it can be interrupted."""
        self.set_rate(rate)
        try:
            yield
        finally:
            self.set_rate(RATE)

    def set_rate(self, rate: float) -> None:
        """Set the requests per second of pushes that start from now on."""
        # Write the full Variable, because the API masks parts of it when it is read.
        report_url = self.stack.url("FILES") + "/{bucket}/{key}"
        settings = self.stack.emulators.settings(max_requests_per_second=rate, report_url=report_url)
        # The URL for the containers, not for this process.
        value = json.dumps(settings | {"base_url": CRM_URL})
        self.airflow.call("PATCH", "variables/engagement", key="engagement", value=value)

    def request_count(self) -> int:
        """Return the number of update requests that the CRM has received."""
        return int(self.stack.emulators.crm("GET", "stats")["requests"])

    def check_scores_unchanged(self, days: Iterable[str]) -> None:
        """Check that the scores of each date have not changed since they were first read."""
        for day in days:
            scores = self.scores(day)
            assert self.seen.setdefault(day, scores) == scores, f"{day} was scored twice with different results"
