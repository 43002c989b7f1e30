"""The scheduler and the triggerer are killed during each task of one run. Tasks run in the scheduler's container."""

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import PUSH_ALL
from tests.compose.pipeline import Pipeline
from tests.support.waiting import wait_until

# The triggerer waits for them, and its end does not use up a try. push_scores is killed at its start as well.
DEFERRED = ("wait_for_activity", "score_users")


def restart(pipeline: Pipeline, *services: str) -> None:
    """Start killed services, and wait until they are healthy."""
    pipeline.stack.docker("start", *services)

    def are_healthy() -> bool:
        containers = pipeline.stack.project.containers()
        return all(containers[service].health == "healthy" for service in services)

    wait_until(are_healthy, f"{services} to be healthy")


def wait_for_glue(pipeline: Pipeline, job: str, run_id: str, state: str = "SUCCEEDED") -> None:
    """Wait until the latest Glue run of a DAG run is in a state."""

    def states() -> list[str]:
        return pipeline.glue_states(job, run_id)

    wait_until(lambda: states()[-1:] == [state], f"the {job} job", lambda: str(states()), every=0.1)


def hang_and_kill(pipeline: Pipeline, run_id: str, task: str, service: str) -> None:
    """Wait until a task hangs because of a frozen service, and kill the scheduler."""
    pipeline.airflow.wait_for_task(run_id, task, "running")
    pipeline.stack.wait_for_request(service)
    pipeline.stack.kill("scheduler")


def test_a_run_survives_a_restart_during_each_task(pipeline: Pipeline) -> None:
    stack, airflow, day = pipeline.stack, pipeline.airflow, pipeline.day(16)
    run_id = airflow.trigger(score_date=day, **PUSH_ALL)
    airflow.wait_for_task(run_id, "wait_for_activity", "deferred")
    stack.kill("scheduler", "triggerer")
    restart(pipeline, "scheduler", "triggerer")

    with stack.frozen("crm"):
        pipeline.upload_extract(day, USERS + 2_400)
        hang_and_kill(pipeline, run_id, "check_activity", "crm")
    restart(pipeline, "scheduler")

    airflow.wait_for_task(run_id, "score_users", "deferred")
    stack.kill("scheduler", "triggerer")
    restart(pipeline, "triggerer")
    wait_for_glue(pipeline, "score", run_id)
    with stack.frozen("s3"):
        restart(pipeline, "scheduler")  # now that S3 is frozen, so that the next task cannot finish
        hang_and_kill(pipeline, run_id, "check_scores", "s3")
    with pipeline.slow_push():
        with stack.frozen("aws"):
            restart(pipeline, "scheduler")
            airflow.wait_for_task(run_id, "push_scores", "running")
            stack.wait_for_request("aws")  # it looks for runs that it could resume
            stack.freeze("api-server")
        # Now the task starts a Glue run but cannot store its id: the next try must find that run.
        wait_for_glue(pipeline, "push", run_id, "RUNNING")
        stack.kill("scheduler")
        stack.thaw("api-server")
    restart(pipeline, "scheduler")
    airflow.wait_for_task(run_id, "push_scores", "deferred")
    assert len(pipeline.glue_runs("push", run_id)) == 1
    stack.kill("scheduler", "triggerer")
    restart(pipeline, "triggerer")
    wait_for_glue(pipeline, "push", run_id)
    with stack.frozen("s3"):
        restart(pipeline, "scheduler")
        hang_and_kill(pipeline, run_id, "summarize_responses", "s3")
    restart(pipeline, "scheduler")

    (summary,) = pipeline.finish(run_id)
    assert summary["not_reached"] == 0
    assert pipeline.glue_states("push", run_id) == ["SUCCEEDED"]
    tries = {name: task["try_number"] for name, task in airflow.tasks(run_id).items()}
    assert all(tries[task] >= 2 for task in tries if task not in DEFERRED), tries
