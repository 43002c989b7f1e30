from __future__ import annotations

from engagement_jobs.delivery.counters import DeliveryCounters


def test_aggregate_document() -> None:
    counters = DeliveryCounters()
    counters.count_request(1_763_866_800.9, is_retry=False)
    counters.count_request(1_763_866_801.1, is_retry=True)
    counters.count_response(200, 1.0)
    counters.count_response(200, 1.06)
    counters.count_outcome("delivered", "http_200", 200)
    counters.count_outcome("rejected", "http_404", 404, "unknown-user", count=3)

    assert counters.aggregate("run", "jr_1", "2", "2026-11-23T03:10:00Z") == {
        "version": 1,
        "run_id": "run",
        "job_run_id": "jr_1",
        "task": "2",
        "started_at": "2026-11-23T03:10:00Z",
        "rows": 4,
        "outcomes": {"delivered": 1, "rejected": 3},
        "posts": 2,
        "retries": 1,
        "status_codes": {"200": 2},
        "latency": {"0": 1, "1": 1},
        "errors": [
            {"outcome": "rejected", "reason": "http_404", "http_status": 404, "detail": "unknown-user", "count": 3}
        ],
        "seconds": {"first": 1763866800, "posts": [1, 1]},
    }


def test_latency_buckets_are_at_most_5_percent_wide() -> None:
    for milliseconds in (0.01, 0.5, 1.0, 49.9, 50.0, 30_000.0):
        counters = DeliveryCounters()
        counters.count_response(200, milliseconds)
        (bucket,) = counters.latency
        assert 1.05**bucket <= milliseconds * (1 + 1e-9)
        assert milliseconds < 1.05 ** (bucket + 1) * (1 + 1e-9)


def test_reports_50_error_groups_and_the_sum_of_the_others() -> None:
    counters = DeliveryCounters()
    for number in range(60):
        counters.count_outcome("rejected", "http_400", 400, f"type-{number}", count=100 - number)
    groups = counters.error_groups()
    assert len(groups) == 51
    assert groups[-1] == {"outcome": "other", "reason": "other", "http_status": None, "detail": "", "count": 455}
    assert sum(group["count"] for group in groups) == counters.rows


def test_memory_does_not_grow_with_the_problem_types() -> None:
    counters = DeliveryCounters()
    for number in range(10_000):
        counters.count_outcome("rejected", "http_400", 400, f"type-{number}")
    assert len(counters.errors) <= 501
    assert counters.errors.total() == 10_000


def test_add_sums_all_counters() -> None:
    first, second = DeliveryCounters(), DeliveryCounters()
    for counters in (first, second):
        counters.count_request(10.0, is_retry=True)
        counters.count_response(503, 5.0)
        counters.count_outcome("deferred", "http_503", 503)
    first.add(second)
    assert (first.posts, first.retries, first.rows) == (2, 2, 2)
    assert first.status_codes["503"] == first.latency.total() == first.errors.total() == first.seconds[10] == 2
