"""wrk, a load generator in C: about the most requests that one thread can exchange with this server.

It knows neither records nor keys. It sends one valid body again and again, for a time rather than for a count.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

from benchmarks.push.clients import TOKEN, Server
from benchmarks.push.measurements import Figures

# The server still answers, and counts, what wrk had under way when its time was up: not as the next client's.
_REST_SECONDS = 1.0
_SCRIPT = f"""\
wrk.method = "POST"
wrk.body = '{{"user_id": "U000000000", "engagement_score": "73.25"}}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {TOKEN}"
"""


def version() -> str | None:
    """The version of the wrk on PATH; None when there is none."""
    if shutil.which("wrk") is None:
        return None
    # wrk prints its version together with its usage, and then fails.
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"^wrk (?:debian/)?(\S+)", said.stdout + said.stderr)
    return found[1] if found else "unknown"


def run(server: Server, concurrency: int, seconds: int) -> Figures:
    """What it did in `seconds`; raises RuntimeError when a request failed."""
    script = server.world.folder / "post.lua"
    script.write_text(_SCRIPT)
    server.forget()
    command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", str(script), server.endpoint]
    before = _children_cpu()
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 60).stdout
    cpu, counts = _children_cpu() - before, server.counts()
    time.sleep(_REST_SECONDS)
    records = counts["statuses"]["200"]
    return Figures(
        records=records,
        rate=requests_per_second(said),
        cpu=cpu / records * 10_000,
        peak_memory=None,
        connections=counts["connections_opened"],
    )


def _children_cpu() -> float:
    used = os.times()
    return used.children_user + used.children_system


def requests_per_second(said: str) -> float:
    """Read wrk's report."""
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", said, re.MULTILINE)
    if rate is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"wrk's requests did not all succeed:\n{said}")
    return float(rate[1])
