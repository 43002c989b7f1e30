"""What people do to tasks and runs by hand: clear them, mark them failed, stop their Glue runs."""

import pytest

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY, TASKS
from tests.compose.world import World
from tests.support.waiting import wait_until


def pushing(world: World, run_id: str) -> None:
    """Wait until the CRM is being told."""
    world.airflow.reach(run_id, "push_scores", "deferred")
    before = world.posts()
    wait_until(lambda: world.posts() > before + 3, "the push to send", every=0.2)


def interruptible(world: World, day: str, users: int, rate: float = 3) -> str:
    """A run whose push is under way, slowly; give its id."""
    world.arrive(day, users)
    run_id = world.airflow.trigger(score_date=day, **EVERYBODY)
    with world.slowly(rate):
        pushing(world, run_id)
    return run_id


@pytest.mark.parametrize("task", TASKS)
def test_clearing_a_single_task_sends_nothing_twice(world: World, task: str) -> None:
    run_id, posts = world.run_of(world.day()), world.posts()
    before = world.airflow.tasks(run_id)
    world.airflow.clear(run_id, task)
    world.finish(run_id)
    after = world.airflow.tasks(run_id)
    again = [name for name in TASKS if after[name]["try_number"] > before[name]["try_number"]]
    assert again == [task]
    assert world.posts() == posts


def test_a_cleared_push_resumes_its_glue_run_a_failed_one_stops_it(world: World) -> None:
    run_id = interruptible(world, world.day(12), USERS + 400)
    world.airflow.clear(run_id, "push_scores")
    world.airflow.reach(run_id, "push_scores", "running", "deferred")
    pushing(world, run_id)
    assert world.glue_states("push", run_id) == ["RUNNING"]

    world.airflow.mark(run_id, "failed", "push_scores")
    (summary,) = world.finish(run_id, state="failed")
    assert world.glue_states("push", run_id) == ["STOPPED"]
    assert summary["stopped_glue_runs"] == [run["Id"] for run in world.glue_runs("push", run_id)]
    assert summary["unaccounted"] + summary["not_reached"] > 0

    world.complete(run_id, "push_scores")


def test_marking_waiting_tasks_failed_ends_run_and_glue_run(world: World) -> None:
    day = world.day(11)
    run_id = world.airflow.trigger(score_date=day, **EVERYBODY)
    world.airflow.reach(run_id, "wait_for_activity", "deferred")
    world.airflow.mark(run_id, "failed", "wait_for_activity")
    (summary,) = world.finish(run_id, state="failed")
    assert summary["findings"][0]["task"] == "wait_for_activity"
    assert summary["rows"] == 0

    world.arrive(day, USERS)
    world.airflow.clear(run_id, "wait_for_activity", downstream=True)
    world.airflow.reach(run_id, "score_users", "deferred")
    world.airflow.mark(run_id, "failed", "score_users")
    (summary,) = world.finish(run_id, state="failed")
    assert summary["findings"][0]["task"] == "score_users"
    assert world.glue_states("score", run_id) == ["STOPPED"]

    world.complete(run_id, "score_users")


def test_marking_a_run_failed_leaves_its_glue_run_to_timeout(world: World) -> None:
    # So slow that it still runs when the schedule's own run came first: the stack has one run at a time.
    run_id = interruptible(world, world.day(13), USERS + 700, rate=1)
    world.airflow.mark(run_id, "failed")
    world.airflow.finish(run_id)
    # Nothing runs any more that could stop it, or tell anybody.
    (active,) = world.glue_runs("push", run_id)
    assert active["JobRunState"] == "RUNNING"
    assert run_id not in {summary["run_id"] for summary in world.summaries()}

    world.airflow.clear(run_id, "push_scores", downstream=True)
    pushing(world, run_id)
    assert [run["Id"] for run in world.glue_runs("push", run_id)] == [active["Id"]]

    world.stop_push(run_id)  # the next attempt sends the rest faster
    (summary,) = world.finish(run_id)
    assert summary["not_reached"] == 0
    assert world.glue_states("push", run_id) == ["STOPPED", "SUCCEEDED"]
