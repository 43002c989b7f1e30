"""The price of a Glue run from what GetJobRun says."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.aws import cost
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
        # billed for at least a minute
        ({"ExecutionTime": 7, "WorkerType": "G.1X", "NumberOfWorkers": 2}, 120.0),
        ({"WorkerType": "G.1X", "NumberOfWorkers": 2}, 120.0),
        # auto scaling: Glue's own figure wins
        ({"DPUSeconds": 431.5, "ExecutionTime": 600, "WorkerType": "G.1X", "NumberOfWorkers": 10}, 431.5),
        # a worker type that is not known yet, and old jobs without one
        ({"ExecutionTime": 100, "WorkerType": "Z.9X", "NumberOfWorkers": 3, "MaxCapacity": 27.0}, 2700.0),
        ({"ExecutionTime": 100, "MaxCapacity": 0.0625}, 6.25),
        ({"ExecutionTime": 100}, None),
    ],
)
def test_dpu_seconds(run: dict[str, Any], expected: float | None) -> None:
    assert cost.dpu_seconds(run) == expected


def test_an_hour_of_two_workers_costs_twice_the_rate() -> None:
    assert cost.usd(7200, 0.44) == 0.88
    assert cost.usd(None, 0.44) is None


# A day of 10,000 customers: sending takes as long as the rate says; starting Spark, reading, planning and writing are
# taken to be half a minute. tests/stack/costs.py has both from runs.
CUSTOMERS, BESIDES = 10_000, 30
LEAST = 2 * 2 * 60  # DPU-seconds: two jobs of two workers G.1X, a minute each


def a_day(requests_per_second: float) -> Summary:
    """The summary of a run whose push sent to every customer at this rate."""
    seconds = round(BESIDES + CUSTOMERS / requests_per_second)
    score = describe_run(factory.described_by_glue(factory.SCORE_JOB, "jr_1", ExecutionTime=BESIDES))
    push = describe_run(factory.described_by_glue(factory.PUSH_JOB, "jr_2", ExecutionTime=seconds))
    latest_glue_runs = {"score_users": score, "push_scores": push}
    return factory.whole_summary(factory.artifacts(glue=GlueRuns((score, push)), latest_glue_runs=latest_glue_runs))


@pytest.mark.parametrize(
    ("rate", "billed", "usd", "shown"),
    [
        (500, LEAST, 0.0293, "$0.029"),  # 20 s of sending: the minute that is billed anyway
        (50, 120 + 2 * 230, 0.0709, "$0.071"),  # the default rate: 200 s of sending
    ],
)
def test_a_day_of_10_000_customers(rate: float, billed: int, usd: float, shown: str) -> None:
    found = a_day(rate)
    assert sum(run.dpu_seconds or 0 for run in found.glue_runs) == billed
    assert found.cost_usd == round(billed / 3600 * 0.44, 4) == usd
    assert f'<dt>Estimated cost</dt><dd class="big">{shown}</dd>' in report.render(found)
    assert f"Cost: ${usd:.2f} for 2 Glue runs" in message.from_summary(found, run_type="scheduled").body


def test_the_second_rate_is_the_default() -> None:
    fields = Settings.model_fields
    assert (fields["max_requests_per_second"].default, fields["dpu_hour_usd"].default) == (50, 0.44)
