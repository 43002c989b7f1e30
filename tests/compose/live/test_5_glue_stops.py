"""Glue runs of one day that are stopped, killed and timed out, one attempt each."""

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import PUSH_ALL
from tests.compose.live.test_4_by_hand import wait_for_sending
from tests.compose.pipeline import Pipeline
from tests.support.waiting import wait_until


def set_timeout(pipeline: Pipeline, minutes: int) -> None:
    """Change only the Timeout of the push job."""
    glue, name = pipeline.stack.emulators.client("glue"), pipeline.stack.emulators.outputs["PushJobName"]
    members = set(glue.meta.service_model.shape_for("JobUpdate").members) - {"AllocatedCapacity", "MaxCapacity"}
    job = {member: value for member, value in glue.get_job(JobName=name)["Job"].items() if member in members and value}
    glue.update_job(JobName=name, JobUpdate={**job, "Timeout": minutes})


def test_a_stopped_a_killed_and_a_timed_out_attempt(pipeline: Pipeline) -> None:
    day = pipeline.day(14)
    pipeline.upload_extract(day, USERS + 2_050)  # more users than three attempts can send
    usual = pipeline.stack.emulators.client("glue").get_job(JobName=pipeline.stack.emulators.outputs["PushJobName"])
    run_id = pipeline.airflow.trigger(score_date=day, **PUSH_ALL)
    with pipeline.slow_push(6):
        wait_for_sending(pipeline, run_id)
        wait_until(lambda: bool(pipeline.read_objects(f"responses/dt={day}/", "/agg-canary.json")), "the canary to end")
        pipeline.stop_push(run_id)

        # The task may pass through up_for_retry unseen, so wait for the try number.
        wait_until(lambda: pipeline.airflow.tasks(run_id)["push_scores"]["try_number"] == 2, "the second attempt")
        wait_for_sending(pipeline, run_id)
        set_timeout(pipeline, 1)  # applies to the third attempt
        pipeline.kill_push(run_id)

        (summary,) = pipeline.finish(run_id, state="failed")
    states = pipeline.glue_states("push", run_id)
    assert states == ["STOPPED", "FAILED", "TIMEOUT"]
    assert summary["outcomes"]["delivered"] > 100  # at least by the canary of the first attempt
    assert summary["findings"][0]["task"] == "push_scores"
    assert "ended TIMEOUT" in summary["findings"][0]["detail"]

    set_timeout(pipeline, usual["Job"]["Timeout"])
    pipeline.complete(run_id, "push_scores")
