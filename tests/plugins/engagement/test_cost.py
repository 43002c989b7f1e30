"""The price of a Glue run from what GetJobRun says."""

from __future__ import annotations

from typing import Any

import pytest

from engagement import cost


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
