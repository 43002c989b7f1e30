"""What one client took in its own process, so that CPU and memory are its own too. Linux only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from benchmarks import machine


def measure(deliver: Callable[[], int]) -> None:
    """Run it and print, as one line of JSON, how many it delivered and what it took.

    Seconds of wall clock and of CPU (all threads), peak resident memory of the process in bytes. The CPU of starting up
    (interpreter and what is imported by now) is left out.
    """
    before, began = time.process_time(), time.monotonic()
    delivered = deliver()
    wall, cpu = time.monotonic() - began, time.process_time() - before
    print(json.dumps({"delivered": delivered, "wall": wall, "cpu": cpu, "peak_memory": machine.peak_memory()}))
