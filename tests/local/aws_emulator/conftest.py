"""The emulators of S3 and AWS with one Glue job. A minute of Glue takes a second."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import s3_emulator
from local.processes import running_service
from local.stack import client

JOB = "job-of-the-tests"
SCRIPT = """
import json, os, subprocess, sys, time
from helper_of_the_tests import GREETING

print(GREETING, *sys.argv[1:], flush=True)
print("on standard error", file=sys.stderr, flush=True)
behavior = sys.argv[sys.argv.index("--behavior") + 1]
if behavior == "raise":
    raise ValueError("two lines:\\nno such user")
if behavior == "exit":
    sys.exit(3)
if behavior == "abort":
    os.abort()
if behavior == "hang":
    child = subprocess.Popen(["sleep", "600"])
    print("pids", os.getpid(), child.pid, flush=True)
    time.sleep(600)
if behavior == "environment":
    print(json.dumps(dict(os.environ)), flush=True)
"""


@dataclass(frozen=True)
class Emulator:
    """Folder and URLs of the emulators, and the runs of the job."""

    folder: Path
    s3_url: str
    aws_url: str

    def client(self, service: str) -> Any:
        """Return a boto3 client."""
        return client(service, self.s3_url if service == "s3" else self.aws_url)

    def start(self, behavior: str = "return", **parameters: Any) -> str:
        """Start a run; return its id.

        :param behavior: what the script does
        :param parameters: parameters of StartJobRun
        """
        arguments = {"--behavior": behavior, **parameters.pop("Arguments", {})}
        return str(self.client("glue").start_job_run(JobName=JOB, Arguments=arguments, **parameters)["JobRunId"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Return the structure of GetJobRun."""
        return dict(self.client("glue").get_job_run(JobName=JOB, RunId=run_id)["JobRun"])

    def wait(self, run_id: str, seconds: float = 40) -> dict[str, Any]:
        """Wait until a run has ended; return the structure of GetJobRun."""
        deadline = time.monotonic() + seconds
        while (run := self.run(run_id))["JobRunState"] in ("STARTING", "RUNNING", "STOPPING"):
            assert time.monotonic() < deadline, f"{run_id} has not ended after {seconds} s"
            time.sleep(0.05)
        return run

    def pids(self, run_id: str) -> list[int]:
        """Wait until a run hangs; return the process ids of the script and its child."""
        output, deadline = self.folder / "glue" / run_id / "output", time.monotonic() + 20
        while not output.exists() or "pids " not in output.read_text() or not output.read_text().endswith("\n"):
            assert time.monotonic() < deadline, "the script has not printed its process ids"
            time.sleep(0.05)
        return [int(pid) for pid in output.read_text().partition("pids ")[2].split()]

    def log(self, run_id: str, kind: str = "output") -> list[str]:
        """Return the messages in the log stream of a run."""
        group = f"/aws-glue/jobs/{kind}"
        events = self.client("logs").get_log_events(logGroupName=group, logStreamName=run_id, startFromHead=True)
        return [event["message"] for event in events["events"]]


def create_job(emulator: Emulator) -> None:
    """Upload the script and an archive of its imports, and create the job."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("helper_of_the_tests.py", "GREETING = 'hello'\n")
    storage = emulator.client("s3")
    storage.create_bucket(Bucket="code")
    storage.put_object(Bucket="code", Key="job.py", Body=SCRIPT.encode())
    storage.put_object(Bucket="code", Key="helper.zip", Body=archive.getvalue())
    emulator.client("glue").create_job(
        Name=JOB,
        Role="arn:aws:iam::123456789012:role/any",
        Command={"Name": "glueetl", "ScriptLocation": "s3://code/job.py"},
        DefaultArguments={"--extra-py-files": "s3://code/helper.zip", "--kept": "yes", "--conf": "a=b"},
        Timeout=30,
    )


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulators of S3 and AWS, and the job."""
    folder = tmp_path_factory.mktemp("emulator")
    env = {"LOCAL_GLUE_SECONDS_PER_MINUTE": "1", "LOCAL_GLUE_STOP_GRACE_SECONDS": "1", "LOCAL_GLUE_START_SECONDS": "0"}
    env |= {"HTTPS_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "AWS_PROFILE": "another"}
    with (
        s3_emulator.serve(folder / "s3") as s3_url,
        running_service(
            "local.aws_emulator", ["--root", str(folder / "s3"), "--s3-url", s3_url], folder / "aws.log", env
        ) as aws_url,
    ):
        running = Emulator(folder, s3_url, aws_url)
        create_job(running)
        yield running
