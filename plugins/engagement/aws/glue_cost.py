"""Estimated cost of a Glue run, from the values that GetJobRun returns and the price in the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DPU_PER_WORKER = {
    "G.025X": 0.25,
    "Standard": 1.0,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
}
"""Data processing units of one worker, from the table of worker types in the documentation of AWS Glue."""
MIN_BILLED_SECONDS = 60


def dpu_seconds(run: Mapping[str, Any]) -> float | None:
    """Return the billed DPU-seconds of a Glue run.

    :param run: the run in the form of GetJobRun
    :return: None if the run does not have the values to calculate them
    """
    if run.get("DPUSeconds") is not None:
        # Glue reports it for Flex and auto-scaled runs, whose number of workers changes.
        return float(run["DPUSeconds"])
    capacity = _capacity(run)
    if capacity is None:
        return None
    return max(int(run.get("ExecutionTime") or 0), MIN_BILLED_SECONDS) * capacity


def _capacity(run: Mapping[str, Any]) -> float | None:
    """Return the DPUs of a run, None if they are unknown."""
    per_worker = DPU_PER_WORKER.get(str(run.get("WorkerType")))
    workers = run.get("NumberOfWorkers")
    if per_worker is not None and workers:
        return float(workers) * per_worker
    return float(run["MaxCapacity"]) if run.get("MaxCapacity") else None


def cost_usd(billed_dpu_seconds: float | None, dpu_hour_usd: float) -> float | None:
    """Return the cost of DPU-seconds in US dollars, None without them.

    It is rounded to a millionth of a dollar only, because the costs of runs are added up.

    :param dpu_hour_usd: price of a DPU-hour in US dollars
    """
    return None if billed_dpu_seconds is None else round(billed_dpu_seconds / 3600 * dpu_hour_usd, 6)
