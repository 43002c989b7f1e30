"""The scheduler, which runs the tasks, is killed in the middle of each task of one run, and so is the triggerer."""

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY
from tests.compose.world import World
from tests.support.waiting import wait_until

# By the triggerer, whose end costs no try; push_scores is killed at its start, too.
WAITED_FOR = ("wait_for_activity", "score_users")


def restart(world: World, *services: str) -> None:
    """Start services that were killed; return when they are well."""
    world.running.docker("start", *services)

    def are_well() -> bool:
        found = world.running.project.containers()
        return all(found[service].health == "healthy" for service in services)

    wait_until(are_well, f"{services} to be healthy")


def await_glue(world: World, job: str, run_id: str, state: str = "SUCCEEDED") -> None:
    """Wait until the run's latest Glue run is in a state."""

    def states() -> list[str]:
        return world.glue_states(job, run_id)

    wait_until(lambda: states()[-1:] == [state], f"the {job} job", lambda: str(states()), every=0.1)


def hang_and_kill(world: World, run_id: str, task: str, service: str) -> None:
    """Wait until a task hangs at a frozen service, and kill its process."""
    world.airflow.reach(run_id, task, "running")
    world.running.await_request(service)
    world.running.kill("scheduler")


def test_every_task_outlives_a_restart_in_its_midst(world: World) -> None:
    running, airflow, day = world.running, world.airflow, world.day(16)
    run_id = airflow.trigger(score_date=day, **EVERYBODY)
    airflow.reach(run_id, "wait_for_activity", "deferred")
    running.kill("scheduler", "triggerer")
    restart(world, "scheduler", "triggerer")

    with running.frozen("crm"):
        world.arrive(day, USERS + 2_400)
        hang_and_kill(world, run_id, "check_activity", "crm")
    restart(world, "scheduler")

    airflow.reach(run_id, "score_users", "deferred")
    running.kill("scheduler", "triggerer")
    restart(world, "triggerer")
    await_glue(world, "score", run_id)
    with running.frozen("s3"):
        restart(world, "scheduler")  # only now, or the next task might be done before its service is frozen
        hang_and_kill(world, run_id, "check_scores", "s3")
    with world.slowly():
        with running.frozen("aws"):
            restart(world, "scheduler")
            airflow.reach(run_id, "push_scores", "running")
            running.await_request("aws")  # for runs that it might take up
            running.freeze("api-server")
        # Now it starts a run, and cannot tell anybody: the next try has to find that run by itself.
        await_glue(world, "push", run_id, "RUNNING")
        running.kill("scheduler")
        running.thaw("api-server")
    restart(world, "scheduler")
    airflow.reach(run_id, "push_scores", "deferred")
    assert len(world.glue_runs("push", run_id)) == 1
    running.kill("scheduler", "triggerer")
    restart(world, "triggerer")
    await_glue(world, "push", run_id)
    with running.frozen("s3"):
        restart(world, "scheduler")
        hang_and_kill(world, run_id, "summarize_responses", "s3")
    restart(world, "scheduler")

    (summary,) = world.finish(run_id)
    assert summary["not_reached"] == 0
    assert world.glue_states("push", run_id) == ["SUCCEEDED"]
    tries = {name: task["try_number"] for name, task in airflow.tasks(run_id).items()}
    assert all(tries[task] >= 2 for task in tries if task not in WAITED_FOR), tries
