"""Glue as the summary asks it: two runs that came to their end, and nothing to stop."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SCORE_JOB, PUSH_JOB = "engagement-score-users", "engagement-push-scores"


@contextlib.contextmanager
def answering(run_id: str, seconds: dict[str, int]) -> Iterator[str]:
    """Answer GetJobRuns until the block is left; gives the URL.

    :param run_id: of the DAG run that both belong to
    :param seconds: how long each job ran
    """
    runs = {job: _run(job, run_id, lasted) for job, lasted in seconds.items()}

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"JobRuns": [runs[asked["JobName"]]]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _run(job: str, run_id: str, seconds: int) -> dict[str, Any]:
    return {
        "Id": f"jr_{job}",
        "JobName": job,
        "JobRunState": "SUCCEEDED",
        "ExecutionTime": seconds,
        "WorkerType": "G.1X",
        "NumberOfWorkers": 2,
        "StartedOn": 1_795_400_000,
        "Arguments": {"--run_id": run_id},
    }
