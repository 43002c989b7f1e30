"""The estimated cost of a Glue run."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.aws import glue_cost
from engagement.aws.glue_runs import GlueRuns, describe_run
from engagement.config.settings import Settings
from engagement.contract.summary import Summary
from engagement.notifications import message
from engagement.summary import report
from tests.unit.plugins.engagement import run_factory as factory


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"ExecutionTime": 600, "WorkerType": "G.1X", "NumberOfWorkers": 2}, 1200.0),
        ({"ExecutionTime": 600, "WorkerType": "G.2X", "NumberOfWorkers": 5}, 6000.0),
        ({"ExecutionTime": 600, "WorkerType": "G.025X", "NumberOfWorkers": 2}, 300.0),
        # at least one minute is billed
        ({"ExecutionTime": 7, "WorkerType": "G.1X", "NumberOfWorkers": 2}, 120.0),
        ({"WorkerType": "G.1X", "NumberOfWorkers": 2}, 120.0),
        # auto scaling: Glue reports the DPU-seconds itself
        ({"DPUSeconds": 431.5, "ExecutionTime": 600, "WorkerType": "G.1X", "NumberOfWorkers": 10}, 431.5),
        # an unknown worker type, and old jobs without one
        ({"ExecutionTime": 100, "WorkerType": "Z.9X", "NumberOfWorkers": 3, "MaxCapacity": 27.0}, 2700.0),
        ({"ExecutionTime": 100, "MaxCapacity": 0.0625}, 6.25),
        ({"ExecutionTime": 100}, None),
    ],
)
def test_dpu_seconds(run: dict[str, Any], expected: float | None) -> None:
    assert glue_cost.dpu_seconds(run) == expected


def test_two_dpu_hours_cost_twice_the_rate() -> None:
    assert glue_cost.cost_usd(7200, 0.44) == 0.88
    assert glue_cost.cost_usd(None, 0.44) is None


# 10,000 users: the rate determines how long sending takes. Starting Spark, reading, planning and writing are assumed to
# take 30 s. tests/stack/costs.py has measured values.
USERS, OVERHEAD_SECONDS = 10_000, 30
MIN_DPU_SECONDS = 2 * 2 * 60  # two jobs with two G.1X workers, one minute each


def summary_at_rate(requests_per_second: float) -> Summary:
    """Return the summary of a run whose push sent to all users at this rate."""
    seconds = round(OVERHEAD_SECONDS + USERS / requests_per_second)
    score = describe_run(factory.described_by_glue(factory.SCORE_JOB, "jr_1", ExecutionTime=OVERHEAD_SECONDS))
    push = describe_run(factory.described_by_glue(factory.PUSH_JOB, "jr_2", ExecutionTime=seconds))
    latest_glue_runs = {"score_users": score, "push_scores": push}
    return factory.full_summary(factory.artifacts(glue=GlueRuns((score, push)), latest_glue_runs=latest_glue_runs))


@pytest.mark.parametrize(
    ("rate", "billed", "usd", "shown"),
    [
        (500, MIN_DPU_SECONDS, 0.0293, "$0.029"),  # 20 s of sending: within the minute that is always billed
        (50, 120 + 2 * 230, 0.0709, "$0.071"),  # 200 s of sending, at the default rate
    ],
)
def test_cost_of_10_000_users(rate: float, billed: int, usd: float, shown: str) -> None:
    summary = summary_at_rate(rate)
    assert sum(run.dpu_seconds or 0 for run in summary.glue_runs) == billed
    assert summary.cost_usd == round(billed / 3600 * 0.44, 4) == usd
    assert f'<dt>Estimated cost</dt><dd class="big">{shown}</dd>' in report.render(summary)
    assert f"Cost: ${usd:.2f} for 2 Glue runs" in message.from_summary(summary, run_type="scheduled").body


def test_rate_and_price_are_the_defaults() -> None:
    fields = Settings.model_fields
    assert (fields["max_requests_per_second"].default, fields["dpu_hour_usd"].default) == (50, 0.44)
