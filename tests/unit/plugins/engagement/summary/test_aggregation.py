"""Merged counts, percentiles within 2.5 %, and request rates without the pauses between attempts."""

from __future__ import annotations

import math
from collections import Counter
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.contract.aggregate import RequestsPerSecond
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Throughput
from engagement.summary import aggregation
from tests.unit.plugins.engagement import run_factory as factory

latencies = st.lists(st.floats(min_value=0.2, max_value=120_000), min_size=1, max_size=200)


def buckets(values: list[float]) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for value in values:
        index = math.floor(math.log(value) / math.log(1.05))
        # Logarithms are rounded, so a value on an edge may get the adjacent bucket.
        if 1.05 ** (index + 1) <= value:
            index += 1
        elif 1.05**index > value:
            index -= 1
        counts[index] += 1
    return dict(counts)


@given(values=latencies, fraction=st.floats(min_value=0.001, max_value=1.0))
def test_percentile_is_within_2_5_percent(values: list[float], fraction: float) -> None:
    exact = sorted(values)[math.ceil(fraction * len(values)) - 1]
    assert aggregation.percentile(buckets(values), fraction) == pytest.approx(exact, rel=0.025)


@given(values=latencies)
def test_mean_is_within_2_5_percent(values: list[float]) -> None:
    assert aggregation.mean(buckets(values)) == pytest.approx(sum(values) / len(values), rel=0.025)


@given(first=latencies, second=latencies)
def test_merged_buckets_equal_those_of_all_values(first: list[float], second: list[float]) -> None:
    merged = aggregation.sum_counts([buckets(first), buckets(second)])
    assert merged == buckets(first + second)


def test_without_responses_there_is_no_latency() -> None:
    assert aggregation.percentile({}, 0.5) is None
    assert aggregation.mean({}) is None
    assert aggregation.latency_bars({}) == ()


def test_buckets_are_ordered_as_numbers() -> None:
    latency = factory.aggregate("jr", "0", {}, latency={"-3": 1, "10": 1, "9": 1}).latency
    assert aggregation.percentile(latency, 1.0) == pytest.approx(1.05**10.5)


@given(values=latencies)
def test_a_few_bars_hold_every_response(values: list[float]) -> None:
    bars = aggregation.latency_bars(buckets(values))
    assert sum(n for _, _, n in bars) == len(values)
    assert len(bars) <= 24
    assert bars[0][0] <= min(values) * 1.001 + 0.001
    assert bars[-1][1] >= max(values) * 0.999


def test_counts_of_attempts_add_up() -> None:
    aggregates = factory.first_attempt() + factory.last_attempt()
    assert aggregation.sum_counts(each.status_codes for each in aggregates) == {
        "200": 980,
        "422": 5,
        "429": 10,
        "503": 4,
    }


def test_equal_error_groups_merge_and_the_largest_is_first() -> None:
    one = ErrorGroup(outcome="deferred", reason="http_503", http_status=503, detail="", count=2)
    other = one.model_copy(update={"reason": "timeout", "http_status": None, "count": 3})
    tasks = [factory.aggregate("jr", "0", {}, errors=errors) for errors in ([one, other], [one])]
    assert aggregation.merge_error_groups(tasks) == (one.model_copy(update={"count": 4}), other)


def test_request_rate_leaves_out_pauses_between_attempts() -> None:
    throughput = aggregation.throughput([factory.first_attempt(), factory.last_attempt()])
    assert throughput.peak_per_second == 490
    assert throughput.active_seconds == 3
    assert throughput.mean_per_second == pytest.approx(1000 / 3, abs=0.01)
    assert throughput.series is not None
    assert throughput.series.start == 1795402800
    assert sum(throughput.series.posts) == 1000
    assert len(throughput.series.posts) <= 120


def test_tasks_that_send_in_one_second_add_up_to_the_peak() -> None:
    seconds_of_tasks = ({"first": 100, "posts": [20]}, {"first": 100, "posts": [25, 1]})
    tasks = [factory.aggregate("jr", "0", {}, seconds=seconds) for seconds in seconds_of_tasks]
    assert aggregation.throughput([tasks]).peak_per_second == 45


@given(every=st.lists(st.dictionaries(st.integers(1000, 1040), st.integers(1, 9)), max_size=4))
def test_overlapping_seconds_add_up(every: list[dict[int, int]]) -> None:
    def as_series(counts: dict[int, int]) -> RequestsPerSecond:
        first, last = min(counts, default=0), max(counts, default=-1)
        return RequestsPerSecond(first=first, posts=tuple(counts.get(second, 0) for second in range(first, last + 1)))

    total = sum(map(Counter, every), Counter[int]())
    assert reduce(aggregation.add_seconds, map(as_series, every), aggregation.NO_SECONDS) == as_series(total)


def test_without_requests_there_is_no_series() -> None:
    assert aggregation.throughput([[]]) == Throughput(
        peak_per_second=0, mean_per_second=0.0, active_seconds=0, series=None
    )
