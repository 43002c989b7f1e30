"""A bucket with runs in it, in memory: summaries and reports as the last task writes them."""

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
def _whole() -> str:
    return run_factory.whole_summary(run_factory.artifacts()).model_dump_json()


def a_summary(date: str = "2026-11-23", **changes: Any) -> dict[str, Any]:
    """The summary of a run that is a success: 970 of 1,000 rows delivered, 8 not reached."""
    whole: dict[str, Any] = json.loads(_whole())
    return whole | {"score_date": date, "run_id": f"scheduled__{date}T03:00:00+00:00"} | changes


class Bucket(MemoryBucket):
    """An output bucket that runs can be put into."""

    def put_run(self, whole: dict[str, Any], modified: datetime = WRITTEN) -> str:
        """Write summary and report; gives the key of the summary."""
        dry_run = whole["mode"] == "dry_run"
        keys = s3_keys.summary_prefix(whole["score_date"], whole["run_id"], dry_run=dry_run)
        self.put(f"{keys}.html", report.render(Summary.model_validate_json(json.dumps(whole))).encode(), modified)
        self.put(f"{keys}.json", json.dumps(whole).encode(), modified)
        if not dry_run:
            self.put(s3_keys.latest_summary(whole["score_date"]), json.dumps(whole).encode(), modified)
        return f"{keys}.json"


def a_run(date: str = "2026-11-23", written: datetime = WRITTEN, **changes: Any) -> Run:
    """A line of the page."""
    whole = a_summary(date, **changes)
    dry_run = whole["mode"] == "dry_run"
    found = from_object_key(s3_keys.summary_prefix(date, whole["run_id"], dry_run=dry_run) + ".json")
    assert found is not None
    run = read(found[0], written, json.dumps(whole).encode())
    assert isinstance(run, Run), run
    return run
