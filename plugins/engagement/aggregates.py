"""What the push tasks counted, added up: posts, status codes, latencies, sends per second.

An aggregate is one task's share of one attempt, or of a dry run's plan (the data contract gives its
keys). Latencies come as log-spaced buckets: bucket i holds [1.05**i, 1.05**(i + 1)) milliseconds, so
they merge by addition and every percentile is within 2.5 % of the true one, however many posts there were.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

BUCKET_RATIO = 1.05
NO_SECONDS: Mapping[str, Any] = {"first": 0, "posts": ()}


def add_up(aggregates: Iterable[Mapping[str, Any]], field: str) -> Counter[str]:
    """The sum of one field of counts, such as `outcomes` or `status_codes`, over the aggregates."""
    total: Counter[str] = Counter()
    for aggregate in aggregates:
        total.update(aggregate[field])
    return total


def count(aggregates: Iterable[Mapping[str, Any]], field: str) -> int:
    """The sum of one plain number, such as `posts` or `rows`, over the aggregates."""
    return sum(int(aggregate[field]) for aggregate in aggregates)


def error_groups(aggregates: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The aggregates' error groups, equal ones added, largest first."""
    groups: Counter[tuple[Any, ...]] = Counter()
    for aggregate in aggregates:
        for group in aggregate["errors"]:
            key = (group["outcome"], group["reason"], group["http_status"], group["detail"])
            groups[key] += group["count"]
    names = ("outcome", "reason", "http_status", "detail")
    ordered = sorted(groups.items(), key=lambda item: (-item[1], str(item[0])))
    return [dict(zip(names, key, strict=True)) | {"count": n} for key, n in ordered]


def main_reasons(groups: Iterable[Mapping[str, Any]], most: int = 3) -> str:
    """Why customers were not reached in one line, such as `http_422 (5), timeout (1)`; machine words only."""
    reasons: Counter[str] = Counter()
    for group in groups:
        reasons[group["reason"]] += group["count"]
    told = [f"{reason} ({n:,})" for reason, n in reasons.most_common(most)]
    rest = len(reasons) - len(told)
    return ", ".join(told + [f"{rest} more"] * bool(rest)) or "no reason is on record"


def percentile(buckets: Mapping[str, int], fraction: float) -> float | None:
    """The nearest-rank percentile in milliseconds, within 2.5 %; None when nothing was answered.

    :param buckets: bucket number, as text, to how many answers fell into it
    :param fraction: 0.5 for the median, 1.0 for the longest
    """
    total = sum(buckets.values())
    rank = max(1, math.ceil(fraction * total))
    seen = 0
    for index in sorted(map(int, buckets)):
        seen += buckets[str(index)]
        if seen >= rank:
            return _middle(index)
    return None


def mean(buckets: Mapping[str, int]) -> float | None:
    """The mean latency in milliseconds, within 2.5 %; None when nothing was answered."""
    total = sum(buckets.values())
    if not total:
        return None
    return sum(_middle(int(index)) * n for index, n in buckets.items()) / total


def _middle(index: int) -> float:
    # The geometric middle is at most sqrt(1.05) - 1 = 2.47 % from any value of the bucket.
    return math.pow(BUCKET_RATIO, index + 0.5)


def latency_bars(buckets: Mapping[str, int], most: int = 24) -> list[list[float]]:
    """Neighbouring buckets joined into at most `most` bars of [from ms, to ms, answers]."""
    if not buckets:
        return []
    indexes = [int(index) for index in buckets]
    first, last = min(indexes), max(indexes)
    width = math.ceil((last - first + 1) / most)
    bars = []
    for start in range(first, last + 1, width):
        inside = sum(buckets.get(str(index), 0) for index in range(start, start + width))
        low, high = math.pow(BUCKET_RATIO, start), math.pow(BUCKET_RATIO, start + width)
        bars.append([round(low, 3), round(high, 3), inside])
    return bars


def add_seconds(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Requests by second of two aggregates: `first` epoch second, `posts` in it and in each one after it."""
    if not one["posts"] or not other["posts"]:
        return one if one["posts"] else other
    early, late = sorted((one, other), key=lambda each: each["first"])
    begin = late["first"] - early["first"]
    end = begin + len(late["posts"])
    posts = [*early["posts"], *[0] * (end - len(early["posts"]))]
    posts[begin:end] = map(add, posts[begin:end], late["posts"])
    return {"first": early["first"], "posts": posts}


def throughput(attempts: Iterable[Sequence[Mapping[str, Any]]], most: int = 120) -> dict[str, Any]:
    """How fast was sent, and when.

    :param attempts: the aggregates of each attempt
    :return: `peak_per_second`; `mean_per_second` and `active_seconds`, which leave out the pauses between
        attempts; `series` {start: epoch second, step: seconds, posts: at most `most` sums} or None
    """
    seconds: Counter[int] = Counter()
    active = 0
    for attempt in attempts:
        sent = reduce(add_seconds, (aggregate["seconds"] for aggregate in attempt), NO_SECONDS)
        active += len(sent["posts"])
        seconds.update(dict(enumerate(sent["posts"], sent["first"])))
    if not seconds:
        return {"peak_per_second": 0, "mean_per_second": 0.0, "active_seconds": 0, "series": None}
    start, end = min(seconds), max(seconds)
    step = math.ceil((end - start + 1) / most)
    posts = [0] * math.ceil((end - start + 1) / step)
    for second, n in seconds.items():
        posts[(second - start) // step] += n
    return {
        "peak_per_second": max(seconds.values()),
        "mean_per_second": round(sum(seconds.values()) / active, 2),
        "active_seconds": active,
        "series": {"start": start, "step": step, "posts": posts},
    }
