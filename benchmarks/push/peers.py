"""What others would send the scores with: `python -m benchmarks.push.peers NAME URL RECORDS CONCURRENCY`.

Prints one line of JSON. dlt and drt as their own documentation has it: dlt with a custom destination, drt with a
rest_api destination from a DuckDB table, both with their default parallelism and without a rate limit. Neither calls
home.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from benchmarks.push import own_process

_DRT_PROFILES = "local:\n  type: duckdb\n  database: {folder}/scores.duckdb\n"
_DRT_PROJECT = 'name: bench\nversion: "0.1"\nprofile: local\n'
_DRT_SYNC = """\
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
"""


def scores(count: int) -> Iterator[dict[str, str]]:
    """Bodies of so many requests."""
    return ({"user_id": f"U{number:09d}", "engagement_score": f"{number % 100}.50"} for number in range(count))


def _headers(user_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['CRM_TOKEN']}", "Idempotency-Key": user_id}


def _post(session: Any, url: str, score: dict[str, str]) -> int:
    answer = session.post(url, json=score, headers=_headers(score["user_id"]), timeout=30)
    return int(answer.status_code == 200)


def loop(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - the same for all
    """One session of requests, one request after the other."""
    with requests.Session() as session:
        return sum(_post(session, url, score) for score in scores(count))


def threads(url: str, count: int, concurrency: int) -> int:
    """As many threads as requests may be under way, each with a session of its own, for none is to be shared."""
    own = threading.local()

    def post(score: dict[str, str]) -> int:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        return _post(own.session, url, score)

    with ThreadPoolExecutor(concurrency) as pool:
        return sum(pool.map(post, scores(count)))


def dlt(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - the same for all
    """dlt's custom destination: a function that is handed some rows and posts each."""
    tool = importlib.import_module("dlt")
    session = importlib.import_module("dlt.sources.helpers.requests")
    delivered = itertools.count()

    @tool.destination(name="crm", skip_dlt_columns_and_tables=True)  # type: ignore[untyped-decorator]
    def crm(items: list[dict[str, str]], table: Any) -> None:  # noqa: ARG001 - what dlt calls with
        for item in items:
            if _post(session, url, item):
                next(delivered)

    with tempfile.TemporaryDirectory() as folder:
        pipeline = tool.pipeline("scores", pipelines_dir=folder, destination=crm)
        pipeline.run(scores(count), table_name="scores").raise_on_failed_jobs()
    return next(delivered)


def drt(url: str, count: int, concurrency: int) -> int:  # noqa: ARG001 - the same for all
    """A project of drt with one sync."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {
            ".drt/profiles.yml": _DRT_PROFILES.format(folder=folder),
            "drt_project.yml": _DRT_PROJECT,
            "syncs/scores.yml": _DRT_SYNC.format(url=url),
        }.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        with importlib.import_module("duckdb").connect(folder / "scores.duckdb") as warehouse:
            rows = "printf('U%09d', range) AS user_id, printf('%d.50', range % 100) AS engagement_score"
            warehouse.execute(f"CREATE TABLE scores AS SELECT {rows} FROM range({count})")  # noqa: S608 - of numbers
        os.environ["HOME"] = name  # where it looks for profiles
        with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
            importlib.import_module("drt.cli.main").app(["run"], standalone_mode=False)
    return count  # or it has failed; the CRM has counted too


PEERS: dict[str, Callable[[str, int, int], int]] = {"requests": loop, "threads": threads, "dlt": dlt, "drt": drt}

if __name__ == "__main__":
    os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", DO_NOT_TRACK="1")
    peer, where, records, at_once = sys.argv[1:]
    own_process.measure(functools.partial(PEERS[peer], where, int(records), int(at_once)))
