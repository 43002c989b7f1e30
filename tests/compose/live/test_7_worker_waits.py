"""With `deferrable` switched off, workers wait for Glue runs, and no triggerer is needed."""

from collections.abc import Iterator

import pytest

from tests.compose.compose_stack import up
from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import PUSH_ALL
from tests.compose.pipeline import Pipeline
from tests.support.waiting import wait_until


@pytest.fixture
def _without_a_triggerer(pipeline: Pipeline) -> Iterator[None]:
    """Restart the stack with the setting changed and the triggerer stopped.

    The setting remains until the next `up`, to save a minute: the following tests only read.
    """
    env_file = pipeline.stack.project.env_file
    before = env_file.read_text()
    env_file.write_text(before + "ENGAGEMENT_DEFERRABLE=False\n")
    try:
        up(pipeline.stack.project)
        pipeline.stack.docker("stop", "triggerer")
        yield
    finally:
        env_file.write_text(before)
        pipeline.stack.docker("start", "triggerer")


@pytest.mark.usefixtures("_without_a_triggerer")
def test_a_stopped_push_without_a_triggerer_fails_the_run(pipeline: Pipeline) -> None:
    day = pipeline.day(18)
    pipeline.upload_extract(day, USERS + 2_550)
    run_id = pipeline.airflow.trigger(score_date=day, **PUSH_ALL)
    with pipeline.slow_push():
        wait_until(lambda: pipeline.airflow.states(run_id)["score_users"] == "success", "the scores")
        before = pipeline.request_count()
        wait_until(lambda: pipeline.request_count() > before + 3, "the push to send")
    assert pipeline.airflow.states(run_id)["push_scores"] == "running"
    pipeline.stop_push(run_id)

    # When it waits in the worker, GlueJobOperator treats a stopped run as a success. The summary does not.
    (summary,) = pipeline.finish(run_id, state="failed")
    assert summary["tasks"]["push_scores"] == "success"
    assert "STOPPED" in summary["findings"][0]["detail"]
    pipeline.complete(run_id, "push_scores")
