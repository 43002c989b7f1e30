"""The summary of a large night, for real: what its push tasks leave in an S3, and the operator that reads it.

The operator runs in a process of its own, as a worker's task does. The ledger is left out: it reads none of it, and
how long it takes to list its names, of which a real folder has many, is a matter of S3 and not of this machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import sides
from benchmarks.scale.job_runs import PUSH_JOB, SCORE_JOB, answering
from benchmarks.scale.measurements import Summary
from local import s3

_USERS, _LIMIT, _TASKS = 100_000_000, 5000, 400
_BUCKET = "engagement-output"


def simulate(folder: Path, say: Callable[[str], None]) -> Summary:
    """Write the night into `folder`, which must be empty, and sum it up.

    Raises RuntimeError when the summary is not that of the whole night.
    """
    (folder / "s3" / _BUCKET).mkdir(parents=True)
    with s3.serve(folder / "s3") as url:
        say(f"summary: writing what {_TASKS} tasks counted of {_USERS:,} records")
        night = sides.glue("scale.delivered", _BUCKET, _USERS, _LIMIT, _TASKS, env=s3.client_env(url))
        took = _summed_up(folder, url, night)
    say(f"summary: {took['whole']['seconds']:.1f} s, {took['whole']['bytes'] / 1e6:,.0f} MB")
    return Summary(
        users=_USERS,
        limit=_LIMIT,
        tasks=_TASKS,
        counted_seconds=night["counted_seconds"],
        aggregate_bytes=night["aggregate_bytes"],
        imports=took["imports"],
        whole=took["whole"],
    )


def _summed_up(folder: Path, s3_url: str, night: dict[str, Any]) -> dict[str, Any]:
    arguments = {
        "score_date": night["score_date"],
        "run_id": night["run_id"],
        "output_bucket": _BUCKET,
        "score_job_name": SCORE_JOB,
        "push_job_name": PUSH_JOB,
        "push_mode": "all",
        "aws_conn_id": None,
    }
    with answering(night["run_id"], {SCORE_JOB: 300, PUSH_JOB: round(_USERS / _LIMIT)}) as glue_url:
        took: dict[str, Any] = sides.airflow(
            "scale.summarize",
            time.monotonic(),
            "engagement.operators",
            "SummarizeApiResponsesOperator",
            json.dumps(arguments),
            home=folder / "airflow",
            env=s3.client_env(s3_url, glue_url),
        )
    found = took["returned"]
    # Beside the push tasks', the plan's and the canary's.
    wanted = {"status": "success", "rows": _USERS, "unaccounted": 0, "aggregates": _TASKS + 2}
    told = {**found, "aggregates": found["generated_from"]["aggregates"]}
    if any(told[name] != value for name, value in wanted.items()):
        raise RuntimeError(f"the summary is not that of the night, wanted {wanted}: {found['headline']}")
    return took
