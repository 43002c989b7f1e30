"""Airflow's pages as far as the tests use them. Elements are located by their visible text."""

import re

from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.compose.airflow_api import DAG

TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores", "summarize_responses")
RUN_MS = 600_000
USER = "admin"


class AirflowUi:
    """A browser page with Airflow."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def log_in(self, password: str) -> None:
        """Open the start page and log in through the form."""
        self.page.goto(self.url)
        self.page.get_by_label("Username").fill(USER)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Dags", exact=True)).to_be_visible()

    def open_dag(self, tab: str = "") -> None:
        """Open the page of the DAG or one of its tabs, such as `runs`."""
        self.page.goto(f"{self.url}/dags/{DAG}/{tab}".rstrip("/"))
        expect(self.page.get_by_role("button", name="Trigger Dag")).to_be_enabled()

    def open_run(self, run_id: str) -> None:
        """Open the page of a run."""
        self.page.goto(f"{self.url}/dags/{DAG}/runs/{run_id}")
        expect(self.page.get_by_role("heading", name=run_id)).to_be_visible()

    def trigger_form(self) -> "TriggerForm":
        """Open the trigger form."""
        self.page.get_by_role("button", name="Trigger Dag").click()
        return TriggerForm(self.page)

    @property
    def run_id(self) -> str:
        """The id of the run on this page.

        :raises ValueError: when this is not the page of a run
        """
        match = re.search(r"/runs/([^/?]+)", self.page.url)
        if match is None:
            raise ValueError(f"{self.page.url} is not the page of a run")
        return match[1]

    def state(self) -> Locator:
        """Return the element with the state of the run or task on this page."""
        return self.page.get_by_test_id("header-card")

    def rows(self) -> Locator:
        """Return the rows of the table, without its header."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("cell"))

    def open_task(self, task: str) -> None:
        """Open a task from the table on the page of a run."""
        self.rows().get_by_role("link", name=task).click()
        self.page.wait_for_url(f"**/tasks/{task}**")

    def follow(self, link: str) -> Page:
        """Follow an extra link of the task; return the page that opens."""
        self.page.get_by_role("link", name="Details", exact=True).click()
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("link", name=link).click()
        opened.value.wait_for_load_state()
        return opened.value

    def open_plugin(self, name: str) -> FrameLocator:
        """Open the page of a plugin from the navigation; return its frame."""
        self.page.get_by_test_id("nav-sidebar").get_by_role("link", name=name).click()
        return self.page.frame_locator("iframe")

    def use_dark_mode(self) -> None:
        """Choose dark mode in the user menu."""
        self.page.get_by_role("button", name="User").click()
        self.page.get_by_role("menuitem", name="Appearance").click()
        self.page.get_by_role("menuitemradio", name="Dark Mode").click()


class TriggerForm:
    """The dialog that triggers a run or a backfill."""

    def __init__(self, page: Page) -> None:
        self._dialog = page.get_by_role("dialog")
        expect(self._dialog.get_by_text("Run Parameters")).to_be_visible()

    def fill(self, title: str, value: str) -> None:
        """Fill in a param of the DAG by its title."""
        param = self._dialog.get_by_role("group").filter(has=self._dialog.page.get_by_text(title, exact=True))
        param.locator("input").first.fill(value)

    def tick(self, title: str) -> None:
        """Switch on a param of the DAG."""
        box = self._dialog.get_by_role("checkbox", name=title)
        box.press("Space")  # the checkbox itself is hidden behind its image
        expect(box).to_be_checked()

    def choose_backfill(self, first: str, last: str) -> None:
        """Choose a backfill of the days `first` to `last`, including days that have runs."""
        self._dialog.get_by_role("radio", name="Backfill").press("Space")
        self._dialog.get_by_label("From").fill(f"{first}T00:00")
        self._dialog.get_by_label("To").fill(f"{last}T23:59")
        self._dialog.get_by_role("radio", name="All Runs").press("Space")

    def expect_text(self, text: str) -> None:
        """Wait until the form shows a text."""
        expect(self._dialog.get_by_text(text)).to_be_visible()

    def submit(self, button: str = "Trigger") -> None:
        """Press the button, and wait until the form closes."""
        self._dialog.get_by_role("button", name=button, exact=True).click()
        expect(self._dialog).to_be_hidden()
