"""Whether a manifest or an aggregate has the shape of the data contract and keeps its laws.

Each check returns sentences that say what was found and what was wanted; none means that all is well.
`*_shape` comes first: a document that fails it cannot be read at all. `*_laws` presume the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engagement import aggregates

OUTCOMES = ("delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned")
NOT_REACHED = ("rejected", "unknown", "deferred")
HISTOGRAM_BINS = 20


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_count, value.values()))


def _buckets(value: Any) -> bool:
    return _counts(value) and all(name.removeprefix("-").isdecimal() for name in value)


def _each_count(value: Any) -> bool:
    # Without a call for each: a large night's aggregates have millions of seconds.
    return isinstance(value, list) and set(map(type, value)) <= {int} and min(value, default=0) >= 0


def _samples(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(rows, list) for rows in value.values())


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _has(fields: Mapping[str, Callable[[Any], bool]]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return isinstance(value, dict) and all(name in value and right(value[name]) for name, right in fields.items())

    return check


def _list_of(right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(right, value))


def _or_null(right: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or right(value)


_ERROR = _has({"outcome": _text, "reason": _text, "http_status": _or_null(_count), "detail": _text, "count": _count})
SCORES = {
    "version": _count,
    "run_id": _text,
    "job_run_id": _text,
    "score_date": _text,
    "scored_at": _text,
    "input": _list_of(_has({"key": _text, "etag": _text, "rows": _count})),
    "rows": _has(dict.fromkeys(("input", "scored", "rejected", "collapsed"), _count)),
    "reasons": _counts,
    "samples": _samples,
    "files": _list_of(_has({"name": _text, "bytes": _count})),
    "sha256": _text,
    "weights": _has({"sha256": _text}),
    "histogram": lambda value: _list_of(_count)(value) and len(value) == HISTOGRAM_BINS,
}
DELIVERY = {
    "version": _count,
    "run_id": _text,
    "job_run_id": _text,
    "score_date": _text,
    "mode": _text,
    "force": lambda value: isinstance(value, bool),
    "scores_sha256": _text,
    "rows": _count,
    "outcomes": _counts,
    "stopped": _or_null(_has({"cause": _text, "detail": _text})),
    "not_before": _or_null(_text),
    "posts": _count,
    "retries": _count,
    "status_codes": _counts,
    "errors": _list_of(_ERROR),
    "attempts": _names,
}
AGGREGATE = {
    "version": _count,
    "run_id": _text,
    "job_run_id": _text,
    "task": _text,
    "started_at": _text,
    "rows": _count,
    "outcomes": _counts,
    "posts": _count,
    "retries": _count,
    "status_codes": _counts,
    "latency": _buckets,
    "errors": _list_of(_ERROR),
    "seconds": _has({"first": _count, "posts": _each_count}),
}


def shape(document: Mapping[str, Any], wanted: Mapping[str, Callable[[Any], bool]]) -> list[str]:
    """Fields that are missing or of another type than `SCORES`, `DELIVERY` or `AGGREGATE` wants."""
    missing = [name for name in wanted if name not in document]
    wrong = [name for name, right in wanted.items() if name in document and not right(document[name])]
    told = [f"fields missing: {', '.join(missing)}"] if missing else []
    return told + ([f"fields not of the data contract's type: {', '.join(wrong)}"] if wrong else [])


def scores_laws(scores: Mapping[str, Any]) -> list[str]:
    """The scores manifest's own sums."""
    rows = scores["rows"]
    sums = (
        (
            "rows.scored + rejected + collapsed",
            rows["scored"] + rows["rejected"] + rows["collapsed"],
            rows["input"],
        ),
        ("the rows of its input files", sum(file["rows"] for file in scores["input"]), rows["input"]),
        ("its reasons", sum(scores["reasons"].values()), rows["rejected"]),
        ("its histogram", sum(scores["histogram"]), rows["scored"]),
    )
    return [f"{what} add up to {found:,}, wanted {wanted:,}" for what, found, wanted in sums if found != wanted]


def delivery_laws(
    delivery: Mapping[str, Any], scores: Mapping[str, Any] | None, of_attempt: Sequence[Mapping[str, Any]]
) -> list[str]:
    """The conservation law: outcomes add up, and manifest, scores and aggregates tell one story.

    :param scores: the scores manifest, None when it cannot be trusted
    :param of_attempt: aggregates of the attempt that wrote the delivery manifest
    """
    outcomes, rows = delivery["outcomes"], delivery["rows"]
    broken = []
    if set(outcomes) != set(OUTCOMES):
        broken.append(f"outcomes are {', '.join(sorted(outcomes))}; wanted {', '.join(sorted(OUTCOMES))}")
    if sum(outcomes.values()) != rows:
        broken.append(f"outcomes add up to {sum(outcomes.values()):,}, wanted its {rows:,} rows")
    if scores is not None and rows != scores["rows"]["scored"]:
        broken.append(f"it has {rows:,} rows, the scores manifest {scores['rows']['scored']:,}")
    if scores is not None and delivery["scores_sha256"] != scores["sha256"]:
        broken.append("it was made from other scores than the scores manifest tells of (sha256 differs)")
    if delivery["job_run_id"] not in delivery["attempts"][-1:]:
        broken.append("its attempts do not end with its own job run id")
    return broken + _aggregate_laws(outcomes, of_attempt)


def _aggregate_laws(outcomes: Mapping[str, int], of_attempt: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = aggregates.add_up(of_attempt, "outcomes")
    differing = [
        f"{name} {outcomes.get(name, 0):,} but {counted[name]:,} in the aggregates"
        for name in sorted(set(outcomes) | set(counted))
        if outcomes.get(name, 0) != counted[name]
    ]
    for aggregate in of_attempt:
        total = sum(aggregate["outcomes"].values())
        if total != aggregate["rows"]:
            differing.append(
                f"aggregate of task {aggregate['task']} has {aggregate['rows']:,} rows, outcomes {total:,}"
            )
    return differing
