"""The page "Engagement delivery" in Airflow: there for whoever is logged in, and for nobody else."""

import re

import pytest
from playwright.sync_api import FrameLocator, expect

from tests.browser.airflow_ui import AirflowUi
from tests.browser.conftest import NewContext, Shoot
from tests.browser.watch import Watch
from tests.compose.stack import Running

pytestmark = pytest.mark.timeout(2_400)
NAME = "Engagement delivery"


def background(frame: FrameLocator) -> str:
    found: str = frame.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    return found


def test_the_runs_are_shown_in_airflow_and_lead_to_their_reports(
    airflow_ui: AirflowUi, watch: Watch, shoot: Shoot
) -> None:
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


def test_nobody_sees_anything_without_a_login(airflow_ui: AirflowUi, running: Running, new_context: NewContext) -> None:
    dashboard = airflow_ui.open_plugin(NAME)
    run = dashboard.get_by_role("link", name="Report").first.get_attribute("href")
    inside, outside = airflow_ui.page.context.request, new_context().request
    for path in ("", f"{run}", f"{run}/report", f"{run}/summary"):
        url = f"{running.url('AIRFLOW')}/engagement/{path}"
        assert (inside.get(url).status, outside.get(url).status) == (200, 401), url
    for path in ("docs", "openapi.json", "nothing"):
        assert outside.get(f"{running.url('AIRFLOW')}/engagement/{path}").status == 401, path
