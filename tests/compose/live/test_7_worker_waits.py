"""The switch for a triggerer that cannot be relied on: with `deferrable` off, the worker does the waiting."""

from pathlib import Path

from tests.compose.airflow_api import wait_until
from tests.compose.live.conftest import USERS
from tests.compose.live.test_4_by_hand import SLOWLY
from tests.compose.stack import up
from tests.compose.world import World


def switch_off(world: World) -> None:
    """Start the stack again with the setting changed, and no triggerer at all."""
    env_file: Path = world.running.project.env_file
    env_file.write_text(env_file.read_text() + "ENGAGEMENT_DEFERRABLE=False\n")
    up(world.running.project)
    world.running.docker("stop", "triggerer")


def test_a_day_without_a_triggerer_and_a_push_that_somebody_stops(world: World) -> None:
    switch_off(world)
    day = world.day(18)
    world.arrive(day, USERS + 900)
    run_id = world.airflow.trigger(score_date=day, **SLOWLY)
    wait_until(lambda: world.airflow.states(run_id)["score_users"] == "success", 120, "the scores")
    before = world.posts()
    wait_until(lambda: world.posts() > before + 3, 60, "the push to send")
    assert world.airflow.states(run_id)["push_scores"] == "running"
    world.stop_push(run_id)

    # The operator takes a stopped run for a success when it waits in the worker; the summary does not.
    (summary,) = world.finish(run_id, state="failed")
    assert summary["tasks"]["push_scores"] == "success"
    assert "STOPPED" in summary["findings"][0]["detail"]
    world.airflow.clear(run_id, "push_scores", downstream=True)
    (summary,) = world.finish(run_id)
    assert summary["not_reached"] == 0
