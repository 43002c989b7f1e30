"""Bodies of 2xx responses: the content counts, whatever the label says."""

from __future__ import annotations

import codecs
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_jobs.crm_client.body_text import success_finding
from engagement_jobs.crm_client.response_rules import Finding

LABELS = ["", "application/json", "text/html; charset=utf-8", "text/plain", "application/octet-stream"]
FAILED = '{"success": false, "user": "Jörg"}'
UPDATED = '{"status": "updated", "user": "Jörg"}'


def finding(body: bytes | str, label: str = "application/json") -> Finding:
    """Return what a body shows."""
    return success_finding({"content-type": label}, body if isinstance(body, bytes) else body.encode())


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", Finding.EMPTY),
        (b" \r\n", Finding.EMPTY),
        (codecs.BOM_UTF8, Finding.EMPTY),
        (UPDATED, Finding.NOTHING),
        (" \n" + FAILED + "\n", Finding.FAILURE),
        ("<html><title>Log in</title></html>", Finding.HTML),
        (" \t\n<!DOCTYPE html>", Finding.HTML),
        ("\ufeff<!-- page -->", Finding.HTML),
        ("\ufeff \n<?xml version='1.0'?><ok/>", Finding.HTML),
        ("</p>", Finding.HTML),
        ("<HTML>".encode("utf-16"), Finding.HTML),
    ],
)
def test_content_counts_and_not_the_label(label: str, body: bytes | str, expected: Finding) -> None:
    assert finding(body, label) is expected


@pytest.mark.parametrize("text", ["OK", "updated", "< 5 ms", "errors: 0", "no error", "Failover done", "Ça marche"])
def test_other_short_text_is_a_success(text: str) -> None:
    assert finding(text, "text/html; charset=utf-8") is Finding.NOTHING


@pytest.mark.parametrize("word", ["error", "fail", "failed", "failure", "exception", "invalid"])
@pytest.mark.parametrize("form", ["{}", "{}: no such user", "  {}!", "*** {} ***", "\ufeff{} 17", '"{}: user"'])
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_text_that_begins_with_an_error_word_is_unknown(word: str, form: str, case: Any) -> None:
    assert finding(form.format(case(word)), "text/plain") is Finding.ERROR_TEXT


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b"not json", "application/json"),
        (b"not json", "application/problem+json; charset=utf-8"),
        (b'{"success": fal', "text/plain"),
        (b"[1, 2", "text/plain"),
        (b'{"success": true}{"success": false}', "application/json"),
        (b"[" * 60_000, "application/json"),
        (b"9" * 5_000, "application/json"),
        (b"J\xf6rg", "text/plain"),
        (b"J\xf6rg", "text/plain; charset=utf-8"),
        (b"OK", "text/plain; charset=klingon"),
        (b"OK", "text/plain; charset=unicode_escape"),
        (b'{"status": "J\xf6rg"}', "application/json"),
        (codecs.BOM_UTF8 + b"\xff", "text/plain"),
        (codecs.BOM_UTF16_LE + b"O", "text/plain"),
    ],
)
def test_body_that_cannot_be_read_is_unknown(body: bytes, label: str) -> None:
    assert finding(body, label) is Finding.UNREADABLE


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
@pytest.mark.parametrize(("text", "expected"), [(FAILED, Finding.FAILURE), (UPDATED, Finding.NOTHING)])
def test_unicode_is_recognized_without_a_label(encoding: str, text: str, expected: Finding) -> None:
    assert finding(text.encode(encoding)) is expected


@pytest.mark.parametrize(
    "charset", ["iso-8859-1", "latin1", "Windows-1252", '"ISO-8859-15"', "cp437", "utf-7", "cp037"]
)
@pytest.mark.parametrize(("text", "expected"), [(FAILED, Finding.FAILURE), (UPDATED, Finding.NOTHING)])
def test_character_set_of_the_label_is_used(charset: str, text: str, expected: Finding) -> None:
    body = text.encode(charset.strip('"'))
    assert finding(body, f"application/json; charset={charset}") is expected


