"""Manual operations: clear tasks, mark tasks and runs failed, stop Glue runs."""

import pytest

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import PUSH_ALL, TASKS
from tests.compose.pipeline import Pipeline
from tests.support.waiting import wait_until


def wait_for_sending(pipeline: Pipeline, run_id: str) -> None:
    """Wait until the push sends requests."""
    pipeline.airflow.wait_for_task(run_id, "push_scores", "deferred")
    before = pipeline.request_count()
    wait_until(lambda: pipeline.request_count() > before + 3, "the push to send", every=0.2)


def start_slow_push(pipeline: Pipeline, day: str, users: int, rate: float = 3) -> str:
    """Start a run and wait until its push sends slowly; return the run id."""
    pipeline.upload_extract(day, users)
    run_id = pipeline.airflow.trigger(score_date=day, **PUSH_ALL)
    with pipeline.slow_push(rate):
        wait_for_sending(pipeline, run_id)
    return run_id


@pytest.mark.parametrize("task", TASKS)
def test_clearing_a_single_task_sends_nothing_twice(pipeline: Pipeline, task: str) -> None:
    run_id, posts = pipeline.run_id_of(pipeline.day()), pipeline.request_count()
    before = pipeline.airflow.tasks(run_id)
    pipeline.airflow.clear(run_id, task)
    pipeline.finish(run_id)
    after = pipeline.airflow.tasks(run_id)
    repeated = [name for name in TASKS if after[name]["try_number"] > before[name]["try_number"]]
    assert repeated == [task]
    assert pipeline.request_count() == posts


def test_clearing_resumes_the_glue_run_and_failing_stops_it(pipeline: Pipeline) -> None:
    run_id = start_slow_push(pipeline, pipeline.day(12), USERS + 400)
    pipeline.airflow.clear(run_id, "push_scores")
    pipeline.airflow.wait_for_task(run_id, "push_scores", "running", "deferred")
    wait_for_sending(pipeline, run_id)
    assert pipeline.glue_states("push", run_id) == ["RUNNING"]

    pipeline.airflow.mark(run_id, "failed", "push_scores")
    (summary,) = pipeline.finish(run_id, state="failed")
    assert pipeline.glue_states("push", run_id) == ["STOPPED"]
    assert summary["stopped_glue_runs"] == [run["Id"] for run in pipeline.glue_runs("push", run_id)]
    assert summary["unaccounted"] + summary["not_reached"] > 0

    pipeline.complete(run_id, "push_scores")


def test_marking_waiting_tasks_failed_ends_run_and_glue_run(pipeline: Pipeline) -> None:
    day = pipeline.day(11)
    run_id = pipeline.airflow.trigger(score_date=day, **PUSH_ALL)
    pipeline.airflow.wait_for_task(run_id, "wait_for_activity", "deferred")
    pipeline.airflow.mark(run_id, "failed", "wait_for_activity")
    (summary,) = pipeline.finish(run_id, state="failed")
    assert summary["findings"][0]["task"] == "wait_for_activity"
    assert summary["rows"] == 0

    pipeline.upload_extract(day, USERS)
    pipeline.airflow.clear(run_id, "wait_for_activity", downstream=True)
    pipeline.airflow.wait_for_task(run_id, "score_users", "deferred")
    pipeline.airflow.mark(run_id, "failed", "score_users")
    (summary,) = pipeline.finish(run_id, state="failed")
    assert summary["findings"][0]["task"] == "score_users"
    assert pipeline.glue_states("score", run_id) == ["STOPPED"]

    pipeline.complete(run_id, "score_users")


def test_marking_a_run_failed_does_not_stop_its_glue_run(pipeline: Pipeline) -> None:
    # Slow enough to still run if the scheduled run comes first: the stack runs one DAG run at a time.
    run_id = start_slow_push(pipeline, pipeline.day(13), USERS + 700, rate=1)
    pipeline.airflow.mark(run_id, "failed")
    pipeline.airflow.finish(run_id)
    # No task is left that could stop the Glue run or send a notification.
    (active,) = pipeline.glue_runs("push", run_id)
    assert active["JobRunState"] == "RUNNING"
    assert run_id not in {summary["run_id"] for summary in pipeline.summaries()}

    pipeline.airflow.clear(run_id, "push_scores", downstream=True)
    wait_for_sending(pipeline, run_id)
    assert [run["Id"] for run in pipeline.glue_runs("push", run_id)] == [active["Id"]]

    pipeline.stop_push(run_id)  # the next attempt sends the remaining users faster
    (summary,) = pipeline.finish(run_id)
    assert summary["not_reached"] == 0
    assert pipeline.glue_states("push", run_id) == ["STOPPED", "SUCCEEDED"]
