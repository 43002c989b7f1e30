"""Fixtures of the browser tests: a browser, a compose stack, and pages that are logged in.

ENGAGEMENT_SCREENSHOTS is the folder for the screenshots of the README. If it is not set, the tests take none.
"""

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.airflow_ui import AirflowUi
from tests.browser.watch import Watch
from tests.compose.airflow_api import last_scheduled
from tests.compose.compose_stack import ComposeStack, running_compose_stack
from tests.support.waiting import wait_until

WAIT_MS = 120_000
SIZE: Any = {"width": 1280, "height": 800}
SCREENSHOTS = os.environ.get("ENGAGEMENT_SCREENSHOTS")

Shoot = Callable[[Page, str], None]
NewContext = Callable[..., BrowserContext]
_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def compose_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The stack, after a successful scheduled run."""
    # More users look better on screenshots, fewer are faster.
    rows = 10_000 if SCREENSHOTS else 200
    with running_compose_stack(tmp_path_factory.mktemp("compose"), "engagement-browser", SEED_ROWS=rows) as up:
        yield _run_one_day(up)


def _run_one_day(compose_stack: ComposeStack) -> ComposeStack:
    airflow = compose_stack.airflow
    airflow.unpause()
    wait_until(lambda: "success" in {run["state"] for run in airflow.runs().values()}, "a first successful run")
    return compose_stack


@pytest.fixture(scope="session")
def today() -> date:
    """The date of the last scheduled run."""
    return last_scheduled()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    # No host name resolves, so that all requests stay on this machine. As root, Chromium needs --no-sandbox.
    arguments = [
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    with sync_playwright() as playwright:
        chromium_browser = playwright.chromium.launch(executable_path=chromium.find(), args=arguments)
        yield chromium_browser
        chromium_browser.close()


@pytest.fixture
def new_context(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., BrowserContext]]:
    """A function that creates isolated contexts, with the options of Browser.new_context.

    If the test fails, it writes a screenshot of each page.
    """
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": SIZE, "color_scheme": "light", **options})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        return context

    expect.set_options(timeout=WAIT_MS)
    yield make
    for context in contexts:
        for number, page in enumerate(context.pages if request.node.stash.get(_failed, False) else []):
            screenshot = tmp_path / f"{number}.png"
            page.screenshot(path=screenshot)
            print(f"Screenshot of {page.url}: {screenshot}")
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    """A context without a login."""
    return new_context()


@pytest.fixture(autouse=True)
def watch(context: BrowserContext) -> Watch:
    """A watch on all pages of `context`."""
    return Watch(context)


@pytest.fixture
def airflow_ui(context: BrowserContext, compose_stack: ComposeStack) -> AirflowUi:
    """Airflow, logged in through the login form."""
    ui = AirflowUi(context.new_page(), compose_stack.url("AIRFLOW"))
    ui.log_in(compose_stack.env["ENGAGEMENT_LOGIN_PASSWORD"])
    return ui


@pytest.fixture
def shoot() -> Shoot:
    """A function that takes a screenshot of a page for the README."""

    def take(page: Page, name: str) -> None:
        if SCREENSHOTS:  # Playwright creates the folder
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", animations="disabled", caret="hide")

    return take