@pytest.mark.parametrize("charset", ["utf-16", "us-ascii", "klingon", "hex", ""])
def test_wrong_label_does_not_hide_json(charset: str) -> None:
    assert finding(FAILED, f"application/json; charset={charset}") is Finding.FAILURE


@pytest.mark.parametrize("prefix", [")]}'\n", ")]}',\n", "\ufeff)]}'", "while(1);", "for (;;);", "{}&&"])
def test_guard_against_script_inclusion_is_removed(prefix: str) -> None:
    assert finding(prefix + FAILED) is Finding.FAILURE
    assert finding(prefix + UPDATED) is Finding.NOTHING


@pytest.mark.parametrize(
    ("form", "label"),
    [
        ("cb({});", "text/plain"),
        ("/**/ typeof_cb && $.cb( {} )", "application/javascript"),
        ("data: {}\n\n", "text/event-stream"),
        ("event: done\r\ndata:{}\r\n\r\ndata: 1\r\n\r\n", "text/event-stream; charset=utf-8"),
    ],
)
def test_json_in_a_script_or_an_event_is_read(form: str, label: str) -> None:
    assert finding(form.replace("{}", FAILED), label) is Finding.FAILURE
    assert finding(form.replace("{}", UPDATED), label) is Finding.NOTHING


@pytest.mark.parametrize(
    ("body", "label"),
    [("cb(oops)", "text/javascript"), ("data: [DONE", "text/event-stream"), (": ping", "text/event-stream")],
)
def test_script_or_event_without_json_is_unknown(body: str, label: str) -> None:
    assert finding(body, label) is Finding.UNREADABLE


@pytest.mark.parametrize("blank", ["\u200b", "\ufeff", "\u200b\ufeff \n", "\u2060", "\x00"])
def test_invisible_characters_hide_nothing(blank: str) -> None:
    assert finding(blank + "<html>", "text/plain; charset=utf-8") is Finding.HTML
    assert finding(blank + FAILED, "text/plain; charset=utf-8") is Finding.FAILURE


FAILURES = [
    '{"success": false}',
    '{"Success": "false"}',
    '{"SUCCESS": " FALSE "}',
    '{"success": 0}',
    '{"success": "no"}',
    '{"ok": false}',
    '{"isSuccess": false}',
    '{"is_success": "False"}',
    '{"isOk": false}',
    '{"succeeded": false}',
    '{"hasErrors": true}',
    '{"hasErrors": "True"}',
    '{"has_error": 1}',
    '{"error": "no such user"}',
    '{"error": true}',
    '{"Error": {"code": 17}}',
    '{"errors": ["bad score"]}',
    '{"errors": [{}]}',
    '{"ERRORS": {"score": ["too high"]}}',
    '{"validationErrors": [{"field": "score"}]}',
    '{"errorCode": 17}',
    '{"errcode": "E17"}',
    '{"failed": 1}',
    '{"status": "error"}',
    '{"status": "FAILED"}',
    '{"status": "Invalid: score"}',
    '{"status": "Rejected"}',
    '{"status": false}',
    '{"status": 404}',
    '{"status": 422.0}',
    '{"statusCode": 400}',
    '{"StatusCode": "400"}',
    '{"status_code": "422 Unprocessable"}',
    '{"status": "HTTP/1.1 500 Oops"}',
    '{"statusCode": "\\uff14\\uff10\\uff14"}',
    '{"code": 404, "message": "no such user"}',
    '{"result": "failed"}',
    '{"data": {"result": [{"success": false}]}}',
    '{"Results": [{"Status": 200}, {"Status": 400}]}',
    '[[{"success": false}]]',
    '{"s\\u0075ccess": fa\\u006cse}'.replace("\\u006c", "l"),
    '{"\\u0065rror": "no such user"}',
    '{"status": "re\\u006aected"}',
    '{"success": true, "errors": ["bad score"]}',
    '{"success": false, "errorMessage": "no such user"}',
]
NO_FAILURES = [
    "{}",
    "[]",
    "null",
    "true",
    "17",
    '"OK"',
    '{"error": null}',
    '{"error": "none"}',
    '{"error": "None"}',
    '{"error": ""}',
    '{"error": false}',
    '{"error": "false"}',
    '{"error": 0}',
    '{"error": "0"}',
    '{"errors": []}',
    '{"errors": {}}',
    '{"errors": [null, "", "none"]}',
    '{"error": {"code": 0, "message": "ok"}}',
    '{"errcode": 0, "errmsg": "ok"}',
    '{"errorCode": "00"}',
    '{"errorMessage": null, "errorType": ""}',
    '{"hasErrors": false}',
    '{"hasErrors": "False"}',
    '{"failed": 0}',
    '{"success": "true"}',
    '{"success": null}',
    '{"status": 200}',
    '{"statusCode": "201"}',
    '{"status": "updated"}',
    '{"status": "2026-11-30"}',
    '{"code": 1001}',
    '{"result": 4711}',
    '{"user": {"status": "error"}}',
    '{"message": "no error, no failure"}',
    '{"success": true, "message": "Updated. 49 requests of the quota are left."}',
    "[" * 450 + "]" * 450,
]


