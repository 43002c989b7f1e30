"""The moments of one day, in epoch seconds, wherever they come from: Airflow, Glue, Spark, the CRM, S3."""

from __future__ import annotations

from dataclasses import dataclass

Changes = dict[str, list[tuple[str, float]]]
"""Of each task its states in order, each with the moment when it came into it."""

RENDERED = "rendered"
"""Stands among a task's states: its templates are rendered, and the operator's `execute` comes next."""
STATES = ("scheduled", "queued", "running", RENDERED, "success")
"""What a task goes through that is neither deferred nor tried again."""
DEFERRED_STATES = (*STATES[:4], "deferred", "scheduled", "queued", "running", "success")


@dataclass(frozen=True)
class GlueRun:
    """A run of a Glue job.

    :param started: Glue was asked for it
    :param running: its process runs
    :param working: Spark was given its first job
    :param manifest: its manifest, the last thing that it writes, was written
    :param completed: Glue says that it has ended
    """

    started: float
    running: float
    working: float
    manifest: float
    completed: float


@dataclass(frozen=True)
class Moments:
    """All that is known of a day.

    :param visible: the extract lies in S3
    :param first_request: the first one of the canary came to the CRM
    :param first_of_tasks: the first request of a push task left
    :param last_request: came to the CRM
    :param summary: the summary lies in S3
    """

    visible: float
    changes: Changes
    score: GlueRun
    push: GlueRun
    first_request: float
    first_of_tasks: float
    last_request: float
    summary: float
