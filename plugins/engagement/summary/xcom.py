"""The summary as XCom carries it: the same keys, shortened to at most 8 KB of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engagement.contract.summary import Summary


def compact(summary: Summary) -> dict[str, Any]:
    """Return the summary as a dictionary for XCom: the same keys, at most 8 KB of JSON.

    The free texts of error groups stay in the report, because more people may read XCom than the bucket.
    """
    short = summary.model_dump(mode="json")
    short["mode_reason"] = _cut(summary.mode_reason, 200)
    short["headline"] = _cut(summary.headline, 240)
    short["findings"] = [_cut_all(each, 105, without="advice") for each in short["findings"][:4]]
    if summary.input:
        del short["input"]["samples"]
        short["input"]["reasons"] = _largest(summary.input.reasons, 8)
    if summary.checks:
        short["checks"] = {name: [_cut(each, 125) for each in texts[:4]] for name, texts in short["checks"].items()}
    if summary.stopped:
        short["stopped"] = _cut_all(short["stopped"], 120)
    short["crm_version"], short["crm_sha256"] = _cut(summary.crm_version, 24), _cut(summary.crm_sha256, 64)
    short["push_warnings"] = [_cut(each, 100) for each in summary.push_warnings[:1]]
    short["status_codes"] = _largest(summary.status_codes, 12)
    short["errors"] = [_cut_all(each, 40, without="detail") for each in short["errors"][:5]]
    del short["latency_ms"]["bars"], short["throughput"]["series"]
    if summary.scores:
        short["scores"] = {"histogram": short["scores"]["histogram"]}
    short["glue_runs"] = [_cut_all(each, 70) for each in short["glue_runs"][-4:]]
    short["stopped_glue_runs"] = [_cut(each, 70) for each in summary.stopped_glue_runs[-4:]]
    short["attempts"] = [_cut_all(each, 70) for each in short["attempts"][-4:]]
    return short


def _cut_all(values: Mapping[str, Any], limit: int, without: str = "") -> dict[str, Any]:
    return {name: _cut(value, limit) for name, value in values.items() if name != without}


def _cut(value: Any, limit: int) -> Any:
    if not isinstance(value, str) or _json_length(value) <= limit:
        return value
    kept, length = "", _json_length("…")
    for character in value:
        length += _json_length(character)
        if length > limit:
            break
        kept += character
    return kept + "…"


def _json_length(text: str) -> int:
    # JSON escapes a character outside ASCII with up to twelve characters.
    return len(json.dumps(text)) - 2


def _largest(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    """Keep the largest counts and add up the others as `other`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = {_cut(name, 40): n for name, n in ordered[:limit]}
    rest = sum(n for _, n in ordered[limit:])
    if rest:
        kept["other"] = kept.get("other", 0) + rest
    return kept
