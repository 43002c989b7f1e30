"""The CRM stand-in's own page: behind a login, live, and in both colour schemes."""

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Shoot
from tests.browser.watch import IMAGE, SCRIPT, Watch
from tests.compose.stack import Running

pytestmark = pytest.mark.timeout(2_400)


def post(running: Running, user_id: str, score: str) -> int:
    return requests.post(
        f"{running.url('CRM')}/api/v1/update-score",
        json={"user_id": user_id, "engagement_score": score},
        headers={"Authorization": f"Bearer {running.env['ENGAGEMENT_CRM_TOKEN']}"},
        timeout=30,
    ).status_code


def background(page: Page) -> str:
    found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


def test_the_page_shows_what_comes_while_one_looks(
    new_context: NewContext, running: Running, crm_login: dict[str, str], shoot: Shoot
) -> None:
    context = new_context(http_credentials=crm_login)
    watch = Watch(context)
    page = context.new_page()
    page.goto(running.url("CRM"))
    requests_so_far = running.world.crm("GET", "stats")["requests"]
    expect(page.locator("dl > div").filter(has_text="Requests")).to_contain_text(f"{requests_so_far:,}")
    shoot(page, "crm")

    assert post(running, "U-someone-new", "12.34") == 200
    row = page.get_by_role("row").filter(has_text="U-someone-new")
    expect(row).to_contain_text("12.34")  # without a reload: it refreshes itself
    expect(row).to_contain_text("200")

    light = background(page)
    page.emulate_media(color_scheme="dark")
    assert background(page) != light
    shoot(page, "crm-dark")
    assert watch.errors_on(page) == []
    watch.check()


@pytest.mark.parametrize("text", [SCRIPT, IMAGE])
def test_what_clients_send_is_shown_as_text(
    new_context: NewContext, running: Running, crm_login: dict[str, str], text: str
) -> None:
    running.world.crm("PUT", "faults", json={"status": 422, "body": text, "for_users": [text + "2"]})
    try:
        assert [post(running, text, "1.00"), post(running, text + "2", "1.00")] == [200, 422]
        context = new_context(http_credentials=crm_login)
        watch = Watch(context)
        page = context.new_page()
        page.goto(f"{running.url('CRM')}/?still")
        expect(page.get_by_role("cell", name=text, exact=True).first).to_be_visible()
        expect(page.get_by_role("heading", name="Fault:")).to_contain_text(text.replace('"', '\\"'))
        assert watch.errors_on(page) == []
        watch.check()
    finally:
        running.world.crm("DELETE", "faults")


def test_nobody_sees_it_without_the_token(new_context: NewContext, running: Running) -> None:
    asked = new_context().request.get(running.url("CRM"))
    assert (asked.status, asked.headers["www-authenticate"].split()[0]) == (401, "Basic")
    wrong = {"username": "crm", "password": "crm"}
    assert new_context(http_credentials=wrong).request.get(running.url("CRM")).status == 401
