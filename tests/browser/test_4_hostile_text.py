"""Text from outside is markup nowhere: not in the report, not on the page of all runs, not in Airflow's log."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Page, expect

from local.extract import write_extract
from tests.browser.airflow_ui import AirflowUi
from tests.browser.watch import IMAGE, SCRIPT, Watch
from tests.compose.stack import Running

pytestmark = pytest.mark.timeout(2_400)
USERS = 20


def arrive(running: Running, folder: Path, day: date, columns: str) -> None:
    """Let an extract arrive whose columns are these, as SQL over a good one's."""
    good, bad = folder / "good.parquet", folder / "bad.parquet"
    write_extract(good, USERS, day)
    with duckdb.connect() as connection:
        connection.read_parquet(str(good)).project(columns).write_parquet(str(bad))
    running.world.upload_activity(bad, day.isoformat())


def run_day(running: Running, day: date) -> str:
    """A run of that day to its end, which is to be red; give its id."""
    run_id = running.airflow.trigger(score_date=day.isoformat(), push_mode="all")
    state, _ = running.airflow.finish(run_id)
    assert state == "failed", running.airflow.states(run_id)
    return run_id


def look_everywhere(airflow_ui: AirflowUi, run_id: str, words: str) -> Page:
    """See words of a run in its log, in its report and on the page of all runs; give the report."""
    airflow_ui.open_run(run_id)
    airflow_ui.open_task("summarize_responses")
    expect(airflow_ui.page.get_by_text(words).first).to_be_visible()
    report = airflow_ui.follow("Delivery report")
    expect(report.get_by_text(words).first).to_be_visible()
    dashboard = airflow_ui.open_plugin("Engagement delivery")
    expect(dashboard.get_by_text(words).first).to_be_visible()
    return report


def test_names_of_columns(airflow_ui: AirflowUi, running: Running, watch: Watch, today: date, tmp_path: Path) -> None:
    # The message of the job that refuses the extract names the columns that it found. The newest date leads the page.
    day = today + timedelta(days=1)
    quoted = ", ".join(f'1 AS "{text.replace(chr(34), chr(34) * 2)}"' for text in (SCRIPT, IMAGE))
    arrive(running, tmp_path, day, f"user_id, {quoted}")
    run_id = run_day(running, day)
    report = look_everywhere(airflow_ui, run_id, SCRIPT)
    expect(report.get_by_role("listitem").first).to_contain_text(IMAGE)
    assert watch.errors_on(report) == []
    watch.check()


def test_user_ids_and_answers_of_the_crm(
    airflow_ui: AirflowUi, running: Running, watch: Watch, today: date, tmp_path: Path
) -> None:
    day = today - timedelta(days=10)
    refused: Any = {"type": f"https://crm.example/{SCRIPT}", "title": IMAGE, "detail": SCRIPT}
    users = [SCRIPT, IMAGE]
    literal = ", ".join(f"'{user}'" for user in users)
    arrive(running, tmp_path, day, f"* REPLACE (coalesce([{literal}][row_number() OVER ()], user_id) AS user_id)")
    fault = {"status": 422, "content_type": "application/problem+json", "body": refused, "for_users": users}
    running.world.crm("PUT", "faults", json=fault)
    try:
        run_id = run_day(running, day)
    finally:
        running.world.crm("DELETE", "faults")
    report = look_everywhere(airflow_ui, run_id, "not reached")
    expect(report.get_by_role("row").filter(has_text="http_422")).to_contain_text("2")
    assert watch.errors_on(report) == []
    watch.check()
