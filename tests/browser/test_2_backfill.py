"""A backfill from the UI."""

from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.airflow_ui import RUN_MS, AirflowUi
from tests.browser.conftest import Shoot
from tests.compose.compose_stack import ComposeStack

pytestmark = pytest.mark.timeout(2_400)


def test_two_days_are_backfilled(airflow_ui: AirflowUi, compose_stack: ComposeStack, today: date, shoot: Shoot) -> None:
    page = airflow_ui.page
    days = [(today - timedelta(days=back)).isoformat() for back in (2, 1)]
    airflow_ui.open_dag()
    form = airflow_ui.trigger_form()
    form.choose_backfill(days[0], days[1])
    form.expect_text("2 runs will be triggered.")
    shoot(page, "backfill-form")
    form.submit("Run Backfill")

    # Wait for the runs, because Airflow may not show a banner: docs/guides/operations.md, Backfills.
    airflow_ui.open_dag("runs")
    for day in days:
        row = airflow_ui.rows().filter(has_text=f"{day} 03:00:00")
        expect(row).to_contain_text("Success", timeout=RUN_MS)
        expect(row).to_contain_text("Backfill")
    shoot(page, "backfill-done")
    airflow_ui.open_dag("backfills")
    newest = airflow_ui.rows().filter(has_text=f"{days[0]} 00:00:00").first
    expect(newest).to_contain_text("All Runs")
    # The scores of today are delivered already, so no user gets an older one.
    for day in days:
        run = next(run for run in compose_stack.airflow.runs().values() if (run["logical_date"] or "").startswith(day))
        links = f"dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances/summarize_responses/links"
        report = page.context.new_page()
        report.goto(compose_stack.airflow.call("GET", links)["extra_links"]["Delivery report"])
        expect(report.get_by_role("row").filter(has_text="superseded")).to_contain_text("100 %")
