"""The product's numbers, as tests of the paper on scale take them."""

from __future__ import annotations

from benchmarks.scale.measurements import Product

PRODUCT = Product(
    requests_per_second=50,
    most_requests_per_second=10_000,
    push_tasks=4,
    most_push_tasks=100,
    concurrency=64,
    most_concurrency=1000,
    deadline_seconds=9000,
    most_deadline_seconds=10_200,
    push_age_days=2,
    dpu_hour_usd=0.36,
    dpu_per_worker=1,
    least_seconds=60,
    score_wait_minutes=75,
    push_wait_minutes=195,
    most_extract_files=400,
    flush_lines=500,
    unflushed_lines=1000,
    flush_seconds=2,
    rows_per_partition=500_000,
    extract_on_driver=360_000_000,
    workers=2,
    score_timeout_minutes=60,
    push_timeout_minutes=180,
    concurrent_runs=1,
    responses_days=400,
)