@pytest.mark.parametrize("body", FAILURES)
def test_fields_report_a_failure(body: str) -> None:
    assert finding(body) is Finding.FAILURE


@pytest.mark.parametrize("body", NO_FAILURES)
def test_fields_report_no_failure(body: str) -> None:
    assert finding(body) is Finding.NOTHING


@pytest.mark.parametrize(
    "body",
    [
        '{"errorMessage": "Task timed out after 3.00 seconds"}',
        '{"errorType": "KeyError", "stackTrace": []}',
        '{"errormessage": "x", "ERRORTYPE": "Y"}',
        "false",
    ],
)
def test_failed_function_leaves_the_update_unknown(body: str) -> None:
    assert finding(body) in (Finding.EXECUTION_ERROR, Finding.ERROR_TEXT)


@pytest.mark.parametrize(
    "body",
    [
        '{"message": "API rate limit exceeded"}',
        '{"Message": "Too Many Requests"}',
        '{"code": "RateLimitExceeded"}',
        '{"code": "too_many_requests"}',
        '{"code": 429}',
        '{"status": 429, "title": "Slow down"}',
        '{"error": {"status": "X", "message": "Quota exceeded"}}',
        '{"errors": ["request limit reached"]}',
        '[{"message": "x", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]',
        '{"__type": "ThrottlingException", "message": "Rate exceeded"}',
        '{"success": false, "message": "You are being throttled"}',
        '{"errorType": "RATE_LIMIT", "errorMessage": "x"}',
    ],
)
def test_named_limit_is_pushback(body: str) -> None:
    assert finding(body) is Finding.LIMIT


_NAMES = st.sampled_from(["error", "ERRORS", "Failed", "success", "ok", "status", "statusCode", "result", "data", "ä"])
_WORDS = st.sampled_from(["error", "Failed", "false", "none", "429", "quota", "fine", "ä"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 600) | st.floats(allow_nan=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=3), st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-32-be"]))
def test_finding_does_not_depend_on_the_spelling(value: dict[str, Any], escaped: bool, encoding: str) -> None:
    plain = json.dumps(value)
    spelled = json.dumps(value, ensure_ascii=escaped, indent=1).replace('"s', '"\\u0073').encode(encoding)
    assert finding(spelled) is finding(plain)


@given(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=3))
def test_finding_does_not_depend_on_the_case_of_names(value: dict[str, Any]) -> None:
    upper = {name.upper(): member for name, member in value.items()}
    lower = {name.lower(): upper[name.upper()] for name in value}
    assert finding(json.dumps(upper)) is finding(json.dumps(lower))
