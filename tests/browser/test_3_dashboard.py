"""The dashboard "Engagement delivery" in Airflow: available to logged-in users only."""

import re

import pytest
from playwright.sync_api import FrameLocator, expect

from tests.browser.airflow_ui import AirflowUi
from tests.browser.conftest import NewContext, Shoot
from tests.browser.watch import Watch
from tests.compose.compose_stack import ComposeStack

pytestmark = pytest.mark.timeout(2_400)
NAME = "Engagement delivery"


def background(frame: FrameLocator) -> str:
    color: str = frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    return color


def test_the_dashboard_shows_runs_and_links_to_reports(airflow_ui: AirflowUi, watch: Watch, shoot: Shoot) -> None:
    page = airflow_ui.page
    dashboard = airflow_ui.open_plugin(NAME)
    runs = dashboard.get_by_role("row").filter(has_text="Success")
    expect(runs.first).to_contain_text(re.compile("scheduled|manual"))
    light = background(dashboard)
    shoot(page, "page")

    airflow_ui.use_dark_mode()
    expect(dashboard.get_by_role("heading", level=1)).to_be_visible()
    assert background(dashboard) != light
    shoot(page, "page-dark")

    runs.get_by_role("link", name="Report").first.click()
    report = dashboard.frame_locator("iframe")
    expect(report.get_by_role("heading", name="Identifiers")).to_be_visible()
    dashboard.get_by_role("link", name="All runs").click()
    expect(runs.first).to_be_visible()
    watch.check()


def test_the_dashboard_requires_a_login(
    airflow_ui: AirflowUi, compose_stack: ComposeStack, new_context: NewContext
) -> None:
    dashboard = airflow_ui.open_plugin(NAME)
    run = dashboard.get_by_role("link", name="Report").first.get_attribute("href")
    logged_in, logged_out = airflow_ui.page.context.request, new_context().request
    for path in ("", f"{run}", f"{run}/report", f"{run}/summary"):
        url = f"{compose_stack.url('AIRFLOW')}/engagement/{path}"
        assert (logged_in.get(url).status, logged_out.get(url).status) == (200, 401), url
    for path in ("docs", "openapi.json", "nothing"):
        assert logged_out.get(f"{compose_stack.url('AIRFLOW')}/engagement/{path}").status == 401, path
