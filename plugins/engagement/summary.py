"""The summary of one DAG run: what the dashboard lists, what XCom carries, what the report shows.

Pure: the same evidence gives the same bytes, and nothing here reads the clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engagement import aggregates, cost, drift, manifests
from engagement.evidence import Evidence
from engagement.verdict import PUSH_TASK, Finding

SUMMARY_KEYS = (
    "version",
    "dag_id",
    "run_id",
    "score_date",
    "mode",
    "mode_reason",  # why the mode is not the usual one; empty when it is
    "status",  # success or failed
    "headline",  # one sentence for a person who was woken up
    "findings",  # what is wrong, the earliest cause first: [{code, task, detail, advice}]
    "input",  # {input, scored, rejected, collapsed, reasons, samples}; null without a scores manifest
    "checks",  # {warnings, passed} of the scores, in sentences; null when their check did not come to a good end
    "rows",  # scored rows, the number of customers that the run is about
    "outcomes",  # {outcome: rows}, all outcomes present, after the last attempt
    "unaccounted",  # rows of which no attempt told an outcome
    "not_reached",  # rejected + unknown + deferred
    "max_failed_fraction",  # the not_reached / rows above which a run fails
    "stopped",  # {cause, detail} when the push stopped itself, else null
    "not_before",  # when the CRM wants to be called again, ISO 8601 UTC, else null
    "posts",  # requests of all attempts
    "retries",
    "status_codes",  # {code: answers} of all attempts
    "errors",  # [{outcome, reason, http_status, detail, count}] of the last attempt
    "latency_ms",  # {p50, p90, p95, p99, max, mean, answered, bars}, within 2.5 %
    "throughput",  # {peak_per_second, mean_per_second, active_seconds, series}
    "scores",  # {histogram, weights, sha256, scored_at, recent}; null without a scores manifest
    "glue_runs",  # [{job, id, state, seconds, dpu_seconds, cost_usd, error, started_at}], oldest first
    "stopped_glue_runs",  # ids of Glue runs that the summary had to stop
    "cost_usd",  # estimate for all Glue runs of this DAG run; null when one of them has none
    "tasks",  # {task: state} of the earlier tasks
    "attempts",  # [{job_run_id, posts, retries}], oldest first
    "report_key",
    "report_url",
    "generated_from",  # {scores_manifest, delivery_manifest, aggregates}: key or null, key or null, count
)
"""Top-level keys of the summary and of the dict that the task returns: the same, listed here once."""

VERSION = 1
_PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}


def build(
    evidence: Evidence,
    findings: Sequence[Finding],
    *,
    max_failed_fraction: float,
    dpu_hour_usd: float,
    mode_reason: str,
    report_key: str,
    report_url: str,
) -> dict[str, Any]:
    """The whole summary, with exactly the keys of `SUMMARY_KEYS`; JSON-serialisable, no user ids."""
    scores, delivery = evidence.scores.body, evidence.delivery.body
    every = [aggregate for of_attempt in evidence.aggregates.values() for aggregate in of_attempt]
    outcomes = _outcomes(evidence)
    rows = _rows(evidence)
    glue_runs = [_glue_run(run, dpu_hour_usd) for run in evidence.glue.runs]
    body: dict[str, Any] = {
        "version": VERSION,
        "dag_id": evidence.dag_id,
        "run_id": evidence.run_id,
        "score_date": evidence.score_date,
        "mode": evidence.mode,
        "mode_reason": mode_reason,
        "status": "failed" if findings else "success",
        "findings": [{"code": f.code, "task": f.task, "detail": f.detail, "advice": f.advice} for f in findings],
        "input": scores and {**scores["rows"], "reasons": scores["reasons"], "samples": scores["samples"]},
        "checks": evidence.checked and {"warnings": evidence.checked["warnings"], "passed": evidence.checked["checks"]},
        "rows": rows,
        "outcomes": outcomes,
        "unaccounted": max(0, rows - sum(outcomes.values())),
        "not_reached": sum(outcomes[name] for name in manifests.NOT_REACHED),
        "max_failed_fraction": max_failed_fraction,
        "stopped": delivery["stopped"] if delivery else None,
        "not_before": delivery["not_before"] if delivery else None,
        "posts": aggregates.count(every, "posts"),
        "retries": aggregates.count(every, "retries"),
        "status_codes": dict(sorted(aggregates.add_up(every, "status_codes").items())),
        "errors": delivery["errors"] if delivery else aggregates.error_groups(evidence.last_attempt),
        "latency_ms": _latency(every),
        "throughput": aggregates.throughput(evidence.aggregates.values()),
        "scores": _scores(evidence),
        "glue_runs": glue_runs,
        "stopped_glue_runs": list(evidence.glue.stopped),
        "cost_usd": _total([run["cost_usd"] for run in glue_runs]),
        "tasks": dict(evidence.tasks),
        "attempts": [
            {
                "job_run_id": attempt,
                "posts": aggregates.count(of_attempt, "posts"),
                "retries": aggregates.count(of_attempt, "retries"),
            }
            for attempt, of_attempt in evidence.aggregates.items()
        ],
        "report_key": report_key,
        "report_url": report_url,
        "generated_from": {
            "scores_manifest": evidence.scores.key if scores else None,
            "delivery_manifest": evidence.delivery.key if delivery else None,
            "aggregates": len(every),
        },
    }
    body["headline"] = headline(evidence, body)
    return {key: body[key] for key in SUMMARY_KEYS}


def headline(evidence: Evidence, summary: Mapping[str, Any]) -> str:
    """One sentence (two for a failed run) for a person who was woken up: the cause, then who was reached."""
    rows, delivered = summary["rows"], summary["outcomes"]["delivered"]
    date, lost = summary["score_date"], summary["not_reached"]
    if summary["findings"]:
        cause = summary["findings"][0]["detail"].rstrip(".")
        if not summary["generated_from"]["delivery_manifest"] and not summary["generated_from"]["aggregates"]:
            started = PUSH_TASK in evidence.glue_of or evidence.glue.trouble
            return f"{cause}. {'What was sent is not known' if started else 'Nothing was sent'} for {date}."
        return f"{cause}. {delivered:,} of {rows:,} customers have their score of {date}."
    if summary["mode"] == "dry_run":
        planned = summary["outcomes"]["planned"]
        return f"Dry run: {planned:,} of {rows:,} scores of {date} would be sent, none was."
    if lost:
        return f"{delivered:,} of {rows:,} scores of {date} are delivered; {lost:,} customers were not reached."
    if delivered == rows:
        return f"All {rows:,} scores of {date} are delivered."
    return f"{delivered:,} of {rows:,} scores of {date} are delivered; the others did not need sending."


def _outcomes(evidence: Evidence) -> dict[str, int]:
    delivery = evidence.delivery.body
    counted = delivery["outcomes"] if delivery else aggregates.add_up(evidence.last_attempt, "outcomes")
    return {name: counted.get(name, 0) for name in manifests.OUTCOMES}


def _rows(evidence: Evidence) -> int:
    scores, delivery = evidence.scores.body, evidence.delivery.body
    if scores is not None:
        return int(scores["rows"]["scored"])
    return int(delivery["rows"]) if delivery is not None else 0


def _scores(evidence: Evidence) -> dict[str, Any] | None:
    scores = evidence.scores.body
    if scores is None:
        return None
    told = {name: scores[name] for name in ("histogram", "weights", "sha256", "scored_at")}
    usual = drift.mean_shares(evidence.recent.values())
    if not usual or not sum(scores["histogram"]):
        return {**told, "recent": None}
    recent = {
        "dates": len(evidence.recent),
        "histogram": [round(share, 6) for share in usual],
        "drift": round(drift.distance(scores["histogram"], usual), 4),
    }
    return {**told, "recent": recent}


def _latency(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    buckets = aggregates.add_up(every, "latency")
    values: dict[str, Any] = {name: aggregates.percentile(buckets, q) for name, q in _PERCENTILES.items()}
    values["mean"] = aggregates.mean(buckets)
    rounded = {name: None if value is None else round(value, 1) for name, value in values.items()}
    return {**rounded, "answered": buckets.total(), "bars": aggregates.latency_bars(buckets)}


def _glue_run(run: Any, dpu_hour_usd: float) -> dict[str, Any]:
    return {
        "job": run.job,
        "id": run.id,
        "state": run.state,
        "seconds": run.seconds,
        "dpu_seconds": run.dpu_seconds,
        "cost_usd": cost.usd(run.dpu_seconds, dpu_hour_usd),
        "error": run.error,
        "started_at": run.started_at,
    }


def _total(costs: Sequence[float | None]) -> float | None:
    known = [amount for amount in costs if amount is not None]
    return round(sum(known), 4) if len(known) == len(costs) else None


def compact(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary cut down for XCom: the same keys, at most 8 KB of JSON whatever went wrong.

    The free texts of error groups stay in the report: XCom is shown to more people than the bucket is.
    """
    short = dict(summary)
    short["mode_reason"] = _cut(summary["mode_reason"], 200)
    short["headline"] = _cut(summary["headline"], 400)
    short["findings"] = [{k: _cut(f[k], 160) for k in ("code", "task", "detail")} for f in summary["findings"][:4]]
    short["input"] = summary["input"] and {k: v for k, v in summary["input"].items() if k != "samples"} | {
        "reasons": _top(summary["input"]["reasons"], 8)
    }
    short["checks"] = summary["checks"] and {
        name: [_cut(sentence, 160) for sentence in told[:4]] for name, told in summary["checks"].items()
    }
    short["stopped"] = summary["stopped"] and {k: _cut(v, 120) for k, v in summary["stopped"].items()}
    short["status_codes"] = _top(summary["status_codes"], 12)
    short["errors"] = [{k: _cut(v, 40) for k, v in e.items() if k != "detail"} for e in summary["errors"][:5]]
    short["latency_ms"] = {k: v for k, v in summary["latency_ms"].items() if k != "bars"}
    short["throughput"] = {k: v for k, v in summary["throughput"].items() if k != "series"}
    short["scores"] = summary["scores"] and {"histogram": summary["scores"]["histogram"]}
    short["glue_runs"] = [{k: _cut(v, 70) for k, v in run.items()} for run in summary["glue_runs"][-4:]]
    short["stopped_glue_runs"] = [_cut(run, 70) for run in summary["stopped_glue_runs"][-4:]]
    short["attempts"] = [{k: _cut(v, 70) for k, v in a.items()} for a in summary["attempts"][-4:]]
    return short


def _cut(value: Any, most: int) -> Any:
    if not isinstance(value, str) or _written(value) <= most:
        return value
    kept, length = "", _written("…")
    for character in value:
        length += _written(character)
        if length > most:
            break
        kept += character
    return kept + "…"


def _written(text: str) -> int:
    # JSON writes a character outside ASCII with up to twelve: what counts is the written length.
    return len(json.dumps(text)) - 2


def _top(counts: Mapping[str, int], most: int) -> dict[str, int]:
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = {_cut(name, 40): n for name, n in largest[:most]}
    rest = sum(n for _, n in largest[most:])
    return {**kept, "other": kept.get("other", 0) + rest} if rest else kept
