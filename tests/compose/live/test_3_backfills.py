"""Backfills of processed, failed, new and old days, forward and backward."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.compose.live.conftest import USERS
from tests.compose.live.test_2_runs import PUSH_ALL
from tests.compose.pipeline import Pipeline
from tests.support.waiting import wait_until


def try_numbers(pipeline: Pipeline, *days: str) -> list[int]:
    """Return the try number of the last task of each day's run."""
    runs = [pipeline.run_id_of(day) for day in days]
    return [pipeline.airflow.tasks(run)["summarize_responses"]["try_number"] for run in runs]


def outcomes(summary: dict[str, Any]) -> dict[str, int]:
    """Return the outcomes that are not 0."""
    return {outcome: rows for outcome, rows in summary["outcomes"].items() if rows}


@contextmanager
def no_new_runs(pipeline: Pipeline) -> Iterator[None]:
    """Keep Airflow from creating the runs of a backfill until the block ends, by a lock in the database."""
    database = ["docker", "exec", "-i", pipeline.stack.project.containers()["postgres"].id, "psql", "-qtU", "airflow"]
    with subprocess.Popen(database, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdin
        assert session.stdout
        session.stdin.write("BEGIN; LOCK TABLE backfill_dag_run IN EXCLUSIVE MODE; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline().strip() == "locked"
        yield
        session.stdin.close()  # rolls back and releases the lock


def test_an_invalid_extract_fails_the_run(pipeline: Pipeline) -> None:
    day = pipeline.day(4)
    pipeline.upload_invalid_extract(day)
    (summary,) = pipeline.finish_backfill(
        pipeline.airflow.backfill(day, day, dag_run_conf=PUSH_ALL), day, state="failed"
    )
    assert summary["findings"][0]["task"] == "check_activity"


def test_reprocess_none_runs_nothing_again(pipeline: Pipeline) -> None:
    days = [pipeline.day(back) for back in (4, 2, 1, 0)]
    before = try_numbers(pipeline, *days)
    pipeline.finish_backfill(pipeline.airflow.backfill(days[0], days[-1], reprocess_behavior="none"))
    assert try_numbers(pipeline, *days) == before
    assert "failed" in {run["state"] for run in pipeline.airflow.runs().values()}


def test_reprocess_failed_runs_only_the_failed_day_again(pipeline: Pipeline) -> None:
    broken, *done = [pipeline.day(back) for back in (4, 2, 1, 0)]
    before = try_numbers(pipeline, *done)
    pipeline.upload_extract(broken, USERS + 40)
    backfill = pipeline.airflow.backfill(broken, done[-1], reprocess_behavior="failed")
    (summary,) = pipeline.finish_backfill(backfill, broken)
    assert try_numbers(pipeline, *done) == before
    # The run keeps its push mode. Only users without a later score in the CRM are sent.
    assert outcomes(summary) == {"delivered": 20, "superseded": USERS + 20}


def test_reprocess_completed_sends_nothing_twice(pipeline: Pipeline) -> None:
    days = [pipeline.day(1), pipeline.day()]
    before, posts = try_numbers(pipeline, *days), pipeline.request_count()
    backfill = pipeline.airflow.backfill(*days, reprocess_behavior="completed", dag_run_conf={"resend_delivered": True})
    summaries = pipeline.finish_backfill(backfill, *days)
    assert try_numbers(pipeline, *days) == [number + 1 for number in before]
    scheduled = pipeline.airflow.runs()[pipeline.run_id_of(pipeline.day())]
    # A repeated run keeps its id and conf, whatever the conf of the backfill.
    assert (scheduled["run_type"], scheduled["dag_run_id"][:11]) == ("backfill", "scheduled__")
    assert scheduled["conf"] == {}
    assert outcomes(summaries[1]) == {"delivered": USERS}
    assert set(outcomes(summaries[0])) <= {"delivered", "superseded"}  # depends on the order of the two days
    assert pipeline.request_count() == posts


def test_old_days_are_dry_runs(pipeline: Pipeline) -> None:
    days, posts = [pipeline.day(7), pipeline.day(6)], pipeline.request_count()
    for users, day in zip((USERS + 60, USERS + 50), days, strict=True):
        pipeline.upload_extract(day, users)
    summaries = pipeline.finish_backfill(pipeline.airflow.backfill(*days), *days)
    assert [summary["mode"] for summary in summaries] == ["dry_run", "dry_run"]
    assert [outcomes(summary)["planned"] for summary in summaries] == [20, 10]
    assert pipeline.request_count() == posts


def test_a_backfill_that_airflow_completes_too_early(pipeline: Pipeline) -> None:
    """Airflow 3.2.1 commits a backfill before its runs, so a scheduler may find none and mark it as completed."""
    days, posts = [pipeline.day(8), pipeline.day(5)], pipeline.request_count()
    for day in days:
        pipeline.upload_extract(day, USERS)
    known = len(pipeline.airflow.backfills())
    with ThreadPoolExecutor(1) as pool:
        with no_new_runs(pipeline):
            backfill = pool.submit(pipeline.airflow.backfill, *days, max_active_runs=1)
            wait_until(lambda: len(pipeline.airflow.backfills()) > known, "the backfill")
            number = max(pipeline.airflow.backfills())
            wait_until(lambda: pipeline.airflow.backfill_is_done(number), "the backfill to be marked as completed")
        assert backfill.result() == number
    # It can no longer be paused or canceled. Its runs continue, one at a time, and the days in between have none.
    summaries = pipeline.finish_backfill(number, *days)
    assert [summary["mode"] for summary in summaries] == ["dry_run", "dry_run"]
    first, second = (pipeline.airflow.runs()[pipeline.run_id_of(day)] for day in days)
    assert first["end_date"] <= second["start_date"]
    assert pipeline.request_count() == posts


def test_a_backward_backfill_needs_a_push_mode_to_send(pipeline: Pipeline) -> None:
    days = [pipeline.day(7), pipeline.day(6)]
    backfill = pipeline.airflow.backfill(*days, reprocess_behavior="completed", run_backwards=True, max_active_runs=1)
    planned = pipeline.finish_backfill(backfill, *days)
    assert [summary["mode"] for summary in planned] == ["dry_run", "dry_run"]  # without a conf

    earlier = [pipeline.day(10), pipeline.day(9)]
    for users, day in zip((USERS + 80, USERS + 70), earlier, strict=True):
        pipeline.upload_extract(day, users)
    backfill = pipeline.airflow.backfill(*earlier, run_backwards=True, max_active_runs=1, dag_run_conf=PUSH_ALL)
    older, newer = pipeline.finish_backfill(backfill, *earlier)
    started_at = [pipeline.airflow.runs()[pipeline.run_id_of(day)]["start_date"] for day in earlier]
    assert started_at[0] > started_at[1]
    assert outcomes(newer) == {"delivered": 30, "superseded": USERS + 40}
    assert outcomes(older) == {"delivered": 10, "superseded": USERS + 70}
