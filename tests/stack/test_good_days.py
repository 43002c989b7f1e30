"""Days that succeed, counted at the CRM and with independently computed scores."""

from __future__ import annotations

import pytest

from local.airflow_home import AirflowHome
from tests.stack.conftest import World
from tests.stack.costs import SETTINGS, check_costs
from tests.stack.expected import expected_scores
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)


def test_ten_thousand_users_are_sent_once_at_reported_cost(world: World) -> None:
    extract = world.upload("2026-11-23")
    first = world.run_day("2026-11-23", settings=SETTINGS)

    assert first.exit_code == 0, first.log[-3000:]
    expected = expected_scores(extract)
    assert world.crm_scores() == expected
    check_costs(world, first)

    scores = world.output / "scores" / "dt=2026-11-23"
    written = sorted(path.read_bytes() for path in scores.glob("part-*.csv"))
    lines = b"".join(written).decode().splitlines()
    assert lines[0] == "UserID,Calculated_Score,Timestamp"
    stamp = first.summary["scores"]["scored_at"]
    assert sorted(lines[1:]) == sorted(f"{name},{value},{stamp}" for name, value in expected.items())

    again = world.run_day("2026-11-23")
    assert again.exit_code == 0, again.log[-3000:]
    assert world.crm_stats()["requests"] == 10_000
    assert again.summary["outcomes"]["delivered"] == 10_000
    assert again.summary["posts"] == 0


def test_the_retry_completes_a_killed_push(world: World) -> None:
    extract = world.upload("2026-11-22")
    killed: list[int] = []

    def kill(home: AirflowHome) -> None:
        def users() -> int:
            return int(world.crm_stats()["users"])

        wait_until(
            lambda: users() >= 4000, "the push to have sent 4,000", lambda: f"{home.states()}", every=0.2, limit=300
        )
        (run,) = world.push_runs("2026-11-22")
        killed.append(users())
        world.stack.client("glue").batch_stop_job_run(JobName=run["JobName"], JobRunIds=[run["Id"]])

    ended = world.run_day(
        "2026-11-22",
        settings={"max_requests_per_second": 500},
        config={"push_retries": 1, "push_retry_delay_seconds": 1},
        meanwhile=kill,
    )

    assert killed[0] < 9000
    assert ended.exit_code == 0, ended.log[-3000:]
    assert world.crm_scores() == expected_scores(extract)
    stats = world.crm_stats()
    assert stats["duplicates"]["applied_per_key"] == 0
    # Sent twice, with the same keys: at most what each of the 4 tasks had in flight (64) or not yet flushed (1,000).
    assert 10_000 <= stats["requests"] <= 10_000 + 4 * (64 + 1_000)
    assert stats["keys"] == 10_000
    assert len(ended.summary["attempts"]) == 2
    # The summary includes the killed attempt, except for what its tasks had not flushed.
    assert stats["requests"] - 4 * (64 + 1_000) <= ended.summary["posts"] <= stats["requests"]
    assert ended.summary["attempts"][0]["posts"] >= killed[0] - 4 * (64 + 1_000)


def test_an_old_date_is_only_planned_by_default(world: World) -> None:
    variable = world.stack.settings()
    home = AirflowHome(world.folder / "airflow", world.stack.env, variable)
    log = world.folder / "old.log"
    with home.dag_run(log, {"score_date": "2026-01-05"}) as process:
        wait_until(lambda: home.states().get("wait_for_activity") == "deferred", "the sensor", every=0.2, limit=300)
        world.upload("2026-01-05", rows=500)
        assert process.wait(400) == 0, log.read_text()[-3000:]

    assert world.crm_stats()["requests"] == 0
    assert not (world.output / "responses" / "dt=2026-01-05").exists()
    assert not (world.output / "summaries" / "dt=2026-01-05").exists()
    (summary,) = (world.output / "dry_runs").glob("*/summary.json")
    assert '"planned": 500' in summary.read_text()
