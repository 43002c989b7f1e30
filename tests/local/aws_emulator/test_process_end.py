"""The processes of the AWS emulator end with it, even if it is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local import s3_emulator
from local.processes import REPOSITORY
from tests.local.aws_emulator.conftest import Emulator, create_job
from tests.support.processes import is_alive
from tests.support.waiting import wait_until

# Replaces Airflow: each component only waits.
_AIRFLOW = (
    "import os, sys, time\nif sys.argv[1] == 'db':\n    sys.exit()\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_job_outlives_the_emulator(tmp_path: Path, number: signal.Signals) -> None:
    with s3_emulator.serve(tmp_path / "s3") as s3_url:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.aws_emulator", "--root", tmp_path / "s3", "--s3-url", s3_url],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LOCAL_GLUE_STOP_GRACE_SECONDS": "1", "LOCAL_GLUE_START_SECONDS": "0"},
        )
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            assert url.startswith("http://127.0.0.1:")
            emulator = Emulator(tmp_path, s3_url, url)
            create_job(emulator)
            pids = emulator.pids(emulator.start("hang"))
        finally:
            process.send_signal(number)
            code = process.wait(20)
            process.stdout.close()
    assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, pids)), "the job to end", every=0.1, limit=15)


def test_no_airflow_outlives_the_emulator(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "__init__.py").touch()
    (tmp_path / "airflow" / "__main__.py").write_text(_AIRFLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "local.aws_emulator.mwaa.components", tmp_path, "0"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    logs = [tmp_path / f"{component}.log" for component in ("api-server", "scheduler", "dag-processor", "triggerer")]
    assert process.stdin is not None
    try:
        wait_until(
            lambda: all(log.exists() and log.read_text() for log in logs), "Airflow's components", every=0.1, limit=15
        )
        process.stdin.close()  # as if the emulator was killed
        assert process.wait(15) == -signal.SIGKILL
        pids = [int(log.read_text()) for log in logs]
        wait_until(lambda: not any(map(is_alive, pids)), "Airflow to end", every=0.1, limit=15)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
