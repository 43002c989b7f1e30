"""The server that all clients face, and each client in a process of its own; only whole deliveries count."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks import jobs, sides
from benchmarks.push.measurements import Figures
from local import stack

TOKEN = "token-of-the-benchmarks"  # noqa: S105 - of a server that lives as long as the benchmark
ENV = {"PYTHONPATH": jobs.PYTHONPATH, "CRM_TOKEN": TOKEN}  # of every client
_PEERS = ("requests", "threads", "dlt", "drt")
_VERSIONS = (
    "import importlib.metadata as m, json, platform, sys; "
    "print(json.dumps([platform.python_version(), *map(m.version, sys.argv[1:])]))"
)
# That which has the server forget what it counted, and that which asks it afterwards.
_OWN_CONNECTIONS = 2


@dataclass(frozen=True)
class Server:
    """A running CRM stand-in, and the other stand-ins beside it, which only job 2 asks."""

    world: stack.StandIns

    @property
    def endpoint(self) -> str:
        """Where scores are posted to."""
        return f"{self.world.crm_url}/api/v1/update-score"

    def forget(self) -> None:
        """Let it forget all keys: a request whose key it knows is answered from memory, without the latency."""
        self._ask("POST", "reset")

    def counts(self) -> dict[str, Any]:
        """What it has counted since, connections of clients only; to be asked once."""
        counts = self._ask("GET", "stats")
        return {**counts, "connections_opened": counts["connections_opened"] - _OWN_CONNECTIONS}

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(method, f"{self.world.crm_url}/_crm/{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def serving(folder: Path, latency_ms: int) -> Iterator[Server]:
    """Run the stand-ins until the block is left; what they keep, and their logs, stay there until the next time."""
    shutil.rmtree(folder, ignore_errors=True)
    with stack.stand_ins(folder, TOKEN, ["--latency-ms", str(latency_ms)]) as world:
        yield Server(world)


def run_client(name: str, records: int, concurrency: int, server: Server | None = None) -> Figures:
    """Run one client of `benchmarks.push.contestants`, or of its peers; what it took.

    Raises RuntimeError when it failed, or not every record was delivered.
    """
    if server:
        server.forget()
    endpoint = server.endpoint if server else "http://nobody.invalid/"
    module, python = ("peers", jobs.BENCH) if name in _PEERS else ("contestants", jobs.GLUE)
    found = sides.run(python, f"push.{module}", name, endpoint, records, concurrency, env=ENV)
    counts: dict[str, Any] = server.counts() if server else {"statuses": {"200": records}, "connections_opened": 0}
    applied = counts["statuses"].get("200", 0)
    if not found["delivered"] == records == applied:
        raise RuntimeError(
            f"{name} delivered {found['delivered']:,} of {records:,} records, and the CRM took {applied:,}: "
            "its figures mean nothing"
        )
    return Figures(
        records=records,
        rate=records / found["wall"],
        cpu=found["cpu"] / records * 10_000,
        peak_memory=found["peak_memory"],
        connections=counts["connections_opened"],
    )


def versions() -> dict[str, str]:
    """Versions of those that take part, by name."""
    found: dict[str, str] = {}
    for python, names in ((jobs.GLUE, ("aiohttp", "pyspark")), (jobs.BENCH, ("requests", "dlt", "drt-core"))):
        said = subprocess.check_output([python, "-c", _VERSIONS, *names], text=True)
        found |= dict(zip(("Python", *names), json.loads(said), strict=True))
    return found
