"""The switch for a triggerer that cannot be relied on: with `deferrable` off, the worker does the waiting."""

from collections.abc import Iterator

import pytest

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import EVERYBODY
from tests.compose.stack import up
from tests.compose.world import World
from tests.support.waiting import wait_until


@pytest.fixture
def _without_a_triggerer(world: World) -> Iterator[None]:
    """The stack started again with the setting changed, and no triggerer at all.

    It stays like that, which spares a minute: what comes afterwards only looks. The next `up` undoes it.
    """
    env_file = world.running.project.env_file
    before = env_file.read_text()
    env_file.write_text(before + "ENGAGEMENT_DEFERRABLE=False\n")
    try:
        up(world.running.project)
        world.running.docker("stop", "triggerer")
        yield
    finally:
        env_file.write_text(before)
        world.running.docker("start", "triggerer")


@pytest.mark.usefixtures("_without_a_triggerer")
def test_a_day_without_a_triggerer_and_a_stopped_push(world: World) -> None:
    day = world.day(18)
    world.arrive(day, USERS + 2_550)
    run_id = world.airflow.trigger(score_date=day, **EVERYBODY)
    with world.slowly():
        wait_until(lambda: world.airflow.states(run_id)["score_users"] == "success", "the scores")
        before = world.posts()
        wait_until(lambda: world.posts() > before + 3, "the push to send")
    assert world.airflow.states(run_id)["push_scores"] == "running"
    world.stop_push(run_id)

    # The operator takes a stopped run for a success when it waits in the worker; the summary does not.
    (summary,) = world.finish(run_id, state="failed")
    assert summary["tasks"]["push_scores"] == "success"
    assert "STOPPED" in summary["findings"][0]["detail"]
    world.complete(run_id, "push_scores")
