"""What a person would look at while Airflow is at work: days, scores, summaries, Glue runs, the CRM."""

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
from tests.compose.stack import Running
from tests.support.waiting import PATIENCE, wait_until

# The processes whose command lines have all of some words.
_KILL = """
import os, pathlib, signal, sys
for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    command = entry.read_text(errors="replace")
    if all(word in command for word in sys.argv[1:]) and entry.parent.name != str(os.getpid()):
        os.kill(int(entry.parent.name), signal.SIGKILL)
"""
ACTIVE = {"STARTING", "RUNNING", "STOPPING", "WAITING"}


@dataclass(frozen=True)
class World:
    """The stack, one login, and the scores that each date was seen to have."""

    running: Running
    airflow: Airflow
    folder: Path
    last: date = field(default_factory=last_scheduled)
    seen: dict[str, dict[str, str]] = field(default_factory=dict)

    def day(self, back: int = 0) -> str:
        """The date so many days before the last scheduled run's."""
        return (self.last - timedelta(days=back)).isoformat()

    def arrive(self, day: str, users: int) -> None:
        """Let an extract of the first so many users arrive."""
        path = self.folder / f"{day}.parquet"
        write_extract(path, users, date.fromisoformat(day))
        self.running.world.upload_activity(path, day)

    def arrive_broken(self, day: str) -> None:
        """Let something that is no Parquet file arrive."""
        bucket = self.running.world.outputs["ActivityBucketName"]
        key = f"activity/dt={day}/activity.parquet"
        self.running.world.client("s3").put_object(Bucket=bucket, Key=key, Body=b"user_id,login_count\n" * 9)

    def documents(self, prefix: str, ending: str) -> dict[str, str]:
        """Objects of the output bucket by key, as text."""
        s3, bucket = self.running.world.client("s3"), self.running.world.outputs["OutputBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"].endswith(ending)]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}

    def scores(self, day: str) -> dict[str, str]:
        """The scores of a date by user."""
        files = self.documents(f"scores/dt={day}/part-", ".csv").values()
        rows = [row for text in files for row in csv.DictReader(io.StringIO(text))]
        return {row["UserID"]: row["Calculated_Score"] for row in rows}

    def summaries(self) -> list[dict[str, Any]]:
        """The summaries of all runs, dry ones too."""
        found = {**self.documents("summaries/", ".json"), **self.documents("dry_runs/", "summary.json")}
        return [json.loads(text) for key, text in found.items() if "/runs/" in key or key.startswith("dry_runs/")]

    def finish(self, *run_ids: str, state: str = "success", limit: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait until runs have ended in a state; give their summaries. Raises KeyError where there is none."""
        for run_id in run_ids:
            found, _ = self.airflow.finish(run_id, limit)
            assert found == state, f"{run_id}: {self.airflow.states(run_id)}\n{self.told(run_id)}"
        summaries = {summary["run_id"]: summary for summary in self.summaries()}
        return [summaries[run_id] for run_id in run_ids]

    def told(self, run_id: str) -> str:
        """The log of the task that explains a run, its last attempt."""
        task = self.airflow.tasks(run_id)["summarize_responses"]
        return self.airflow.log(run_id, "summarize_responses", task["try_number"]) if task["try_number"] else ""

    def finish_backfill(
        self, backfill: int, *days: str, state: str = "success", limit: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Wait for the end of a backfill and of its runs; give the summaries of its days."""
        wait_until(lambda: self.airflow.backfill_is_done(backfill), f"backfill {backfill} to be done", limit=limit)
        return self.finish(*(self.run_of(day) for day in days), state=state, limit=limit)

    def run_of(self, day: str) -> str:
        """The run whose logical date is on a day."""
        dated = {run["logical_date"] or "": run_id for run_id, run in self.airflow.runs().items()}
        (run_id,) = [run_id for logical_date, run_id in dated.items() if logical_date.startswith(day)]
        return run_id

    def glue_runs(self, job: str, run_id: str) -> list[dict[str, Any]]:
        """The runs of Glue job `score` or `push` of a DAG run, oldest first."""
        glue = self.running.world.client("glue")
        name = self.running.world.outputs[f"{job.title()}JobName"]
        runs = [run for page in glue.get_paginator("get_job_runs").paginate(JobName=name) for run in page["JobRuns"]]
        of_run = [run for run in runs if run["Arguments"].get("--run_id") == run_id]
        return sorted(of_run, key=lambda run: run["StartedOn"])

    def glue_states(self, job: str, run_id: str) -> list[str]:
        """The states of these runs."""
        return [run["JobRunState"] for run in self.glue_runs(job, run_id)]

    def complete(self, run_id: str, task: str) -> None:
        """Clear a task and those after it; the run must end green, with every user reached."""
        self.airflow.clear(run_id, task, downstream=True)
        (summary,) = self.finish(run_id)
        assert summary["not_reached"] == 0

    def active_push(self, run_id: str) -> str:
        """Id of the Glue run that is at a run's push."""
        (active,) = [run["Id"] for run in self.glue_runs("push", run_id) if run["JobRunState"] in ACTIVE]
        return str(active)

    def stop_push(self, run_id: str) -> None:
        """Stop a run's push from outside, as somebody in the Glue console would."""
        name = self.running.world.outputs["PushJobName"]
        self.running.world.client("glue").batch_stop_job_run(JobName=name, JobRunIds=[self.active_push(run_id)])

    def kill_push(self, run_id: str) -> None:
        """Let the process of a run's push die, as for want of memory."""
        self.running.execute("aws", "python", "-c", _KILL, "--JOB_RUN_ID", self.active_push(run_id))

    def scored_days(self) -> list[str]:
        """The dates that have scores."""
        return [key.split("=")[1].split("/")[0] for key in self.documents("scores/", "/_manifest.json")]

    @contextmanager
    def slowly(self, rate: float = 3) -> Iterator[None]:
        """Let a push that begins in the block send few requests a second, so that it can be interrupted."""
        self.set_rate(rate)
        try:
            yield
        finally:
            self.set_rate(RATE)

    def set_rate(self, rate: float) -> None:
        """Let a push that begins from now on send so many requests a second."""
        # Written as a whole: the API does not tell everything that a Variable holds.
        report_url = self.running.url("FILES") + "/{bucket}/{key}"
        settings = self.running.world.settings(max_requests_per_second=rate, report_url=report_url)
        # Seen by the containers, not by this process.
        value = json.dumps(settings | {"base_url": CRM_URL})
        self.airflow.call("PATCH", "variables/engagement", key="engagement", value=value)

    def posts(self) -> int:
        """How many update requests the CRM received so far."""
        return int(self.running.world.crm("GET", "stats")["requests"])

    def check_scores(self, days: Iterable[str]) -> None:
        """No date may ever be scored into anything else."""
        for day in days:
            scores = self.scores(day)
            assert self.seen.setdefault(day, scores) == scores, f"{day} was scored twice into different results"
