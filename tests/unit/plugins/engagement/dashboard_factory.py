"""An in-memory bucket with runs: summaries and reports as the last task writes them."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

from engagement.contract import s3_keys
from engagement.contract.summary import Summary
from engagement.summary import report
from engagement.ui.run_entry import Run, read
from engagement.ui.run_keys import from_object_key
from tests.unit.plugins.engagement import run_factory
from tests.unit.plugins.engagement.memory_bucket import WRITTEN, MemoryBucket

HOSTILE = "</style></script><img src=x onerror=alert(1)>\"'{{ 7 * 7 }}"


@cache
def _summary_json() -> str:
    return run_factory.full_summary(run_factory.artifacts()).model_dump_json()


def a_summary(date: str = "2026-11-23", **changes: Any) -> dict[str, Any]:
    """Return the summary of a successful run: 970 of 1,000 users delivered, 8 not reached."""
    summary: dict[str, Any] = json.loads(_summary_json())
    return summary | {"score_date": date, "run_id": f"scheduled__{date}T03:00:00+00:00"} | changes


class Bucket(MemoryBucket):
    """An in-memory output bucket."""

    def put_run(self, summary: dict[str, Any], modified: datetime = WRITTEN) -> str:
        """Write the summary and the report of a run; return the key of the summary."""
        dry_run = summary["mode"] == "dry_run"
        keys = s3_keys.summary_prefix(summary["score_date"], summary["run_id"], dry_run=dry_run)
        self.put(f"{keys}.html", report.render(Summary.model_validate_json(json.dumps(summary))).encode(), modified)
        self.put(f"{keys}.json", json.dumps(summary).encode(), modified)
        if not dry_run:
            self.put(s3_keys.latest_summary_key(summary["score_date"]), json.dumps(summary).encode(), modified)
        return f"{keys}.json"


def a_run(date: str = "2026-11-23", written: datetime = WRITTEN, **changes: Any) -> Run:
    """Return a run as the dashboard reads it."""
    summary = a_summary(date, **changes)
    dry_run = summary["mode"] == "dry_run"
    parsed = from_object_key(s3_keys.summary_prefix(date, summary["run_id"], dry_run=dry_run) + ".json")
    assert parsed is not None
    run = read(parsed[0], written, json.dumps(summary).encode())
    assert isinstance(run, Run), run
    return run
