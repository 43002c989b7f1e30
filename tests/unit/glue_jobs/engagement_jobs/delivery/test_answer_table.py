"""What becomes of a user whose request gets one of the fake CRM's odd answers, each byte by byte over real HTTP."""

from __future__ import annotations

import time

import pytest

from local.fake_crm.behaviors.answer_table import ANSWERS
from local.fake_crm.behaviors.http_forms import MALFORMED, READABLE
from local.fake_crm.faults import Fault
from tests.support.delivery_harness import delivery_harness, score_updates

_OF_A_GOOD_ANSWER = {
    **dict.fromkeys(READABLE, ("delivered", "http_200")),
    "brotli": ("unknown", "http_200_encoding"),
    **dict.fromkeys(MALFORMED, ("unknown", "malformed")),
}
_OF_A_BROKEN_MESSAGE = {
    "204-gzip": ("delivered", "http_204"),
    "429-brotli": ("deferred", "http_429"),
    "429-truncated": ("deferred", "http_429"),
    "truncated": ("unknown", "reset"),
    "empty-by-close": ("unknown", "http_200_unreadable"),
    "empty-chunked": ("delivered", "http_200"),
    "reset-in-head": ("unknown", "reset"),
}
_OF_A_BODY = {
    "json-as-html": ("delivered", "http_200"),
    "json-utf-16": ("delivered", "http_200"),
    "ok-text": ("delivered", "http_200"),
    "no-errors": ("delivered", "http_200"),
    "bom-failure": ("rejected", "http_200_failure"),
    "utf-16-failure": ("rejected", "http_200_failure"),
    "latin-1-failure": ("rejected", "http_200_failure"),
    "xssi-failure": ("rejected", "http_200_failure"),
    "word-failure": ("rejected", "http_200_failure"),
    "code-failure": ("rejected", "http_200_failure"),
    "errors-failure": ("rejected", "http_200_failure"),
    "limit": ("deferred", "http_200_limit"),
    "html": ("unknown", "http_200_html"),
    "html-as-json": ("unknown", "http_200_html"),
    "error-text": ("unknown", "http_200_error_text"),
    "half-json": ("unknown", "http_200_unreadable"),
    "huge": ("unknown", "http_200_unreadable"),
}
_OF_A_PLATFORM = {
    "flask-204": ("delivered", "http_204"),
    "flask-200": ("delivered", "http_200"),
    "flask-404": ("rejected", "http_404"),
    "flask-405": ("rejected", "http_405"),
    "flask-500": ("unknown", "http_500"),
    "apigateway-429": ("deferred", "http_429"),
    "apigateway-403": ("deferred", "http_403"),
    "apigateway-502": ("unknown", "http_502"),
    "apigateway-504": ("unknown", "http_504"),
    "lambda-error": ("unknown", "http_200_execution_error"),
    "waf-403": ("deferred", "http_403"),
    "waf-challenge": ("unknown", "http_202_html"),
    "waf-captcha": ("rejected", "http_405"),
    "hubspot-429": ("deferred", "http_429"),
    "hubspot-429-daily": ("deferred", "http_429"),
    "hubspot-423": ("deferred", "http_423_limit"),
    "hubspot-477": ("deferred", "http_477_limit"),
    "salesforce-403": ("deferred", "http_403_limit"),
    "salesforce-401": ("deferred", "http_401"),
    "salesforce-503": ("deferred", "http_503"),
}
_ALL = {**_OF_A_GOOD_ANSWER, **_OF_A_BROKEN_MESSAGE, **_OF_A_BODY, **_OF_A_PLATFORM}


def test_every_answer_has_a_verdict() -> None:
    assert _ALL.keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
def test_one_answer_decides_about_its_user_alone(name: str) -> None:
    harness = delivery_harness(Fault(answers=(name,), for_users=("U000000",)))
    # One request at a time: the second user is answered after the first. The deadline is before the end of any pause.
    dispatcher = harness.deliver(score_updates(2), max_attempts=1, max_concurrency=1, deadline=time.time() + 0.9)
    lines = {line["user_id"]: (line["outcome"], line["reason"]) for line in harness.lines()}
    assert lines["U000000"] == _ALL[name]
    is_paused = dispatcher.stop_reason is not None
    assert lines.get("U000001") == (None if is_paused else ("delivered", "http_200"))
    assert is_paused == (_ALL[name][1].endswith(("_limit", "_429")))
    assert harness.crm.stats()["applied"] == ANSWERS[name].applied + (not is_paused)
