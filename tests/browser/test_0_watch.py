"""The watch that the other tests rely on detects injected code and markup. Needs no compose stack."""

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.watch import IMAGE, SCRIPT, Watch


@pytest.mark.parametrize(
    ("markup", "says"),
    [
        (SCRIPT, "injected code"),
        (f'<p title="{IMAGE}">', "injected"),
        ("<img src=x>", "injected markup"),
        ('<iframe srcdoc="<script>window.pwned=1</script>"></iframe>', "injected code"),
        ("<script>alert(1)</script>", "dialogs"),
        ('<img src="http://elsewhere.example/">', "other hosts"),
    ],
)
def test_injected_content_is_detected(context: BrowserContext, watch: Watch, markup: str, says: str) -> None:
    context.new_page().set_content(markup)
    with pytest.raises(AssertionError, match=says):
        watch.check()


def test_harmless_content_passes(context: BrowserContext, watch: Watch) -> None:
    context.new_page().set_content("<script>window.other=1</script><p>&lt;script&gt;window.pwned=1&lt;/script&gt;</p>")
    watch.check()
