"""Other ways to send the scores: `python -m benchmarks.push.peers NAME URL SCORES CONCURRENCY`.

Runs in the environment of the peers and prints one JSON line. dlt and drt are configured as in their documentation,
with default parallelism and without a rate limit. Neither sends telemetry.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from benchmarks import client_process
from benchmarks.client_process import scores

_DRT_FILES = {
    ".drt/profiles.yml": "local:\n  type: duckdb\n  database: {folder}/scores.duckdb\n",
    "drt_project.yml": 'name: bench\nversion: "0.1"\nprofile: local\n',
    "syncs/scores.yml": """\
name: scores
model: ref('scores')
destination:
  type: rest_api
  url: {url}
  headers:
    Content-Type: application/json
  auth:
    type: bearer
    token_env: CRM_TOKEN
  body_template: '{{{{ {{"user_id": row.user_id, "engagement_score": row.engagement_score}} | tojson }}}}'
  native_idempotency_key: "{{{{ row.user_id }}}}"
sync:
  mode: full
  rate_limit:
    requests_per_second: 1000000
  on_error: fail
""",
}


def _post(session: Any, url: str, user_id: str, score: str) -> int:
    headers = {"Authorization": f"Bearer {os.environ['CRM_TOKEN']}", "Idempotency-Key": user_id}
    body = {"user_id": user_id, "engagement_score": score}
    return int(session.post(url, json=body, headers=headers, timeout=30).status_code == 200)


def loop(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - all peers have this signature
    """Send with one requests session, one request after another."""
    with requests.Session() as session:
        return sum(_post(session, url, user, score) for user, score in scores(count))


def threads(url: str, count: int, concurrency: int) -> int:
    """Send with one thread per request in flight, each with its own session, because sessions are not thread-safe."""
    own = threading.local()

    def post(item: tuple[str, str]) -> int:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        return _post(own.session, url, *item)

    with ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(post, scores(count)))


def dlt(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - all peers have this signature
    """Send with dlt's custom destination, a function that receives a batch of rows and posts each."""
    tool = importlib.import_module("dlt")
    session = importlib.import_module("dlt.sources.helpers.requests")
    delivered = itertools.count()

    @tool.destination(name="crm", skip_dlt_columns_and_tables=True)  # type: ignore[untyped-decorator]
    def crm(items: list[dict[str, str]], table: Any) -> None:  # noqa: ARG001 - the signature that dlt expects
        for item in items:
            if _post(session, url, item["user_id"], item["score"]):
                next(delivered)

    rows = ({"user_id": user, "score": score} for user, score in scores(count))
    with tempfile.TemporaryDirectory() as folder:
        pipeline = tool.pipeline("scores", pipelines_dir=folder, destination=crm)
        pipeline.run(rows, table_name="scores").raise_on_failed_jobs()
    return next(delivered)


def drt(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - all peers have this signature
    """Send with a drt project that has one sync from a DuckDB table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in _DRT_FILES.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text.format(folder=folder, url=url))
        with importlib.import_module("duckdb").connect(folder / "scores.duckdb") as warehouse:
            rows = "printf('U%09d', range) AS user_id, printf('%d.50', range % 100) AS engagement_score"
            warehouse.execute(f"CREATE TABLE scores AS SELECT {rows} FROM range({count})")  # noqa: S608 - of numbers
        os.environ["HOME"] = name  # drt looks for profiles there
        with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
            importlib.import_module("drt.cli.main").app(["run"], standalone_mode=False)
    return count  # drt fails otherwise; the CRM's count is checked as well


PEERS: dict[str, Callable[[str, int, int], int]] = {"requests": loop, "threads": threads, "dlt": dlt, "drt": drt}

if __name__ == "__main__":
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", DO_NOT_TRACK="1")
    peer, where, how_many, at_once = sys.argv[1:]
    client_process.measure(lambda: PEERS[peer](where, int(how_many), int(at_once)))
