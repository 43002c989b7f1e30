"""A Glue run that somebody stops, that dies, and that runs into its Timeout: the same day, one attempt each."""

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY
from tests.compose.live.test_4_by_hand import pushing
from tests.compose.world import World
from tests.support.waiting import wait_until


def set_timeout(world: World, minutes: int) -> None:
    """Change the push job's Timeout, and nothing else of it."""
    glue, name = world.running.world.client("glue"), world.running.world.outputs["PushJobName"]
    members = set(glue.meta.service_model.shape_for("JobUpdate").members) - {"AllocatedCapacity", "MaxCapacity"}
    job = {member: value for member, value in glue.get_job(JobName=name)["Job"].items() if member in members and value}
    glue.update_job(JobName=name, JobUpdate={**job, "Timeout": minutes})


def test_stopped_killed_and_timed_out(world: World) -> None:
    day = world.day(14)
    world.arrive(day, USERS + 2_050)  # more than three attempts can send
    usual = world.running.world.client("glue").get_job(JobName=world.running.world.outputs["PushJobName"])
    run_id = world.airflow.trigger(score_date=day, **EVERYBODY)
    with world.slowly(6):
        pushing(world, run_id)
        wait_until(lambda: bool(world.documents(f"responses/dt={day}/", "/agg-canary.json")), "the end of its canary")
        world.stop_push(run_id)

        # Not for the state before it, which passes.
        wait_until(lambda: world.airflow.tasks(run_id)["push_scores"]["try_number"] == 2, "the second attempt")
        pushing(world, run_id)
        set_timeout(world, 1)  # of the attempt after this one
        world.kill_push(run_id)

        (summary,) = world.finish(run_id, state="failed")
    states = world.glue_states("push", run_id)
    assert states == ["STOPPED", "FAILED", "TIMEOUT"]
    assert summary["outcomes"]["delivered"] > 100  # by that canary, whatever the last attempt came to
    assert summary["findings"][0]["task"] == "push_scores"
    assert "ended TIMEOUT" in summary["findings"][0]["detail"]

    set_timeout(world, usual["Job"]["Timeout"])
    world.complete(run_id, "push_scores")
