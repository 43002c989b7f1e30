"""A browser, the compose stack, and pages that are logged in. `make test-browser` runs these tests.

ENGAGEMENT_SCREENSHOTS names the folder for the README's pictures; without it, none are made.
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
from tests.compose import stack
from tests.compose.airflow_api import last_scheduled
from tests.compose.stack import Running
from tests.support.waiting import wait_until

WAIT_MS = 120_000
SIZE: Any = {"width": 1280, "height": 800}
PICTURES = os.environ.get("ENGAGEMENT_SCREENSHOTS")

Shoot = Callable[[Page, str], None]
NewContext = Callable[..., BrowserContext]
_failed = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack, with a day that the schedule has done."""
    # More users make a better picture, fewer a faster run.
    rows = 10_000 if PICTURES else 200
    with stack.running(tmp_path_factory.mktemp("compose"), "engagement-browser", SEED_ROWS=rows) as up:
        yield _with_a_day(up)


def _with_a_day(running: Running) -> Running:
    airflow = running.airflow
    airflow.unpause()
    wait_until(lambda: "success" in {run["state"] for run in airflow.runs().values()}, "a first green run")
    return running


@pytest.fixture(scope="session")
def today() -> date:
    """The date of the last scheduled run."""
    return last_scheduled()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    # No name leads anywhere, so that all it opens is on this machine; as root it refuses to sandbox itself.
    arguments = [
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium.find(), args=arguments)
        yield found
        found.close()


@pytest.fixture
def new_context(
    browser: Browser, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts that share nothing; options as for Browser.new_context. Pages of a failed test are kept."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": SIZE, "color_scheme": "light", **options})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        return context

    expect.set_options(timeout=WAIT_MS)
    yield make
    for context in contexts:
        for place, page in enumerate(context.pages if request.node.stash.get(_failed, False) else []):
            page.screenshot(path=tmp_path / f"{place}.png")
            print(f"{page.url} as it was: {tmp_path / f'{place}.png'}")
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    """One context without any login."""
    return new_context()


@pytest.fixture(autouse=True)
def watch(context: BrowserContext) -> Watch:
    """What the pages of `context` do beside showing themselves, from the first one on."""
    return Watch(context)


@pytest.fixture
def airflow_ui(context: BrowserContext, running: Running) -> AirflowUi:
    """Airflow, logged in through its form."""
    ui = AirflowUi(context.new_page(), running.url("AIRFLOW"))
    ui.log_in(running.env["ENGAGEMENT_LOGIN_PASSWORD"])
    return ui


@pytest.fixture
def shoot() -> Shoot:
    """Makes a picture of the page as it stands, for the README."""

    def take(page: Page, name: str) -> None:
        if PICTURES:  # Playwright makes the folder
            page.screenshot(path=Path(PICTURES) / f"{name}.png", animations="disabled", caret="hide")

    return take
