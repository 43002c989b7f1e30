"""All other lines: the push job through real Spark, on the emulators of Glue and S3."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import requests

from local import stack
from local.extract import write_extract
from local.s3_emulator import SETTLE_SECONDS
from tests.faults.scenario import ROWS
from tests.faults.worker import CRM_OPTIONS, DAY, LIMIT_SECONDS, RUN_ID, JobRun, Worker


class GlueWorker(Worker):
    """Runs the push job on a stack of its own, on a day that the scoring job has scored."""

    def __init__(self, world: stack.RunningStack) -> None:
        super().__init__(world.crm_url, world.token, world.folder / "s3" / world.outputs["OutputBucketName"])
        self.world = world

    def store_secret(self, secret: str) -> None:
        """In Secrets Manager."""
        self.world.client("secretsmanager").put_secret_value(SecretId=stack.SECRET_ID, SecretString=secret)

    def break_s3(self, fault: Mapping[str, object] | None) -> None:
        """Set or clear the fault of the proxy in front of S3."""
        url = f"{self.world.s3_fault_proxy_url}/_fault"
        done = requests.put(url, json=dict(fault), timeout=30) if fault else requests.delete(url, timeout=30)
        done.raise_for_status()

    def stop(self) -> None:
        """Call BatchStopJobRun."""
        job = self.world.outputs["PushJobName"]
        self.world.client("glue").batch_stop_job_run(JobName=job, JobRunIds=[self.run_id])

    def reset(self) -> None:
        """Also wait until the S3 emulator has noticed that the folders are gone."""
        super().reset()
        time.sleep(2 * SETTLE_SECONDS)

    def score(self) -> None:
        """Generate an extract and run the scoring job on it."""
        world, extract = self.world, self.world.folder / "activity.parquet"
        write_extract(extract, ROWS["glue"], date.fromisoformat(DAY))
        world.upload_activity(extract, DAY)
        bucket, key = world.outputs["ActivityBucketName"], f"activity/dt={DAY}/activity.parquet"
        etag = world.client("s3").head_object(Bucket=bucket, Key=key)["ETag"].strip('"')
        given = {
            "score_date": DAY,
            "scored_at": f"{DAY}T03:00:00Z",
            "run_id": RUN_ID,
            "input_uri": f"s3://{bucket}/{key}",
            "input_etags": json.dumps({key: etag}),
            "output_bucket": world.outputs["OutputBucketName"],
            "weights_uri": "default",
            "max_invalid_fraction": "0.05",
            "stall_timeout_seconds": "900",
        }
        run = self._run_job(world.outputs["ScoreJobName"], given)
        if run.state != "SUCCEEDED":
            raise RuntimeError(f"the scoring job ended {run.state}: {run.logs[-2000:]}")

    def run(self, arguments: Mapping[str, str], meanwhile: Callable[[Worker], None] | None) -> JobRun:
        """Run the push job."""
        given = {**arguments, "output_bucket": self.world.outputs["OutputBucketName"]}
        return self._run_job(self.world.outputs["PushJobName"], given, meanwhile)

    def _run_job(
        self, job: str, arguments: Mapping[str, str], meanwhile: Callable[[Worker], None] | None = None
    ) -> JobRun:
        glue, began = self.world.client("glue"), time.monotonic()
        named = {f"--{name}": value for name, value in arguments.items()}
        self.run_id = glue.start_job_run(JobName=job, Arguments=named)["JobRunId"]
        if meanwhile:
            meanwhile(self)
        while time.monotonic() - began < LIMIT_SECONDS:
            run = glue.get_job_run(JobName=job, RunId=self.run_id)["JobRun"]
            if run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING"):
                seconds, folder = time.monotonic() - began, self.world.folder / "glue" / self.run_id
                logs = "".join((folder / name).read_text(errors="replace") for name in ("output", "errors"))
                return JobRun(self.run_id, run["JobRunState"], logs + run.get("ErrorMessage", ""), seconds)
            time.sleep(0.1)
        glue.batch_stop_job_run(JobName=job, JobRunIds=[self.run_id])
        raise RuntimeError(f"Glue run {self.run_id} of {job} did not end within {LIMIT_SECONDS} s")


@contextlib.contextmanager
def glue_worker(folder: Path) -> Iterator[GlueWorker]:
    """Run a worker on its own stack, after the scoring job; end everything on exit."""
    with stack.running(folder, CRM_OPTIONS, s3_fault_proxy=True) as world:
        worker = GlueWorker(world)
        worker.score()
        yield worker
