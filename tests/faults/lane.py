"""One stack on which lines of the matrix run one after the other; the day is scored once and pushed again and again."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import requests

from local import stack
from local.extract import write_extract
from local.s3 import SETTLE_SECONDS
from tests.faults.scenario import ARGUMENTS, ROWS

DAY = "2026-11-23"
RUN_ID = "scheduled__2026-11-23T03:00:00+00:00"
_PATIENCE_SECONDS = 600
_CRM = ("--latency-ms", "5")


@dataclass(frozen=True)
class JobRun:
    """A Glue run that ended. `seconds` from StartJobRun to the end."""

    id: str
    state: str
    error: str
    seconds: float


@dataclass
class Lane:
    """A stack with a scored day."""

    world: stack.Stack
    run_id: str = field(init=False, default="")

    @property
    def output(self) -> Path:
        """The output bucket as a folder."""
        return self.world.folder / "s3" / self.world.outputs["OutputBucketName"]

    def score(self) -> None:
        """Generate an extract and let job 1 score it."""
        extract = self.world.folder / "activity.parquet"
        write_extract(extract, ROWS, date.fromisoformat(DAY))
        self.world.upload_activity(extract, DAY)
        bucket, key = self.world.outputs["ActivityBucketName"], f"activity/dt={DAY}/activity.parquet"
        etag = self.world.client("s3").head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        given = {
            "score_date": DAY,
            "scored_at": f"{DAY}T03:00:00Z",
            "run_id": RUN_ID,
            "input_uri": f"s3://{bucket}/{key}",
            "input_etags": json.dumps({key: etag}),
            "output_bucket": self.world.outputs["OutputBucketName"],
            "weights_uri": "default",
            "max_reject_fraction": "0.05",
        }
        run = self._run(self.world.outputs["ScoreJobName"], given)
        if run.state != "SUCCEEDED":
            raise RuntimeError(f"scoring the day of the matrix ended {run.state}: {run.error}")

    def push(self, changes: Mapping[str, str], meanwhile: Callable[[Lane], None] | None = None) -> JobRun:
        """Run job 2 to its end."""
        given = {
            **ARGUMENTS,
            "score_date": DAY,
            "run_id": RUN_ID,
            "output_bucket": self.world.outputs["OutputBucketName"],
            "base_url": self.world.crm_url,
            "secret_id": stack.SECRET_ID,
            **changes,
        }
        return self._run(self.world.outputs["PushJobName"], given, meanwhile)

    def _run(self, job: str, arguments: Mapping[str, str], meanwhile: Callable[[Lane], None] | None = None) -> JobRun:
        glue, began = self.world.client("glue"), time.monotonic()
        named = {f"--{name}": value for name, value in arguments.items()}
        self.run_id = glue.start_job_run(JobName=job, Arguments=named)["JobRunId"]
        if meanwhile:
            meanwhile(self)
        while time.monotonic() - began < _PATIENCE_SECONDS:
            run = glue.get_job_run(JobName=job, RunId=self.run_id)["JobRun"]
            if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING"):
                seconds = time.monotonic() - began
                return JobRun(self.run_id, run["JobRunState"], run.get("ErrorMessage", ""), seconds)
            time.sleep(0.1)
        glue.batch_stop_job_run(JobName=job, JobRunIds=[self.run_id])
        raise RuntimeError(f"Glue run {self.run_id} of {job} did not end within {_PATIENCE_SECONDS} s")

    def reset(self) -> None:
        """Nothing pushed, nothing known, nothing wrong."""
        for name in ("responses", "delivered"):
            shutil.rmtree(self.output / name, ignore_errors=True)
        time.sleep(2 * SETTLE_SECONDS)
        self.mend()
        self.world.crm("DELETE", "token")
        self._store_token(self.world.token)
        self.world.crm("POST", "reset")

    def mend(self) -> None:
        """Switch every fault off, whoever has it; the token stays as it is."""
        self.world.crm("DELETE", "faults")
        requests.delete(f"{self.world.gate_url}/_gate", timeout=30).raise_for_status()

    def break_crm(self, profile: str) -> None:
        """Switch a named fault of the CRM on."""
        self.world.crm("PUT", "faults", data=profile)

    def break_s3(self, fault: Mapping[str, object]) -> None:
        """Switch a fault of the gate on."""
        requests.put(f"{self.world.gate_url}/_gate", json=dict(fault), timeout=30).raise_for_status()

    def rotate_token(self, token: str) -> None:
        """A new token: first in the secret, then the CRM takes no other."""
        self._store_token(token)
        self.world.crm("PUT", "token", json={"token": token})

    def _store_token(self, token: str) -> None:
        self.world.client("secretsmanager").put_secret_value(SecretId=stack.SECRET_ID, SecretString=token)

    def wait_for_users(self, count: int) -> None:
        """Return once the CRM has this many users."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.world.crm("GET", "stats")["users"] < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the CRM did not come to {count:,} users within {_PATIENCE_SECONDS} s")
            time.sleep(0.02)


@contextlib.contextmanager
def lane(folder: Path) -> Iterator[Lane]:
    """A lane of its own, with its day scored; everything is ended when the block is left."""
    with stack.running(folder, _CRM, gate=True) as world:
        made = Lane(world)
        made.score()
        yield made
