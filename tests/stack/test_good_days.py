"""Days that end well, counted at the CRM's side and computed again by other means."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest

from local.airflow import AirflowHome
from tests.stack.conftest import World
from tests.stack.costs import SETTINGS, check_costs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)


def expected_scores(extract: Path) -> dict[str, str]:
    """The score of each user by exact arithmetic, from the extract alone."""
    shares = ((Fraction(20), 10), (Fraction(25), 100), (Fraction(25), 120), (Fraction(30), 8))
    columns = "user_id, login_count, items_viewed, time_spent_minutes, cart_additions"
    rows = duckdb.read_parquet(str(extract)).project(columns).fetchall()
    scores = {}
    for user, *metrics in rows:
        exact = sum(
            share * min(Fraction(value) / cap, Fraction(1)) for value, (share, cap) in zip(metrics, shares, strict=True)
        )
        # To 8 decimals first: a double cannot hold every half, and the contract rounds it as it was meant.
        eight = Decimal(round(exact * 10**12)).scaleb(-12).quantize(Decimal("1e-8"), ROUND_HALF_UP)
        scores[user] = str(eight.quantize(Decimal("0.01"), ROUND_HALF_UP))
    return scores


def test_a_day_is_delivered_and_never_twice(world: World) -> None:
    extract = world.upload("2026-11-23")
    with world.subscribed() as told:
        first = world.run_day("2026-11-23", settings=SETTINGS)
        messages = told()

    assert first.exit_code == 0, first.log[-3000:]
    assert set(first.states.values()) == {"success"}
    assert [one["Subject"] for one in messages] == ["OK engagement scores 2026-11-23: 10,000 of 10,000 delivered"]
    assert not re.search(r"U\d{9}", messages[0]["Message"])
    expected = expected_scores(extract)
    assert len(expected) == 10_000
    assert world.crm_scores() == expected
    assert world.crm_stats()["requests"] == 10_000
    assert first.summary["outcomes"]["delivered"] == first.summary["rows"] == 10_000
    assert first.summary["posts"] == 10_000
    user, score = next(iter(expected.items()))
    (request,) = world.stack.crm("GET", "requests", params={"user_id": user})
    assert request["body"] == f'{{"user_id": "{user}", "engagement_score": "{score}"}}'
    assert request["content_type"] == "application/json"
    report = (world.output / first.summary["report_key"]).read_text()
    assert "10,000" in report
    assert "<script" not in report
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


def test_a_push_killed_half_way_is_completed_by_its_retry(world: World) -> None:
    extract = world.upload("2026-11-22")
    killed: list[int] = []

    def kill(home: AirflowHome) -> None:
        def users() -> int:
            return int(world.crm_stats()["users"])

        wait_until(lambda: users() >= 4000, "the push to get going", lambda: f"{home.states()}", every=0.2, limit=300)
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
    # Sent twice: at most what each of the 4 tasks had under way (64) or not yet flushed (1,000), with the old keys.
    assert 10_000 <= stats["requests"] <= 10_000 + 4 * (64 + 1_000)
    assert stats["keys"] == 10_000
    assert len(ended.summary["attempts"]) == 2
    # The killed attempt is told too, but for what its tasks had not flushed.
    assert stats["requests"] - 4 * (64 + 1_000) <= ended.summary["posts"] <= stats["requests"]
    assert ended.summary["attempts"][0]["posts"] >= killed[0] - 4 * (64 + 1_000)


def test_an_old_date_whose_extract_comes_late_is_only_planned_unless_asked_for(world: World) -> None:
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
