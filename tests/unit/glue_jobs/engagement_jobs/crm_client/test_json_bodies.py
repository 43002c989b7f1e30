"""What JSON bodies report: limits that are exceeded or only mentioned, failures and echoed records, any depth."""

from __future__ import annotations

import pytest

from engagement_jobs.crm_client.response_classification import classify

JSON = {"content-type": "application/json"}


def reason(body: str, status: int = 200) -> str:
    """Return the outcome and the reason of a response."""
    classification = classify(status, JSON, body.encode())
    return f"{classification.outcome} {classification.reason}"


@pytest.mark.parametrize(
    "body",
    [
        '{"id": 7, "message": "Score stored. Remaining quota: 4999"}',
        '{"id": 1, "title": "VP Sales Quota"}',
        '{"data": {"id": 1, "title": "Quota exceeded champion"}}',
        '{"code": 200, "message": "ok, quota 4/5"}',
        '{"code": "0", "message": "API rate limit exceeded soon"}',
        '{"message": "Stored; rate limit remaining 4999"}',
        '{"message": "Rate limit: 99/100, limit not reached"}',
        '{"message": "Accepted, 3 requests left before throttling"}',
        '{"description": "No throttling applied"}',
        '{"message": "No rate limit reached"}',
        '{"message": "The rate limit will be reached soon"}',
        '{"message": "Throttling disabled"}',
        '{"id": "1", "type": "quota"}',
        '{"rate_limit": {"remaining": 3}}',
        '{"status": "updated", "message": "Too many requests will be refused"}',
    ],
)
def test_success_that_mentions_a_limit_is_delivered(body: str) -> None:
    assert reason(body) == "delivered http_200"


@pytest.mark.parametrize(
    "body",
    [
        '{"message": "You have reached your secondly limit."}',
        '{"message": "Your daily quota has been reached"}',
        '{"message": "You have exceeded your rate limit"}',
        '{"code": "QUOTA_EXCEEDED"}',
        '{"message": "User is rate limited"}',
        '{"success": false, "errors": [{"code": "606", "message": "Max rate limit \'100\' exceeded in \'20\' s"}]}',
        '{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}',
        '{"type": "TooManyRequests"}',
        '{"ok": false, "error": "ratelimited"}',
        '{"success": false, "title": "Too Many Requests"}',
        '{"id": 7, "error": "Quota exceeded"}',
        '{"id": "req_5", "message": "Rate limit exceeded."}',
        '{"status": "throttled"}',
    ],
)
def test_success_that_reports_an_exceeded_limit_is_pushback(body: str) -> None:
    assert reason(body) == "deferred http_200_limit"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, '{"message": "Field quota is invalid"}'),
        (422, '{"errors": {"quota": ["must be a number"]}}'),
        (400, '{"message": "Character limit exceeded"}'),
        (404, '{"type": "https://crm.example.com/errors#rate-limits", "title": "No such user"}'),
        (404, '{"message": "No such user. See also: rate limits"}'),
    ],
)
def test_refusal_that_mentions_a_limit_is_a_rejection(status: int, body: str) -> None:
    assert reason(body, status) == f"rejected http_{status}"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, '[{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]'),
        (403, '{"title": "Too many requests"}'),
        (403, '{"message": "You have exceeded a secondary rate limit"}'),
        (403, '{"message": "You have reached your ten_secondly_rolling limit."}'),
        (403, '{"error": {"errors": [{"reason": "userRateLimitExceeded"}]}}'),
        (402, '{"message": "quota exceeded"}'),
    ],
)
def test_refusal_with_an_exceeded_limit_is_pushback(status: int, body: str) -> None:
    assert reason(body, status) == f"deferred http_{status}_limit"


@pytest.mark.parametrize(
    "body",
    [
        '{"errors": "0 errors"}',
        '{"error": "No errors found"}',
        '{"error": "-"}',
        '{"error": {"code": 0, "message": "No error."}}',
        '{"error": {"code": 200, "message": "OK"}}',
        '{"error": {"code": "0", "message": "Score updated"}}',
        '{"errorCode": "NO_ERROR"}',
        '{"hasError": "N"}',
        '{"data": "Rejected leads: 0"}',
        '{"status": "Errors: none"}',
        '{"body": "{\\"error\\": null}"}',
    ],
)
def test_error_field_without_an_error_is_delivered(body: str) -> None:
    assert reason(body) == "delivered http_200"


@pytest.mark.parametrize(
    "body",
    [
        '{"response": {"success": false}}',
        '{"meta": {"status": "error"}}',
        '{"records": [{"success": false}]}',
        '{"update": {"user": {"success": false}}}',
        '{"updateScore": {"userErrors": [{"message": "no such user"}]}}',
        '{"failureCount": 1}',
        '{"FailedPutCount": 1}',
        '{"numErrors": 2}',
        '{"status": "VALIDATION_FAILED"}',
        '{"status": "unauthorized"}',
        '{"status": "bad request"}',
        '{"success": false, "success": true}',
        '{"success": true, "success": false}',
        '{"meta": {"status": "error", "status": "ok"}}',
    ],
)
def test_failure_anywhere_in_the_response_is_seen(body: str) -> None:
    assert reason(body) == "rejected http_200_failure"


@pytest.mark.parametrize(
    "body",
    [
        '{"user": {"status": 404, "statusCode": 500}}',
        '{"user": {"status": "rejected", "result": "failed"}}',
        '{"attributes": {"error": "last sync failed", "message": "too many requests"}}',
        '{"user": {"success": 0, "ok": null, "failed": 3}}',
        '{"data": {"user": {"status": "invalid", "errors": []}}}',
    ],
)
def test_status_of_an_echoed_record_is_no_failure(body: str) -> None:
    assert reason(body) == "delivered http_200"


@pytest.mark.parametrize("status", [200, 403, 404, 500])
@pytest.mark.parametrize("levels", [9, 480, 500, 900, 5_000, 100_000])
@pytest.mark.parametrize(
    "name", ["message", "error", "errors", "code", "status", "data", "success", "errorMessage", "title", "id", "user"]
)
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"NAME":', "}")])
def test_any_depth_is_classified(status: int, levels: int, name: str, start: str, end: str) -> None:
    start = start.replace("NAME", name)
    outcome = reason(f'{{"{name}":{start * levels}1{end * levels}}}', status).split()[0]
    assert outcome in ("delivered", "rejected", "unknown", "deferred")


def test_wide_body_is_classified() -> None:
    assert reason('{"data": [' + '{"id": 1},' * 50_000 + '{"id": 2}]}') == "delivered http_200"
    assert reason("{" + '"success": false,' * 50_000 + '"success": true}') == "rejected http_200_failure"
