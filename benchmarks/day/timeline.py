"""Split a day into consecutive steps by its recorded times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

AIRFLOW, GLUE, CHECKS, JOBS, SUMMARY = "Airflow", "Glue starts", "checks", "jobs", "summary"
"""Kinds of time."""


class Step(NamedTuple):
    """A step of the day."""

    task: str
    what: str
    kind: str

    @property
    def name(self) -> str:
        """Return the step's name in the results."""
        return f"{self.task}: {self.what}"


STEPS = (
    Step("wait_for_activity", "the sensor sees the file, the task ends", AIRFLOW),
    Step("check_activity", "the task starts", AIRFLOW),
    Step("check_activity", "loads the DAG, checks file and CRM", CHECKS),
    Step("score_users", "the task starts, submits the job run", AIRFLOW),
    Step("score_users", "Glue starts the run", GLUE),
    Step("score_users", "the scoring job, with Spark's start", JOBS),
    Step("score_users", "the trigger sees the end, the task ends", AIRFLOW),
    Step("check_scores", "the task starts", AIRFLOW),
    Step("check_scores", "loads the DAG, checks the scores", CHECKS),
    Step("push_scores", "the task starts, submits the job run", AIRFLOW),
    Step("push_scores", "Glue starts the run", GLUE),
    Step("push_scores", "the push job plans, with Spark's start", JOBS),
    Step("push_scores", "the push job sends", JOBS),
    Step("push_scores", "the push job counts and writes", JOBS),
    Step("push_scores", "the trigger sees the end, the task ends", AIRFLOW),
    Step("summarize_responses", "the task starts", AIRFLOW),
    Step("summarize_responses", "loads the DAG, summarizes", SUMMARY),
)


@dataclass(frozen=True)
class JobTimes:
    """Epoch seconds at which Glue accepted a run, started its script, and reported its end."""

    started: float
    running: float
    completed: float


@dataclass(frozen=True)
class Day:
    """The times of a day, in epoch seconds.

    :param visible: when the extract was in S3
    :param tasks: start and end of each Airflow task; of a deferred task, only the end is used
    :param summary: when the summary was in S3
    """

    visible: float
    tasks: dict[str, tuple[float, float]]
    score: JobTimes
    push: JobTimes
    first_request: float
    last_answer: float
    summary: float


def seconds(day: Day) -> list[float]:
    """Return the duration of each of STEPS in seconds; the steps leave no gaps.

    :raises ValueError: a step ended before it began
    """
    ends = (
        day.tasks["wait_for_activity"][1],
        *day.tasks["check_activity"],
        *(day.score.started, day.score.running, day.score.completed, day.tasks["score_users"][1]),
        *day.tasks["check_scores"],
        *(day.push.started, day.push.running, day.first_request, day.last_answer, day.push.completed),
        day.tasks["push_scores"][1],
        day.tasks["summarize_responses"][0],
        day.summary,
    )
    found = []
    before = day.visible
    for step, end in zip(STEPS, ends, strict=True):
        if end < before:
            raise ValueError(f"{step.name}: ended {before - end:.3f} s before it began")
        found.append(end - before)
        before = end
    return found
