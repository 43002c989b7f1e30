"""Resource usage of a command and all processes that it starts."""

from __future__ import annotations

import sys

import pytest

from benchmarks.processes import measure
from benchmarks.push.crm import wrk_rate

# A child that outlives its parent, holds 60 MB, and uses half a second of CPU.
_LEAVES_A_CHILD = """
import os, time
if os.fork() == 0:
    held = bytearray(60_000_000)
    while time.process_time() < 0.5:
        pass
    time.sleep(0.2)
"""


def test_orphaned_child_processes_count() -> None:
    used = measure([sys.executable, "-c", _LEAVES_A_CHILD], {})
    assert used["cpu"] >= 0.5
    assert used["memory"] > 60_000_000
    assert used["wall"] > 0


def test_a_failure_shows_the_output_of_the_command() -> None:
    with pytest.raises(RuntimeError, match=r"exited with 1:(?s:.*)no such luck"):
        measure([sys.executable, "-c", "raise SystemExit('no such luck')"], {})


def test_wrk_counts_only_if_all_its_requests_succeeded() -> None:
    report = "  48000 requests in 20.01s\nRequests/sec:   2398.21\nTransfer/sec:\n"
    assert wrk_rate(report) == 2398.21
    for trouble in ("  Non-2xx or 3xx responses: 5\n", "  Socket errors: connect 0, read 3\n"):
        with pytest.raises(RuntimeError, match="expected only successful requests"):
            wrk_rate(report + trouble)
