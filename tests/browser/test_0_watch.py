"""What the other tests rely on: foreign code and markup do not go unnoticed. Needs no stack."""

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.watch import IMAGE, SCRIPT, Watch


@pytest.mark.parametrize(
    ("markup", "says"),
    [
        (SCRIPT, "foreign code"),
        (f'<p title="{IMAGE}">', "foreign"),
        ("<img src=x>", "foreign markup"),
        ('<iframe srcdoc="<script>window.pwned=1</script>"></iframe>', "foreign code"),
        ("<script>alert(1)</script>", "dialogs"),
        ('<img src="http://elsewhere.example/">', "elsewhere"),
    ],
)
def test_what_must_not_happen_is_noticed(context: BrowserContext, watch: Watch, markup: str, says: str) -> None:
    context.new_page().set_content(markup)
    with pytest.raises(AssertionError, match=says):
        watch.check()


def test_what_may_happen_is_not(context: BrowserContext, watch: Watch) -> None:
    context.new_page().set_content("<script>window.other=1</script><p>&lt;script&gt;window.pwned=1&lt;/script&gt;</p>")
    watch.check()
