"""A fake CRM to deliver to: by a client in its own process, by wrk, or by the push job on Spark.

The figures of a delivery count only if the CRM applied every score.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import requests

from benchmarks import jobs
from benchmarks.processes import measure, run_module
from local import stack
from local.extract import write_extract

_TOKEN = "token-of-the-benchmarks"  # noqa: S105 - of a server that lives as long as the benchmark
_BUCKET, _SECRET = "bench", "crm"
_KEY = f"activity/dt={jobs.DAY}/activity.parquet"
# Until the CRM has counted what wrk had in flight, so that it is not counted for the next client.
_AFTER_WRK_SECONDS = 1.0
_WRK_SCRIPT = f"""\
wrk.method = "POST"
wrk.body = '{{"user_id": "U000000000", "engagement_score": "73.25"}}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {_TOKEN}"
"""


@dataclass(frozen=True)
class Crm:
    """A running fake CRM, with the S3 and AWS emulators that the push job needs."""

    world: stack.Emulators

    @property
    def endpoint(self) -> str:
        """Return the URL that scores are posted to."""
        return f"{self.world.crm_url}/api/v1/update-score"

    def client(self, python: Path, module: str, name: str, count: int, concurrency: int) -> dict[str, float]:
        """Let a client of `clients` or `peers` deliver `count` scores; return its figures."""
        self._reset()
        found = run_module(python, module, name, self.endpoint, count, concurrency, env={"CRM_TOKEN": _TOKEN})
        self._check(name, count, found["delivered"])
        return figures(count, **{name: found[name] for name in ("wall", "cpu", "memory")})

    def wrk(self, concurrency: int, seconds: int) -> dict[str, float]:
        """Let wrk send one body repeatedly; return its figures."""
        script = self.world.folder / "post.lua"
        script.write_text(_WRK_SCRIPT)
        self._reset()
        command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "-s", str(script), self.endpoint]
        before = os.times()
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 60).stdout
        after = os.times()
        time.sleep(_AFTER_WRK_SECONDS)
        rate = wrk_rate(output)
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return {"rate": rate, "cpu": cpu / (rate * seconds) * 10_000}

    def score(self, users: int) -> None:
        """Run the scoring job on a new extract."""
        extract = self.world.folder / "activity.parquet"
        write_extract(extract, users, date.fromisoformat(jobs.DAY))
        s3 = self.world.client("s3")
        s3.upload_file(str(extract), _BUCKET, _KEY)
        etag = s3.head_object(Bucket=_BUCKET, Key=_KEY)["ETag"].strip('"')
        self._run(jobs.score_users(_BUCKET, _KEY, etag))

    def push(self, count: int, concurrency: int) -> dict[str, float]:
        """Let the push job deliver the `count` scores of the date; return its figures.

        In addition to the figures of a client: seconds `before` the first request and `after` the last response, bytes
        of scores, ledger and snapshot, and the number of ledger objects.
        """
        bucket = self.world.folder / "s3" / _BUCKET
        for folder in ("responses", "delivered"):  # the job's record of earlier deliveries
            shutil.rmtree(bucket / folder, ignore_errors=True)
        self._reset()
        began = time.time()
        used = self._run(jobs.push_scores(_BUCKET, self.world.crm_url, _SECRET, concurrency))
        ledger = bucket / "responses" / f"dt={jobs.DAY}"
        first, last, delivered = ledger_times(ledger)
        self._check("push job", count, delivered)
        objects = list(ledger.rglob("part-*.jsonl"))
        return {
            **figures(count, last - first, used["cpu"], used["memory"]),
            "before": first - began,
            "after": began + used["wall"] - last,
            "score_bytes": _size((bucket / "scores" / f"dt={jobs.DAY}").glob("part-*")),
            "ledger_bytes": _size(iter(objects)),
            "ledger_objects": len(objects),
            "snapshot_bytes": _size((bucket / "delivered").rglob("*.parquet")),
        }

    def _run(self, command: list[str]) -> Any:
        spark = jobs.spark_env(self.world.folder / "s3", self.world.folder / "scratch")
        return measure(command, {**self.world.env, **spark})

    def _reset(self) -> None:
        """Reset the CRM, because it answers a repeated idempotency key without the configured latency."""
        self._request("POST", "reset")

    def _check(self, name: str, count: int, delivered: int) -> None:
        applied = self._request("GET", "stats")["applied"]
        if not delivered == applied == count:
            raise RuntimeError(
                f"{name}: expected {count:,} scores, delivered {delivered:,}, the CRM applied {applied:,}"
            )

    def _request(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        answer = requests.request(method, f"{self.world.crm_url}/_crm/{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def serving(folder: Path, latency_ms: int) -> Iterator[Crm]:
    """Run a fake CRM with this latency per request; its logs remain in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    with stack.running_emulators(folder, _TOKEN, ["--latency-ms", str(latency_ms)]) as world:
        world.client("s3").create_bucket(Bucket=_BUCKET)
        world.client("secretsmanager").create_secret(Name=_SECRET, SecretString=_TOKEN)
        yield Crm(world)


def figures(count: int, wall: float, cpu: float, memory: float) -> dict[str, float]:
    """Convert to requests per second, CPU seconds per 10,000 scores, and bytes."""
    return {"rate": count / wall, "cpu": cpu / count * 10_000, "memory": memory}


def wrk_version() -> str | None:
    """Return the version of wrk on PATH, or None if it is not installed."""
    if shutil.which("wrk") is None:
        return None
    # wrk prints its version and usage, then exits with an error.
    usage = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"^wrk (?:debian/)?(\S+)", usage.stdout + usage.stderr)
    return found[1] if found else "unknown"


def wrk_rate(output: str) -> float:
    """Read the requests per second from wrk's report.

    :raises RuntimeError: a request failed
    """
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", output, re.MULTILINE)
    if rate is None or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"wrk: expected only successful requests, got:\n{output}")
    return float(rate[1])


def ledger_times(folder: Path) -> tuple[float, float, int]:
    """Return the epoch seconds of the first request and the last response, and the number of delivered users."""
    query = f"""
        SELECT epoch(min(first_sent_at::TIMESTAMP)), epoch(max(settled_at::TIMESTAMP)),
               count(*) FILTER (outcome = 'delivered')
        FROM read_json_auto('{folder}/*/part-*.jsonl')"""  # noqa: S608 - the path is our own
    (found,) = duckdb.execute(query).fetchall()
    return found


def _size(files: Iterator[Path]) -> int:
    return sum(file.stat().st_size for file in files)
