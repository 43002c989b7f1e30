"""Merged counts of the push tasks: requests, status codes, latencies, requests per second.

An aggregate is one task's share of one attempt, or of the plan of a dry run (see the data contract). Latencies are
counted in logarithmic buckets: bucket i holds [1.05**i, 1.05**(i + 1)) milliseconds. Buckets merge by addition, and
every percentile is within 2.5 % of the exact value, however many requests there were.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import TypeVar

from engagement.contract.aggregate import Aggregate, RequestsPerSecond
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Series, Throughput

BUCKET_RATIO = 1.05
NO_SECONDS = RequestsPerSecond(first=0, posts=())

Name = TypeVar("Name")


def sum_counts(counts: Iterable[Mapping[Name, int]]) -> Counter[Name]:
    """Add up counts by name, such as the outcomes of several aggregates."""
    total: Counter[Name] = Counter()
    for each in counts:
        total.update(each)
    return total


def merge_error_groups(aggregates: Iterable[Aggregate]) -> tuple[ErrorGroup, ...]:
    """Merge equal error groups of all aggregates and return them, the largest first."""
    counts: Counter[ErrorGroup] = Counter()
    for aggregate in aggregates:
        for group in aggregate.errors:
            counts[group.model_copy(update={"count": 0})] += group.count
    groups = [group.model_copy(update={"count": n}) for group, n in counts.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.outcome, group.reason, group.detail)))


def percentile(buckets: Mapping[int, int], fraction: float) -> float | None:
    """Return the nearest-rank percentile in milliseconds, within 2.5 %.

    :param buckets: number of responses by bucket
    :param fraction: 0.5 for the median, 1.0 for the maximum
    :return: None without responses
    """
    rank = max(1, math.ceil(fraction * sum(buckets.values())))
    seen = 0
    for index in sorted(buckets):
        seen += buckets[index]
        if seen >= rank:
            return _middle(index)
    return None


def mean(buckets: Mapping[int, int]) -> float | None:
    """Return the mean latency in milliseconds, within 2.5 %; None without responses."""
    total = sum(buckets.values())
    if not total:
        return None
    return sum(_middle(index) * n for index, n in buckets.items()) / total


def _middle(index: int) -> float:
    # The geometric middle differs from any value in the bucket by at most sqrt(1.05) - 1 = 2.47 %.
    return math.pow(BUCKET_RATIO, index + 0.5)


def latency_bars(buckets: Mapping[int, int], limit: int = 24) -> tuple[tuple[float, float, int], ...]:
    """Join adjacent buckets into at most `limit` bars.

    :return: (from, to, responses) of each bar, with milliseconds
    """
    if not buckets:
        return ()
    first, last = min(buckets), max(buckets)
    width = math.ceil((last - first + 1) / limit)
    bars = []
    for start in range(first, last + 1, width):
        responses = sum(buckets.get(index, 0) for index in range(start, start + width))
        low, high = math.pow(BUCKET_RATIO, start), math.pow(BUCKET_RATIO, start + width)
        bars.append((round(low, 3), round(high, 3), responses))
    return tuple(bars)


def add_seconds(left: RequestsPerSecond, right: RequestsPerSecond) -> RequestsPerSecond:
    """Add up the requests per second of two aggregates."""
    if not left.posts:
        return right
    if not right.posts:
        return left
    earlier, later = sorted((left, right), key=lambda each: each.first)
    begin = later.first - earlier.first
    end = begin + len(later.posts)
    posts = [*earlier.posts, *[0] * (end - len(earlier.posts))]
    posts[begin:end] = map(add, posts[begin:end], later.posts)
    return RequestsPerSecond(first=earlier.first, posts=tuple(posts))


def throughput(attempts: Iterable[Sequence[Aggregate]], limit: int = 120) -> Throughput:
    """Return how many requests per second were sent, and when.

    :param attempts: the aggregates of each attempt
    :param limit: maximum length of the series
    """
    seconds: Counter[int] = Counter()
    active = 0
    for attempt in attempts:
        sent = reduce(add_seconds, (aggregate.seconds for aggregate in attempt), NO_SECONDS)
        active += len(sent.posts)
        seconds.update(dict(enumerate(sent.posts, sent.first)))
    if not seconds:
        return Throughput(peak_per_second=0, mean_per_second=0.0, active_seconds=0, series=None)
    start, end = min(seconds), max(seconds)
    step = math.ceil((end - start + 1) / limit)
    posts = [0] * math.ceil((end - start + 1) / step)
    for second, n in seconds.items():
        posts[(second - start) // step] += n
    return Throughput(
        peak_per_second=max(seconds.values()),
        mean_per_second=round(sum(seconds.values()) / active, 2),
        active_seconds=active,
        series=Series(start=start, step=step, posts=tuple(posts)),
    )
