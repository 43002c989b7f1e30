"""Ledger lines as the push job writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from engagement.contract import s3_keys
from tests.unit.plugins.engagement import run_factory as factory

CANARY = "user-canary-4711"


def line(outcome: str = "delivered", **changes: Any) -> dict[str, Any]:
    """Return a ledger line of a user with one request."""
    values = {
        "user_id": CANARY,
        "score": "61.5",
        "key": "ab" * 32,
        "payload_sha256": "cd" * 32,
        "revision": 1,
        "outcome": outcome,
        "reason": "http_200",
        "http_status": 200,
        "tries": 1,
        "latency_ms": 50.0,
        "first_sent_at": "2026-11-23T03:10:02.125Z",
        "settled_at": "2026-11-23T03:10:02.175Z",
        "run_id": factory.RUN_ID,
    }
    return values | changes


def ledger(attempt: str, parts: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, bytes]:
    """Return the ledger objects of an attempt by key.

    :param parts: lines by the name of the part, such as `0-000000`
    """
    folder = s3_keys.attempt_prefix(factory.DATE, factory.RUN_ID, attempt, dry_run=False)
    return {
        f"{folder}part-{name}.jsonl": b"".join(json.dumps(each).encode() + b"\n" for each in lines)
        for name, lines in parts.items()
    }
