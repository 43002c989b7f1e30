"""Spark's own event log, which tells when a job's Spark was given its first work; on Glue, the Spark UI reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.stack import Stack

_NOT_UPDATED = {"AllocatedCapacity", "MaxCapacity"}  # follow from the workers


def switch_on(world: Stack, job: str, folder: Path) -> None:
    """Let the runs of a Glue job write their event logs into `folder`."""
    folder.mkdir(exist_ok=True)
    glue = world.client("glue")
    members = set(glue.meta.service_model.shape_for("JobUpdate").members) - _NOT_UPDATED
    update = {name: value for name, value in glue.get_job(JobName=job)["Job"].items() if name in members and value}
    arguments = update["DefaultArguments"]
    conf = f"{arguments['--conf']} --conf spark.eventLog.enabled=true --conf spark.eventLog.dir={folder.as_uri()}"
    glue.update_job(JobName=job, JobUpdate={**update, "DefaultArguments": {**arguments, "--conf": conf}})


def first_job(folder: Path, application: str, since: float) -> float:
    """When the first Spark job of the first application of that name since `since` began; all in epoch seconds.

    Raises LookupError when no log tells.
    """
    found = [
        submitted
        for name, began, submitted in map(_read, folder.iterdir())
        if name == application and began >= since and submitted is not None
    ]
    if not found:
        raise LookupError(f"{folder}: found no event log of a {application} since {since:.3f} with a Spark job in it")
    return min(found)


def _read(log: Path) -> tuple[str, float, float | None]:
    """Name and start of the application, and when its first job was submitted, if it had one."""
    name, began = "", 0.0
    for event in _events(log):
        if event["Event"] == "SparkListenerApplicationStart":
            name, began = event["App Name"], event["Timestamp"] / 1000
        elif event["Event"] == "SparkListenerJobStart":
            return name, began, event["Submission Time"] / 1000
    return name, began, None


def _events(log: Path) -> Iterator[dict[str, Any]]:
    with log.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
