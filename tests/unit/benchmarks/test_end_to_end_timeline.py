"""How a day's moments are cut into phases, from given moments."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.end_to_end.moments import DEFERRED_STATES, STATES, GlueRun, Moments
from benchmarks.end_to_end.timeline import phases


def went(states: tuple[str, ...], *at: float) -> list[tuple[str, float]]:
    return list(zip(states, at, strict=True))


DAY = Moments(
    visible=100.0,
    changes={
        # What came before the extract is no part of the day.
        "wait_for_activity": went(DEFERRED_STATES, 60, 61, 62, 63, 64, 100.5, 101, 102.25, 104),
        "check_activity": went(STATES, 104.5, 105, 107, 110, 110.5),
        # Deferred while Glue starts, which begins earlier.
        "score_users": went(DEFERRED_STATES, 110.75, 111, 112, 114, 116.5, 125, 126, 127.5, 130),
        "check_scores": went(STATES, 130.25, 131, 132, 134, 135),
        "push_scores": went(DEFERRED_STATES, 135.5, 136, 138, 139, 140.5, 162, 163, 165, 166),
        "summarize_responses": went(STATES, 166.5, 167, 168, 170, 173),
    },
    score=GlueRun(started=115, running=120, working=122, manifest=123.5, completed=124),
    push=GlueRun(started=140, running=145, working=146.5, manifest=160, completed=161.5),
    first_request=148,
    first_of_tasks=149.25,
    last_request=158.5,
    summary=172,
)
EXPECTED = [
    ("wait_for_activity", "looks at S3", "sensor", 0.5),
    ("wait_for_activity", "is queued again", "Airflow", 0.5),
    ("wait_for_activity", "gets another process", "Airflow", 1.25),
    ("wait_for_activity", "loads the DAG again, ends", "Airflow", 1.75),
    ("check_activity", "is queued", "Airflow", 1.0),
    ("check_activity", "gets a process", "Airflow", 2.0),
    ("check_activity", "loads the DAG", "Airflow", 3.0),
    ("check_activity", "checks", "checks", 0.5),
    ("score_users", "is queued", "Airflow", 0.5),
    ("score_users", "gets a process", "Airflow", 1.0),
    ("score_users", "loads the DAG", "Airflow", 2.0),
    ("score_users", "asks Glue", "Airflow", 1.0),
    ("score_users", "Glue starts", "Glue and Spark", 5.0),
    ("score_users", "Spark starts", "Glue and Spark", 2.0),
    ("score_users", "scores", "scoring", 1.5),
    ("score_users", "Spark ends", "Glue and Spark", 0.5),
    ("score_users", "notices the end", "Airflow", 1.0),
    ("score_users", "is queued again", "Airflow", 1.0),
    ("score_users", "gets another process", "Airflow", 1.5),
    ("score_users", "loads the DAG again, ends", "Airflow", 2.5),
    ("check_scores", "is queued", "Airflow", 1.0),
    ("check_scores", "gets a process", "Airflow", 1.0),
    ("check_scores", "loads the DAG", "Airflow", 2.0),
    ("check_scores", "checks", "checks", 1.0),
    ("push_scores", "is queued", "Airflow", 1.0),
    ("push_scores", "gets a process", "Airflow", 2.0),
    ("push_scores", "loads the DAG", "Airflow", 1.0),
    ("push_scores", "asks Glue", "Airflow", 1.0),
    ("push_scores", "Glue starts", "Glue and Spark", 5.0),
    ("push_scores", "Spark starts", "Glue and Spark", 1.5),
    ("push_scores", "plans", "rest of job 2", 1.5),
    ("push_scores", "tries a few, starts workers", "pushing", 1.25),
    ("push_scores", "pushes", "pushing", 9.25),
    ("push_scores", "counts and writes", "rest of job 2", 1.5),
    ("push_scores", "Spark ends", "Glue and Spark", 1.5),
    ("push_scores", "notices the end", "Airflow", 0.5),
    ("push_scores", "is queued again", "Airflow", 1.0),
    ("push_scores", "gets another process", "Airflow", 2.0),
    ("push_scores", "loads the DAG again, ends", "Airflow", 1.0),
    ("summarize_responses", "is queued", "Airflow", 1.0),
    ("summarize_responses", "gets a process", "Airflow", 1.0),
    ("summarize_responses", "loads the DAG", "Airflow", 2.0),
    ("summarize_responses", "summarises", "summarising", 2.0),
]


def test_a_day_is_cut_at_its_moments() -> None:
    found = [(phase["task"], phase["name"], phase["kind"], *phase["seconds"]) for phase in phases([DAY])]
    assert found == EXPECTED


def test_the_phases_of_each_day_add_up_to_the_whole() -> None:
    longer = replace(DAY, visible=99.0, summary=172.5)
    found = phases([DAY, longer])
    totals = [sum(seconds) for seconds in zip(*(phase["seconds"] for phase in found), strict=True)]
    assert totals == [72.0, 73.5]
    assert found[0]["seconds"] == [0.5, 1.5]
    assert found[-1]["seconds"] == [2.0, 2.5]


def test_a_moment_out_of_order_is_refused() -> None:
    swapped = replace(DAY, last_request=149)
    with pytest.raises(ValueError, match=r"push_scores, pushes: ended 0\.250 s before it began"):
        phases([swapped])


@pytest.mark.parametrize(
    ("task", "at", "found"),
    [
        ("check_activity", went(("scheduled", "queued", "running", "up_for_retry"), 104.5, 105, 107, 110), "up_for_"),
        ("score_users", went(STATES, 110.75, 111, 112, 114, 130), "rendered, success"),
        ("check_scores", [], "nothing"),
    ],
)
def test_a_task_that_went_another_way_is_refused(task: str, at: list[tuple[str, float]], found: str) -> None:
    other = replace(DAY, changes={**DAY.changes, task: at})
    with pytest.raises(ValueError, match=rf"{task} went through .*{found}.*; wanted scheduled, queued"):
        phases([other])
