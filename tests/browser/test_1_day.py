"""A day from the login to the report, as an operator sees it."""

from datetime import date

import pytest
from playwright.sync_api import expect

from tests.browser.airflow_ui import RUN_MS, TASKS, AirflowUi
from tests.browser.conftest import Shoot
from tests.browser.watch import Watch
from tests.compose.compose_stack import ComposeStack

# Includes the start of the stack, which counts as part of the first test.
pytestmark = pytest.mark.timeout(2_400)


def test_a_triggered_day_succeeds_and_links_to_its_report(
    airflow_ui: AirflowUi, compose_stack: ComposeStack, watch: Watch, today: date, shoot: Shoot
) -> None:
    page, before = airflow_ui.page, compose_stack.emulators.crm("GET", "stats")["requests"]
    airflow_ui.open_dag()
    form = airflow_ui.trigger_form()
    form.fill("Score date", today.isoformat())
    form.fill("Requests per second", "900")
    form.tick("Resend delivered")
    shoot(page, "trigger-form")
    form.submit()

    page.wait_for_url("**/runs/manual__**")
    run_id = airflow_ui.run_id
    assert compose_stack.airflow.call("GET", f"dags/customer_engagement_scoring/dagRuns/{run_id}")["conf"] == {
        "score_date": today.isoformat(),
        "push_mode": None,
        "max_requests_per_second": 900,
        "limit": None,
        "skip_drift_checks": False,
        "resend_delivered": True,
        "ignore_retry_after": False,
    }
    expect(airflow_ui.state()).to_contain_text("Success", timeout=RUN_MS)
    airflow_ui.open_run(run_id)  # reload, because the grid is updated late
    page.wait_for_load_state("networkidle")
    expect(airflow_ui.rows().filter(has_text="Success")).to_have_count(len(TASKS))
    shoot(page, "green-run")

    airflow_ui.open_task("summarize_responses")
    report = airflow_ui.follow("Delivery report")
    expect(report).to_have_title(f"Delivered · engagement scores {today}")
    rows = compose_stack.emulators.crm("GET", "stats")["requests"] - before
    expect(report.get_by_role("heading", level=1)).to_contain_text(f"{rows:,}")
    expect(report.get_by_text(run_id)).to_be_visible()
    shoot(report, "report")
    report.emulate_media(color_scheme="dark")
    shoot(report, "report-dark")
    assert watch.errors_on(report) == []
    watch.check()


def test_a_wrong_password_is_rejected(airflow_ui: AirflowUi, compose_stack: ComposeStack) -> None:
    airflow_ui.page.context.clear_cookies()
    airflow_ui.page.goto(compose_stack.url("AIRFLOW"))
    airflow_ui.page.get_by_label("Username").fill("admin")
    airflow_ui.page.get_by_label("Password").fill("admin")
    airflow_ui.page.get_by_role("button", name="Sign in").click()
    expect(airflow_ui.page.get_by_text("Invalid credentials")).to_be_visible()
