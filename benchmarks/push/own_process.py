"""What one client took in its own process, so that CPU and memory are its own too. Linux only."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path


def measure(deliver: Callable[[], int]) -> None:
    """Run it and print, as one line of JSON, how many it delivered and what it took.

    Seconds of wall clock and of CPU (all threads), peak resident memory of the process in bytes. The CPU of starting up
    (interpreter and what is imported by now) is left out.
    """
    before, began = time.process_time(), time.monotonic()
    delivered = deliver()
    wall, cpu = time.monotonic() - began, time.process_time() - before
    print(json.dumps({"delivered": delivered, "wall": wall, "cpu": cpu, "peak_memory": _peak_memory()}))


def _peak_memory() -> int:
    # Not ru_maxrss of getrusage: a child begins with that of its parent. See proc(5), VmHWM, in units of 1,024 bytes.
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM; peak memory is measured on Linux only")
    return int(found[1]) * 1024
