"""A push whose Airflow task fails while its Glue run goes on: numbers are limits, and a text says who stopped it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.airflow_home import AirflowHome
from tests.stack.conftest import World
from tests.stack.expected import expected_scores
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)

DAY, USERS, RATE = "2026-10-12", 3_000, 50
MAX_WITHOUT_LINE = 4 * 64 + 5 * RATE  # in flight in four tasks, and results of the seconds before the stop


def test_a_push_that_outlives_its_task_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = world.upload(DAY, rows=USERS)
    throttled = world.folder / "throttled"
    monkeypatch.setenv("THROTTLED_GLUE", str(throttled))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("throttling")))

    def throttle(home: AirflowHome) -> None:
        def users() -> int:
            return int(world.crm_stats()["users"])

        wait_until(
            lambda: users() >= 400, "the push to have sent 400", lambda: f"{home.states()}", every=0.2, limit=300
        )
        throttled.touch()

    with world.subscribed() as received:
        ended = world.run_day(
            DAY, settings={"max_requests_per_second": RATE}, config={"deferrable": False}, meanwhile=throttle
        )
        (message,) = received()
    throttled.unlink()

    (run,) = world.push_runs(DAY)
    assert (ended.exit_code, run["JobRunState"]) == (1, "STOPPED")
    applied, summary = world.crm_stats()["users"], ended.summary
    delivered, not_reached = summary["outcomes"]["delivered"], summary["not_reached"]
    assert applied < USERS
    assert applied - MAX_WITHOUT_LINE <= delivered <= applied
    assert delivered + not_reached == USERS
    assert summary["counts_complete"] is False
    assert summary["generated_from"]["ledger_lines"] > 111
    assert summary["posts"] <= world.crm_stats()["requests"]

    cause = (
        "push_scores failed: ClientError: An error occurred (ThrottlingException) when calling the GetJobRun "
        f"operation: Rate exceeded; summarize_responses stopped its Glue run {run['Id']}, which was still active"
    )
    limits = f"At least {delivered:,} of 3,000 scores for {DAY} were delivered; at most {not_reached:,} users were not"
    for text in (summary["headline"], message["Message"], ended.log):
        assert cause in text
        assert limits in text
    assert message["Subject"].endswith(f"push_scores failed, at least {delivered:,} of 3,000 delivered")
    report = (world.output / summary["report_key"]).read_text()
    assert f"at least {delivered:,} of 3,000" in report

    later = world.run_day(DAY)
    assert later.exit_code == 0, later.log[-3000:]
    assert world.crm_scores() == expected_scores(extract)
    assert later.summary["outcomes"]["delivered"] == USERS
    assert later.summary["counts_complete"] is True
    assert world.crm_stats()["duplicates"]["applied_per_key"] == 0
    assert world.crm_stats()["keys"] == USERS
