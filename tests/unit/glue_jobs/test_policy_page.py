"""The delivery policy in the documentation is the one in the code."""

from __future__ import annotations

from tests.support.policy_page import PAGE, page_text


def test_policy_page_matches_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_text(), "run `make schemas`"


def test_policy_page_has_each_cause_and_reason() -> None:
    text = page_text()
    for name in ("`token_refused`", "`shared_refusal`", "`http_…_html`", "`tls_expired`", "`timeout`"):
        assert name in text
    assert "{" not in text
