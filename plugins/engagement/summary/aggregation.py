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
from typing import TypeVar

from engagement.contract.aggregate import Aggregate, RequestsPerSecond
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Series, Throughput

BUCKET_RATIO = 1.05
NO_SECONDS = RequestsPerSecond(first=0, posts=())

Name = TypeVar("Name")


def sum_counts(counts: Iterable[Mapping[Name, int]]) -> Counter[Name]:
    """The sum of counts by name, such as the outcomes of several aggregates."""
    total: Counter[Name] = Counter()
    for each in counts:
        total.update(each)
    return total


def merge_error_groups(aggregates: Iterable[Aggregate]) -> tuple[ErrorGroup, ...]:
    """The aggregates' error groups, equal ones added, largest first."""
    counts: Counter[ErrorGroup] = Counter()
    for aggregate in aggregates:
        for group in aggregate.errors:
            counts[group.model_copy(update={"count": 0})] += group.count
    groups = [group.model_copy(update={"count": n}) for group, n in counts.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.outcome, group.reason, group.detail)))


def percentile(buckets: Mapping[int, int], fraction: float) -> float | None:
    """The nearest-rank percentile in milliseconds, within 2.5 %; None when nothing was answered.

    :param buckets: bucket number to how many answers fell into it
    :param fraction: 0.5 for the median, 1.0 for the longest
    """
    total = sum(buckets.values())
    rank = max(1, math.ceil(fraction * total))
    seen = 0
    for index in sorted(buckets):
        seen += buckets[index]
        if seen >= rank:
            return _middle(index)
    return None


def mean(buckets: Mapping[int, int]) -> float | None:
    """The mean latency in milliseconds, within 2.5 %; None when nothing was answered."""
    total = sum(buckets.values())
    if not total:
        return None
    return sum(_middle(index) * n for index, n in buckets.items()) / total


def _middle(index: int) -> float:
    # The geometric middle is at most sqrt(1.05) - 1 = 2.47 % from any value of the bucket.
    return math.pow(BUCKET_RATIO, index + 0.5)


def latency_bars(buckets: Mapping[int, int], most: int = 24) -> tuple[tuple[float, float, int], ...]:
    """Neighbouring buckets joined into at most `most` bars of (from ms, to ms, answers)."""
    if not buckets:
        return ()
    first, last = min(buckets), max(buckets)
    width = math.ceil((last - first + 1) / most)
    bars = []
    for start in range(first, last + 1, width):
        inside = sum(buckets.get(index, 0) for index in range(start, start + width))
        low, high = math.pow(BUCKET_RATIO, start), math.pow(BUCKET_RATIO, start + width)
        bars.append((round(low, 3), round(high, 3), inside))
    return tuple(bars)


def add_seconds(one: RequestsPerSecond, other: RequestsPerSecond) -> RequestsPerSecond:
    """Requests by second of two aggregates."""
    if not one.posts or not other.posts:
        return one if one.posts else other
    early, late = sorted((one, other), key=lambda each: each.first)
    begin = late.first - early.first
    end = begin + len(late.posts)
    posts = [*early.posts, *[0] * (end - len(early.posts))]
    posts[begin:end] = map(add, posts[begin:end], late.posts)
    return RequestsPerSecond(first=early.first, posts=tuple(posts))


def throughput(attempts: Iterable[Sequence[Aggregate]], most: int = 120) -> Throughput:
    """How fast was sent, and when.

    :param attempts: the aggregates of each attempt
    :param most: how many numbers the series may have
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
    step = math.ceil((end - start + 1) / most)
    posts = [0] * math.ceil((end - start + 1) / step)
    for second, n in seconds.items():
        posts[(second - start) // step] += n
    return Throughput(
        peak_per_second=max(seconds.values()),
        mean_per_second=round(sum(seconds.values()) / active, 2),
        active_seconds=active,
        series=Series(start=start, step=step, posts=tuple(posts)),
    )
