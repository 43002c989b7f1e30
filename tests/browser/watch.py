"""What a page does beside showing itself: dialogs, errors, requests to elsewhere, and foreign code that ran."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request

# Each sets a mark if it is taken for anything but text.
SCRIPT = "<script>window.pwned=1</script>"
IMAGE = '"><img src=x onerror=window.pwned=1>'
_OWN = {"127.0.0.1", "localhost"}
# What Airflow's trigger form asks for: its editor for JSON. The browser does not reach it, and the form does without.
_AIRFLOWS = "https://cdn.jsdelivr.net/npm/monaco-editor@"
_INSIDE = {"data", "blob", "about"}


class Watch:
    """Looks at every page of a context from its start."""

    def __init__(self, context: BrowserContext) -> None:
        self.dialogs: list[str] = []
        self.elsewhere: list[str] = []
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
        # What a browser says about blocked markup goes here, too: a page that is clean has none to block.
        if message.type == "error":
            self._errors.append((message.page, message.text))

    def _requested(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in _INSIDE and where.hostname not in _OWN and not request.url.startswith(_AIRFLOWS):
            self.elsewhere.append(request.url)

    def errors_on(self, page: Page) -> list[str]:
        """What went wrong on a page in the browser's opinion."""
        return [text for where, text in self._errors if where == page]

    def check(self) -> None:
        """Raise AssertionError if any open page let foreign code run, opened a dialog or asked elsewhere."""
        for page in self._pages:
            for frame in [] if page.is_closed() else page.frames:
                assert frame.evaluate("window.pwned === undefined"), f"foreign code ran in {frame.url}"
                assert frame.locator("img[src=x]").count() == 0, f"foreign markup in {frame.url}"
        assert not self.dialogs, f"dialogs: {self.dialogs}"
        assert not self.elsewhere, f"requests to elsewhere: {self.elsewhere}"
