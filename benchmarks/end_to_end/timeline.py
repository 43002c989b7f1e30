"""From the moments of a day to its phases. Pure.

The time from the first moment to the last is cut at the moments between: phases cannot overlap, leave nothing out, and
add up to the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.end_to_end.measurements import Phase
from benchmarks.end_to_end.moments import DEFERRED_STATES, STATES, GlueRun, Moments
from local.airflow import TASKS

# Kinds of time.
SENSOR = "sensor"
AIRFLOW = "Airflow"
CHECKS = "checks"
GLUE_AND_SPARK = "Glue and Spark"
SCORING = "scoring"
PUSHING = "pushing"
REST_OF_PUSH = "rest of job 2"
SUMMARISING = "summarising"

_BEGUN = ("is queued", "gets a process", "loads the DAG")
_ASKED, _NOTICED = "asks Glue", "notices the end"
_RESUMED = ("is queued again", "gets another process", "loads the DAG again, ends")
AIRFLOW_STEPS = (*_BEGUN, _ASKED, _NOTICED, *_RESUMED)
"""Names of phases that are Airflow's own overhead, in order."""

_WAIT, _CHECK_ACTIVITY, _SCORE, _CHECK_SCORES, _PUSH, _SUMMARIZE = TASKS


@dataclass(frozen=True)
class _Cut:
    """The end of a phase, in epoch seconds."""

    task: str
    name: str
    kind: str
    at: float


def phases(days: Sequence[Moments]) -> list[Phase]:
    """The phases in order, with the seconds of each day.

    Raises ValueError when a task failed and was tried again, or a phase ends before it begins.
    """
    found = []
    for pieces in zip(*map(_pieces, days), strict=True):
        cut, _ = pieces[0]
        found.append(Phase(task=cut.task, name=cut.name, kind=cut.kind, seconds=[seconds for _, seconds in pieces]))
    return found


def _pieces(day: Moments) -> Iterator[tuple[_Cut, float]]:
    """Each phase's end, and its seconds."""
    before = day.visible
    for cut in _cuts(day):
        if cut.at < before:
            raise ValueError(f"{cut.task}, {cut.name}: ended {before - cut.at:.3f} s before it began")
        yield cut, cut.at - before
        before = cut.at


def _cuts(day: Moments) -> Iterator[_Cut]:
    waited = _reached(day, _WAIT, DEFERRED_STATES)
    yield _Cut(_WAIT, "looks at S3", SENSOR, waited[5])
    yield from _resumed(_WAIT, waited)
    yield from _check(day, _CHECK_ACTIVITY)
    yield from _glue_job(day, _SCORE, day.score, _Cut(_SCORE, "scores", SCORING, day.score.manifest))
    yield from _check(day, _CHECK_SCORES)
    yield from _glue_job(
        day,
        _PUSH,
        day.push,
        _Cut(_PUSH, "plans", REST_OF_PUSH, day.first_request),
        _Cut(_PUSH, "tries a few, starts workers", PUSHING, day.first_of_tasks),
        _Cut(_PUSH, "pushes", PUSHING, day.last_request),
        _Cut(_PUSH, "counts and writes", REST_OF_PUSH, day.push.manifest),
    )
    yield from _begun(_SUMMARIZE, _reached(day, _SUMMARIZE, STATES))
    yield _Cut(_SUMMARIZE, "summarises", SUMMARISING, day.summary)


def _check(day: Moments, task: str) -> Iterator[_Cut]:
    at = _reached(day, task, STATES)
    yield from _begun(task, at)
    yield _Cut(task, "checks", CHECKS, at[4])


def _glue_job(day: Moments, task: str, run: GlueRun, *work: _Cut) -> Iterator[_Cut]:
    at = _reached(day, task, DEFERRED_STATES)
    yield from _begun(task, at)
    yield _Cut(task, _ASKED, AIRFLOW, run.started)
    yield _Cut(task, "Glue starts", GLUE_AND_SPARK, run.running)
    yield _Cut(task, "Spark starts", GLUE_AND_SPARK, run.working)
    yield from work
    yield _Cut(task, "Spark ends", GLUE_AND_SPARK, run.completed)
    yield _Cut(task, _NOTICED, AIRFLOW, at[5])
    yield from _resumed(task, at)


def _begun(task: str, at: Sequence[float]) -> Iterator[_Cut]:
    """From the end of the task before to the operator's `execute`."""
    return (_Cut(task, name, AIRFLOW, end) for name, end in zip(_BEGUN, at[1:4], strict=True))


def _resumed(task: str, at: Sequence[float]) -> Iterator[_Cut]:
    """From the event of its trigger to its end."""
    return (_Cut(task, name, AIRFLOW, end) for name, end in zip(_RESUMED, at[6:], strict=True))


def _reached(day: Moments, task: str, wanted: tuple[str, ...]) -> list[float]:
    changes = day.changes.get(task, ())
    found = tuple(state for state, _ in changes)
    if found != wanted:
        raise ValueError(f"{task} went through {', '.join(found) or 'nothing'}; wanted {', '.join(wanted)}")
    return [at for _, at in changes]
