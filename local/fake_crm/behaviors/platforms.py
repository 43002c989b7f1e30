"""Answers of platforms, as they document them. They refuse before the CRM sees the update, unless noted otherwise.

Flask and Werkzeug: default content type text/html, also without a body; their error pages are HTML. API Gateway: the
default gateway responses; a Lambda function that fails answers 200 with errorMessage and errorType in a non-proxy
integration. AWS WAF: Block, Challenge and CAPTCHA actions; their pages are sent only to clients that accept HTML.
HubSpot: errors and headers of its usage limits. Salesforce: errors of the REST API, each an array of one object.
"""

from typing import Any

from local.fake_crm.behaviors.bodies import answer
from local.fake_crm.behaviors.http_forms import message
from local.fake_crm.behaviors.raw_answer import RawAnswer

_HTML = "text/html; charset=utf-8"


def _header(name: str, value: object) -> bytes:
    return f"{name}: {value}\r\n".encode()


def _answer(status: str, body: bytes | Any, content_type: str = "application/json", **headers: object) -> RawAnswer:
    """Return a refusal; underscores in the names of headers stand for hyphens."""
    plain = answer(status, body, content_type, status, applied=False)
    lines = b"".join(_header(name.replace("_", "-"), value) for name, value in headers.items())
    head, separator, rest = plain.parts[0].partition(b"\r\n")
    return RawAnswer(what=status, status=plain.status, parts=(head + separator + lines + rest,), applied=False)


def _werkzeug_page(status: str, text: str) -> RawAnswer:
    name = status.partition(" ")[2].title()
    page = f"<!doctype html>\n<html lang=en>\n<title>{status.title()}</title>\n<h1>{name}</h1>\n<p>{text}</p>\n"
    return _answer(status, page.encode(), _HTML)


def _hubspot(status: str, body: dict[str, Any], **headers: object) -> RawAnswer:
    limits = {
        "X_HubSpot_RateLimit_Daily": 250_000,
        "X_HubSpot_RateLimit_Daily_Remaining": 249_000,
        "X_HubSpot_RateLimit_Interval_Milliseconds": 10_000,
        "X_HubSpot_RateLimit_Max": 100,
        "X_HubSpot_RateLimit_Remaining": 0,
    }
    correlation = {"correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24"}
    return _answer(
        status, {"status": "error", **body, **correlation}, "application/json;charset=utf-8", **limits, **headers
    )


def _hubspot_limit(policy: str, message_text: str) -> RawAnswer:
    body = {"message": message_text, "errorType": "RATE_LIMIT", "policyName": policy}
    return _hubspot("429 Too Many Requests", body)


def _salesforce(status: str, code: str, text: str) -> RawAnswer:
    body = [{"message": text, "errorCode": code}]
    return _answer(status, body, "application/json;charset=UTF-8", Sforce_Limit_Info="api-usage=15000/15000")


PLATFORMS: dict[str, RawAnswer] = {
    # Applied: `return "", 204` of a Flask view.
    "flask-204": message(
        "204 with Content-Type: text/html", _header("Content-Type", _HTML), body=b"", line=b"HTTP/1.1 204 NO CONTENT"
    ),
    "flask-200": message("200 without a body", _header("Content-Type", _HTML), _header("Content-Length", 0), body=b""),
    "flask-404": _werkzeug_page("404 NOT FOUND", "The requested URL was not found on the server."),
    "flask-405": _werkzeug_page("405 METHOD NOT ALLOWED", "The method is not allowed for the requested URL."),
    "flask-500": _werkzeug_page("500 INTERNAL SERVER ERROR", "The server encountered an internal error."),
    "apigateway-429": _answer(
        "429 Too Many Requests", {"message": "Too Many Requests"}, x_amzn_ErrorType="TooManyRequestsException"
    ),
    "apigateway-403": _answer(
        "403 Forbidden",
        {"message": "Missing Authentication Token"},
        x_amzn_ErrorType="MissingAuthenticationTokenException",
    ),
    "apigateway-502": _answer(
        "502 Bad Gateway", {"message": "Internal server error"}, x_amzn_ErrorType="InternalServerErrorException"
    ),
    "apigateway-504": _answer(
        "504 Gateway Timeout",
        {"message": "Endpoint request timed out"},
        x_amzn_ErrorType="InternalServerErrorException",
    ),
    "lambda-error": _answer(
        "200 OK",
        {"errorMessage": "2026-11-23T03:00:00Z Task timed out after 3.00 seconds", "errorType": "Sandbox.Timedout"},
    ),
    "waf-403": _answer(
        "403 Forbidden",
        b"<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 Forbidden</h1></center>\r\n",
        "text/html",
    ),
    "waf-challenge": _answer("202 Accepted", b"", "text/html; charset=UTF-8", x_amzn_waf_action="challenge"),
    "waf-captcha": _answer("405 Method Not Allowed", b"", "text/html; charset=UTF-8", x_amzn_waf_action="captcha"),
    "hubspot-429": _hubspot_limit("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."),
    "hubspot-429-daily": _hubspot_limit("DAILY", "You have reached your daily limit."),
    "hubspot-423": _hubspot("423 Locked", {"message": "Records are locked by another request.", "category": "LOCKED"}),
    "hubspot-477": _hubspot("477 Migration in Progress", {"message": "The account is being migrated."}, Retry_After=2),
    "salesforce-403": _salesforce("403 Forbidden", "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "salesforce-401": _salesforce("401 Unauthorized", "INVALID_SESSION_ID", "Session expired or invalid"),
    "salesforce-503": _salesforce("503 Service Unavailable", "SERVER_UNAVAILABLE", "Too many requests are in flight."),
}
