"""A watch on pages: dialogs, errors, requests to other hosts, and injected code."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request

# Each sets a variable if the browser treats it as markup and not as text.
SCRIPT = "<script>window.pwned=1</script>"
IMAGE = '"><img src=x onerror=window.pwned=1>'
_OWN_HOSTS = {"127.0.0.1", "localhost"}
# The JSON editor that Airflow's trigger form requests. The browser cannot reach it, and the form works without it.
_AIRFLOW_EDITOR = "https://cdn.jsdelivr.net/npm/monaco-editor@"
_LOCAL_SCHEMES = {"data", "blob", "about"}


class Watch:
    """Records what every page of a context does from its start."""

    def __init__(self, context: BrowserContext) -> None:
        self.dialogs: list[str] = []
        self.other_hosts: list[str] = []
        self._errors: list[tuple[Page | None, str]] = []
        self._pages: list[Page] = []
        context.on("page", self._opened)
        context.on("dialog", self._dialog)
        context.on("console", self._console)
        context.on("request", self._requested)

    def _opened(self, page: Page) -> None:
        self._pages.append(page)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        # The browser also reports blocked markup as an error. A clean page has none.
        if message.type == "error":
            self._errors.append((message.page, message.text))

    def _requested(self, request: Request) -> None:
        url = urlsplit(request.url)
        if (
            url.scheme not in _LOCAL_SCHEMES
            and url.hostname not in _OWN_HOSTS
            and not request.url.startswith(_AIRFLOW_EDITOR)
        ):
            self.other_hosts.append(request.url)

    def errors_on(self, page: Page) -> list[str]:
        """Return the errors that the browser reported for a page."""
        return [text for error_page, text in self._errors if error_page == page]

    def check(self) -> None:
        """Check that no open page ran injected code, opened a dialog or sent a request to another host.

        :raises AssertionError: when one did
        """
        for page in self._pages:
            for frame in [] if page.is_closed() else page.frames:
                assert frame.evaluate("window.pwned === undefined"), f"injected code ran in {frame.url}"
                assert frame.locator("img[src=x]").count() == 0, f"injected markup in {frame.url}"
        assert not self.dialogs, f"dialogs: {self.dialogs}"
        assert not self.other_hosts, f"requests to other hosts: {self.other_hosts}"
