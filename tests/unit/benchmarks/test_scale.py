"""The scale model: duration, cost and limits of a night, from round numbers."""

from __future__ import annotations

import pytest

from benchmarks.push import benchmark as push
from benchmarks.results import Figures, Part
from benchmarks.scale import night as model
from benchmarks.scale.night import Night, Speeds
from benchmarks.score import benchmark as score
from engagement.config.settings import Settings
from engagement_jobs.delivery import ledger

MILLION = 1_000_000
SPEEDS = Speeds(
    task_rate=2000,
    score_1m=20,
    score_10m=38,  # 2 s per million, plus 18 s
    push_fixed=20,
    push_user=50e-6,
    ledger_line=400,
    score_row=40,
    snapshot_row=10,
)


def part(figures: Figures) -> Part:
    return Part("2026-11-26", "2 cores", 1, 0, {}, figures)


def test_speeds_are_medians_of_the_other_parts() -> None:
    sizes = {
        "10,000 users": {"before": [12.0], "after": [8.0]},
        "200,000 users": {
            "before": [13.0],
            "after": [16.5],
            "ledger_bytes": [80e6],
            "score_bytes": [8e6],
            "snapshot_bytes": [2e6],
        },
    }
    results = {
        "push": part({"50 ms": {push.CORE: {"rate": [2400.0, 2000.0, 1.0]}}, push.SIZES: sizes}),
        "score": part(
            {
                "1,000,000 rows": {score.CLEAN: {"wall": [20.0]}},
                "10,000,000 rows": {score.CLEAN: {"wall": [99.0, 38.0, 1.0]}},
            }
        ),
    }
    found = Speeds.of(results)
    assert found.push_user == pytest.approx(50e-6)
    assert found.push_fixed == pytest.approx(19.5)
    assert (found.task_rate, found.score_1m, found.score_10m) == (2000, 20, 38)
    assert (found.ledger_line, found.score_row, found.snapshot_row) == (400, 40, 10)


def test_a_missing_part_is_named() -> None:
    with pytest.raises(LookupError, match="measure push first"):
        Speeds.of({})


@pytest.mark.parametrize(("limit", "tasks", "workers"), [(200, 4, 2), (8000, 4, 2), (8001, 5, 3), (18_000, 9, 4)])
def test_tasks_are_added_only_if_the_rate_needs_them(limit: int, tasks: int, workers: int) -> None:
    night = Night(SPEEDS, MILLION, limit)
    assert (night.tasks, night.workers) == (tasks, workers)


@pytest.mark.parametrize(("limit", "objects"), [(200, 10_000), (1000, 2_000), (5000, 2_000), (1, 1_000_000)])
def test_a_slow_task_writes_more_ledger_objects(limit: int, objects: int) -> None:
    assert Night(SPEEDS, MILLION, limit).objects == objects


def test_a_night_takes_the_time_of_both_jobs() -> None:
    night = Night(SPEEDS, MILLION, 200)
    reading = 2 * 0.03 * (10_000 / 4 + 10)
    assert night.score_seconds == 20
    assert night.sending == 20 + 5000
    assert night.push_seconds == pytest.approx(20 + 5000 + 50 + reading)
    assert night.seconds == pytest.approx(20 + 20 + 5000 + 50 + reading)


def test_a_night_costs_workers_requests_and_storage() -> None:
    night = Night(SPEEDS, MILLION, 200)
    billed = 60 + night.push_seconds  # at least one minute for the scoring job
    assert night.glue_usd == pytest.approx(billed / 3600 * 2 * 0.44)
    assert night.s3_usd == pytest.approx((10_000 + 30) * 0.005 / 1000 + 20_000 * 0.0004 / 1000)
    assert night.stored_bytes == 450e6
    assert night.ledgers_month_usd == pytest.approx(0.4 * 400 * 0.023)


def test_a_limit_allows_exactly_its_number_of_users() -> None:
    most = {limit.name: limit.most_users(SPEEDS, 1000) for limit in model.LIMITS}
    assert most["`deadline_seconds`"] == (9000 - 20) * 1000
    assert most["10,200 s"] == (10_200 - 20) * 1000
    for limit in model.LIMITS:
        assert limit.allows(Night(SPEEDS, most[limit.name], 1000))
        assert not limit.allows(Night(SPEEDS, most[limit.name] + 1, 1000))


def test_the_constants_match_the_product() -> None:
    settings = Settings.parse(
        '{"activity_bucket": "in1", "output_bucket": "out", "base_url": "https://crm", "credential_id": "token"}'
    )
    assert (settings.push_tasks, settings.deadline_seconds) == (model.PUSH_TASKS, model.DEADLINE_SECONDS)
    assert settings.dpu_hour_usd == model.DPU_HOUR_USD
    assert ledger.BATCH == model.FLUSH_LINES
    assert (model.WORKERS, model.PUSH_TIMEOUT_MINUTES, model.RESPONSES_DAYS) == (2, 180, 400)
