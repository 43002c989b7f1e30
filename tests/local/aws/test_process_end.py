"""The stand-in as a process: its end takes the job runs along, and no call leaves the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import s3

REPOSITORY = Path(__file__).resolve().parents[3]
HANGING = b"""
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
WALLED = """
from local.aws.loopback import allow_only_loopback
import socket, sys
allow_only_loopback(["http://friend.invalid:1"])
for call in (
    lambda: socket.create_connection(("192.0.2.1", 80), 1),
    lambda: socket.getaddrinfo("somewhere.invalid", 80),
    lambda: socket.create_connection(("127.0.0.1", 9), 1),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_job_outlives_the_stand_in(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "s3" / "code").mkdir(parents=True)
    (tmp_path / "s3" / "code" / "hang.py").write_bytes(HANGING)
    with s3.serve(tmp_path / "s3") as s3_url:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.aws", "--root", tmp_path / "s3", "--s3-url", s3_url],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LOCAL_GLUE_STOP_GRACE_SECONDS": "1", "LOCAL_GLUE_START_SECONDS": "0"},
        )
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            assert url.startswith("http://127.0.0.1:")
            pids = _start_hanging(url, tmp_path / "glue")
        finally:
            process.send_signal(number)
            code = process.wait(20)
            process.stdout.close()
    assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    _wait(lambda: not any(_alive(pid) for pid in pids))


def test_connections_elsewhere_are_refused() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WALLED], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout.split() == ["PermissionError", "PermissionError", "ConnectionRefusedError"]


def _start_hanging(url: str, scratch: Path) -> list[int]:
    glue = boto3.client(
        "glue",
        endpoint_url=url,
        aws_access_key_id=s3.ACCESS_KEY,
        aws_secret_access_key=s3.SECRET_KEY,
        region_name=s3.REGION,
    )
    command = {"Name": "glueetl", "ScriptLocation": "s3://code/hang.py"}
    glue.create_job(Name="hang", Role="any", Command=command)
    run_id = glue.start_job_run(JobName="hang")["JobRunId"]
    file = scratch / run_id / "pids"
    _wait(lambda: file.exists() and len(file.read_text().split()) == 2)
    return [int(pid) for pid in file.read_text().split()]


def _wait(until: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
