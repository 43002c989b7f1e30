"""The scheduler, which runs the tasks, is killed in the middle of each task of one run, and so is the triggerer."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.compose.airflow_api import wait_until
from tests.compose.live.conftest import USERS
from tests.compose.live.test_4_by_hand import SLOWLY
from tests.compose.world import World

WAITED_FOR = (
    "wait_for_activity",
    "score_users",
)  # the triggerer waits for them; push_scores is killed at its start, too


def restart(world: World, *services: str) -> None:
    """Start services that were killed; return when they are well."""
    world.running.docker("start", *services)

    def are_well() -> bool:
        found = world.running.project.containers()
        return all(found[service].health == "healthy" for service in services)

    wait_until(are_well, 90, f"{services} to be healthy")


def kill(world: World, *services: str) -> None:
    """Kill services and start them again."""
    world.running.kill(*services)
    restart(world, *services)


@contextmanager
def killed_in(world: World, run_id: str, task: str, hanging: str) -> Iterator[None]:
    """In the block the task begins; it hangs for want of an answer of a service, and its process is killed."""
    with world.running.frozen(hanging):
        yield
        world.airflow.reach(run_id, task, "running")
        world.running.kill("scheduler")
    restart(world, "scheduler")


def await_glue(world: World, job: str, run_id: str) -> None:
    """Wait until the run's latest Glue run has done its work."""
    wait_until(lambda: world.glue_runs(job, run_id)[-1]["JobRunState"] == "SUCCEEDED", 300, f"the {job} job", every=0.1)


def test_every_task_outlives_a_restart_in_its_midst(world: World) -> None:
    day = world.day(16)
    run_id = world.airflow.trigger(score_date=day, **SLOWLY)
    world.airflow.reach(run_id, "wait_for_activity", "deferred")
    kill(world, "scheduler", "triggerer")
    assert world.airflow.states(run_id)["wait_for_activity"] == "deferred"

    with killed_in(world, run_id, "check_activity", hanging="crm"):
        world.arrive(day, USERS + 800)
    world.airflow.reach(run_id, "score_users", "deferred")
    kill(world, "scheduler", "triggerer")

    await_glue(world, "score", run_id)
    with killed_in(world, run_id, "check_scores", hanging="s3"):
        pass
    # Glue gets the request all the same, and starts a run that no task knows of.
    with killed_in(world, run_id, "push_scores", hanging="aws"):
        world.airflow.reach(run_id, "check_scores", "success")
    world.airflow.reach(run_id, "push_scores", "deferred")
    kill(world, "scheduler", "triggerer")

    await_glue(world, "push", run_id)
    with killed_in(world, run_id, "summarize_responses", hanging="s3"):
        pass
    (summary,) = world.finish(run_id)
    assert summary["not_reached"] == 0
    assert [run["JobRunState"] for run in world.glue_runs("push", run_id)] == ["SUCCEEDED"]
    tries = {name: task["try_number"] for name, task in world.airflow.tasks(run_id).items()}
    assert all(tries[task] >= 2 for task in tries if task not in WAITED_FOR), tries
