"""What a Glue run costs: an estimate from what GetJobRun says, at a rate that is a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Data processing units of one worker: AWS Glue's table of worker types.
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
MIN_BILLED_SECONDS = 60  # a run is billed for at least one minute


def dpu_seconds(run: Mapping[str, Any]) -> float | None:
    """Billed DPU-seconds of a job run in the shape of Glue's GetJobRun; None when it does not tell enough."""
    if run.get("DPUSeconds") is not None:
        # Only Flex and auto-scaled runs have it: their number of workers changes while they run.
        return float(run["DPUSeconds"])
    capacity = _capacity(run)
    if capacity is None:
        return None
    return max(int(run.get("ExecutionTime") or 0), MIN_BILLED_SECONDS) * capacity


def _capacity(run: Mapping[str, Any]) -> float | None:
    per_worker = DPU_PER_WORKER.get(str(run.get("WorkerType")))
    workers = run.get("NumberOfWorkers")
    if per_worker is not None and workers:
        return float(workers) * per_worker
    return float(run["MaxCapacity"]) if run.get("MaxCapacity") else None


def usd(billed_dpu_seconds: float | None, dpu_hour_usd: float) -> float | None:
    """Price of DPU-seconds in US dollars, rounded to a millionth, for runs are added up; None stays None."""
    return None if billed_dpu_seconds is None else round(billed_dpu_seconds / 3600 * dpu_hour_usd, 6)
