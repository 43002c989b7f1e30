"""Text from outside is never treated as markup: in the report, on the dashboard and in Airflow's log."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from playwright.sync_api import Page, expect

from local.extract import write_extract
from tests.browser.airflow_ui import AirflowUi
from tests.browser.watch import IMAGE, SCRIPT, Watch
from tests.compose.compose_stack import ComposeStack

pytestmark = pytest.mark.timeout(2_400)
USERS = 20


def upload_extract(compose_stack: ComposeStack, folder: Path, day: date, columns: str) -> None:
    """Upload an extract.

    :param columns: its columns, as SQL over a valid extract
    """
    valid, hostile = folder / "valid.parquet", folder / "hostile.parquet"
    write_extract(valid, USERS, day)
    with duckdb.connect() as connection:
        connection.read_parquet(str(valid)).project(columns).write_parquet(str(hostile))
    compose_stack.emulators.upload_activity(hostile, day.isoformat())


def run_day(compose_stack: ComposeStack, day: date) -> str:
    """Run a day, which must fail; return the run id."""
    run_id = compose_stack.airflow.trigger(score_date=day.isoformat(), push_mode="all")
    state, _ = compose_stack.airflow.finish(run_id)
    assert state == "failed", compose_stack.airflow.states(run_id)
    return run_id


def expect_text_everywhere(airflow_ui: AirflowUi, run_id: str, text: str) -> Page:
    """Expect a text in the log of a run, in its report and on the dashboard; return the report."""
    airflow_ui.open_run(run_id)
    airflow_ui.open_task("summarize_responses")
    expect(airflow_ui.page.get_by_text(text).first).to_be_visible()
    report = airflow_ui.follow("Delivery report")
    expect(report.get_by_text(text).first).to_be_visible()
    dashboard = airflow_ui.open_plugin("Engagement delivery")
    expect(dashboard.get_by_text(text).first).to_be_visible()
    return report


def test_column_names_are_never_markup(
    airflow_ui: AirflowUi, compose_stack: ComposeStack, watch: Watch, today: date, tmp_path: Path
) -> None:
    # The error message for the extract lists its columns. The newest date is at the top of the dashboard.
    day = today + timedelta(days=1)
    quoted = ", ".join(f'1 AS "{text.replace(chr(34), chr(34) * 2)}"' for text in (SCRIPT, IMAGE))
    upload_extract(compose_stack, tmp_path, day, f"user_id, {quoted}")
    run_id = run_day(compose_stack, day)
    report = expect_text_everywhere(airflow_ui, run_id, SCRIPT)
    expect(report.get_by_role("listitem").first).to_contain_text(IMAGE)
    assert watch.errors_on(report) == []
    watch.check()


def test_user_ids_and_crm_responses_are_never_markup(
    airflow_ui: AirflowUi, compose_stack: ComposeStack, watch: Watch, today: date, tmp_path: Path
) -> None:
    day = today - timedelta(days=10)
    problem: Any = {"type": f"https://crm.example/{SCRIPT}", "title": IMAGE, "detail": SCRIPT}
    users = [SCRIPT, IMAGE]
    literal = ", ".join(f"'{user}'" for user in users)
    upload_extract(
        compose_stack, tmp_path, day, f"* REPLACE (coalesce([{literal}][row_number() OVER ()], user_id) AS user_id)"
    )
    fault = {"status": 422, "content_type": "application/problem+json", "body": problem, "for_users": users}
    compose_stack.emulators.crm("PUT", "faults", json=fault)
    try:
        run_id = run_day(compose_stack, day)
    finally:
        compose_stack.emulators.crm("DELETE", "faults")
    report = expect_text_everywhere(airflow_ui, run_id, "not reached")
    # The other users are superseded. A run of two users who both get the same refusal leaves them open.
    expect(report.get_by_role("row", name="http_422_shared deferred 422")).to_contain_text("2")
    assert watch.errors_on(report) == []
    watch.check()
