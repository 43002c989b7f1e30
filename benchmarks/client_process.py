"""Measure one CRM client in its own process. Standard library only, because it runs in every environment."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def scores(count: int) -> Iterator[tuple[str, str]]:
    """Yield user ids and scores one at a time, as Spark's iterator does."""
    return ((f"U{number:09d}", f"{number % 100}.50") for number in range(count))


def measure(deliver: Callable[[], int]) -> None:
    """Run a delivery and print the number of delivered scores and the resource usage as one JSON line.

    Wall clock and CPU (all threads) are in seconds, without interpreter start and imports; peak memory is in bytes.
    """
    cpu, began = time.process_time(), time.monotonic()
    delivered = deliver()
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    print(json.dumps({"delivered": delivered, "wall": wall, "cpu": cpu, "memory": _peak_memory()}))


def _peak_memory() -> int:
    """Return this process's peak resident memory in bytes. Linux only."""
    # Not ru_maxrss: a child process inherits its parent's value. VmHWM is in units of 1,024 bytes, see proc(5).
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak) * 1024
