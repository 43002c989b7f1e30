"""The server that all clients face, and each client in a process of its own; only whole deliveries count."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.processes import REPOSITORY, stand_in

TOKEN = "token-of-the-benchmarks"  # noqa: S105 - of a server that lives as long as the benchmark
_GLUE_PYTHON = REPOSITORY / ".venv-glue" / "bin" / "python"
_LONGEST_SECONDS = 1800


@dataclass(frozen=True)
class Server:
    """A running CRM stand-in."""

    url: str

    @property
    def endpoint(self) -> str:
        """Where scores are posted to."""
        return f"{self.url}/api/v1/update-score"

    def forget(self) -> None:
        """Let it forget all keys: a request whose key it knows is answered from memory, without the latency."""
        request = urllib.request.Request(  # noqa: S310 - of this machine
            f"{self.url}/_crm/reset", method="POST", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - of this machine
            pass


@contextlib.contextmanager
def serving(folder: Path, latency_ms: int) -> Iterator[Server]:
    """Run the CRM stand-in until the block is left; its log goes to `folder`."""
    arguments = ["--latency-ms", str(latency_ms)]
    with stand_in("local.crm", arguments, folder / f"crm-{latency_ms}ms.log", {"CRM_TOKEN": TOKEN}) as url:
        yield Server(url)


def run_client(name: str, records: int, concurrency: int, server: Server | None = None) -> dict[str, Any]:
    """Run one of `benchmarks.push.contestants` in the Glue environment; what it measured.

    Raises RuntimeError when not every record was delivered, CalledProcessError when the client failed.
    """
    if server:
        server.forget()
    endpoint = server.endpoint if server else "http://nobody.invalid/"
    finished = subprocess.run(
        [_GLUE_PYTHON, "-m", "benchmarks.push.contestants", name, endpoint, str(records), str(concurrency)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "glue_jobs")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_LONGEST_SECONDS,
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    if found["delivered"] != records:
        raise RuntimeError(f"{name} delivered {found['delivered']:,} of {records:,} records: its figures mean nothing")
    return found


def versions() -> tuple[str, str]:
    """Versions of Python and aiohttp in the clients' environment."""
    ask = "import aiohttp, json, platform; print(json.dumps([platform.python_version(), aiohttp.__version__]))"
    python, aiohttp = json.loads(subprocess.check_output([_GLUE_PYTHON, "-c", ask], text=True))
    return python, aiohttp
