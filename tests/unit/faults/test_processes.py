"""Only the processes of one run are found and killed."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.faults import processes


@pytest.fixture
def run() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A run id, and a process that has it in its environment."""
    run_id = "jr_" + secrets.token_hex(16)
    code = "import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={"RUN": run_id}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield run_id, process
        process.kill()


def test_a_run_is_found_by_its_id_and_killed(run: tuple[str, subprocess.Popen[bytes]]) -> None:
    run_id, process = run
    assert [each.pid for each in processes.of_run(run_id)] == [process.pid]
    assert processes.of_run("jr_" + secrets.token_hex(16)) == []
    processes.kill_job(run_id)
    assert process.wait(10) == -9
    deadline = time.monotonic() + 10
    while processes.of_run(run_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(RuntimeError, match="no such process"):
        processes.kill_job(run_id)


def test_a_missing_process_is_an_error(run: tuple[str, subprocess.Popen[bytes]]) -> None:
    run_id, process = run
    for kill in (processes.kill_worker, processes.kill_driver):
        with pytest.raises(RuntimeError, match="no such process"):
            kill(run_id)
    assert process.poll() is None
