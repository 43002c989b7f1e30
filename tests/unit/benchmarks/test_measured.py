"""What a command takes, all its processes together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.measured import run

_HERE = Path(__file__).parents[3]
# A child that outlives its parent, takes 60 MB and half a second of CPU, and is never waited for by it.
_LEAVES_A_CHILD = """
import os, sys, time
if os.fork() == 0:
    held = bytearray(60_000_000)
    while time.process_time() < 0.5:
        pass
    time.sleep(0.2)
"""


def test_what_is_left_behind_counts() -> None:
    used = run([sys.executable, "-c", _LEAVES_A_CHILD], _HERE, os.environ)
    assert used["cpu"] >= 0.5
    assert used["peak_memory"] > 60_000_000
    assert used["wall"] > 0


def test_a_failure_is_told_in_the_commands_own_words() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 1 and said:(?s:.*)no such luck"):
        run([sys.executable, "-c", "raise SystemExit('no such luck')"], _HERE, os.environ)
