"""Named faults of servers that are not polite: what they do is documented, or was reported by their users."""

from local.fake_crm.behaviors.http_forms import MALFORMED, READABLE
from local.fake_crm.faults import Fault, Profile

_MISLABELED = ("json-as-html", "ok-text", "flask-200", "no-errors", "json-utf-16", "empty-chunked")
_DISGUISED = (
    *("bom-failure", "utf-16-failure", "latin-1-failure", "xssi-failure"),
    *("word-failure", "code-failure", "errors-failure"),
)
_UNREADABLE = ("html-as-json", "error-text", "half-json", "huge", "empty-by-close")
_LATER = 2_000  # requests before a fault that starts midway
_ELSEWHERE = {"Location": "http://127.0.0.1:9/"}

_ANSWERS = {
    "flask": Profile(Fault(answers=("flask-204",)), "Flask: applied, 204 with Content-Type: text/html"),
    "flask-errors": Profile(
        Fault(answers=("flask-404", "flask-500"), fraction=0.02), "Flask: 2 % of requests get its 404 and 500 pages"
    ),
    "mislabeled": Profile(Fault(answers=_MISLABELED), "applied, but the label of the answer does not fit its content"),
    "failures-disguised": Profile(
        Fault(answers=_DISGUISED, fraction=0.02), "2 % of requests: 200 with a failure in an odd encoding or field"
    ),
    "unreadable": Profile(Fault(answers=_UNREADABLE, fraction=0.02), "2 % of requests: 200 that cannot be read"),
    "lambda-errors": Profile(
        Fault(answers=("apigateway-502", "apigateway-504", "lambda-error"), fraction=0.02),
        "API Gateway: 2 % of requests get 502, 504 or 200 with errorMessage",
    ),
    "odd-forms": Profile(Fault(answers=READABLE), "applied, 200 in 17 odd forms of HTTP that a client can read"),
    "malformed": Profile(
        Fault(answers=MALFORMED, fraction=0.02), "2 % of requests: applied, 200 in forms that violate HTTP"
    ),
    "brotli-users": Profile(Fault(answers=("brotli",), every_user=200), "1 in 200 users: applied, 200 in brotli"),
    "204-gzip": Profile(Fault(answers=("204-gzip",)), "applied, 204 with Content-Encoding: gzip"),
    "truncated": Profile(
        Fault(answers=("truncated", "reset-in-head"), fraction=0.02), "2 % of requests: applied, the answer ends early"
    ),
    "html-users": Profile(Fault(answers=("html",), every_user=80), "1 in 80 users always gets an HTML page"),
    "500-users": Profile(
        Fault(status=500, stored=True, every_user=80), "1 in 80 users always gets 500, replayed for the same key"
    ),
    "silent-users": Profile(Fault(silent=True, every_user=200), "1 in 200 users never gets an answer"),
    "silent-all": Profile(Fault(silent=True), "no request gets an answer"),
    "closes-early": Profile(Fault(close_after_ms=5), "each connection is closed 5 ms after an answer, unannounced"),
}

_LIMITS = {
    "quota": Profile(Fault(quota=5_000, quota_seconds=10), "5,000 requests in 10 s, announced in RateLimit (draft)"),
    "quota-fields": Profile(
        Fault(quota=5_000, quota_seconds=10, quota_headers="fields"), "5,000 requests in 10 s, in RateLimit-Remaining"
    ),
    "quota-x": Profile(
        Fault(quota=5_000, quota_seconds=10, quota_headers="x"), "5,000 requests in 10 s, in X-RateLimit, seconds"
    ),
    "quota-x-epoch": Profile(
        Fault(quota=5_000, quota_seconds=10, quota_headers="x-epoch"), "5,000 requests in 10 s, in X-RateLimit, epoch"
    ),
    "hubspot": Profile(
        Fault(quota=5_000, quota_seconds=10, quota_headers="hubspot", over_limit="hubspot-429"),
        "HubSpot: 429 with errorType RATE_LIMIT above 5,000 requests in 10 s",
    ),
    "hubspot-locks": Profile(
        Fault(answers=("hubspot-423", "hubspot-477"), after=_LATER, first=4),
        "HubSpot: after 2,000 requests, 423 and 477 (Retry-After: 2), twice each",
    ),
    "hubspot-daily": Profile(
        Fault(answers=("hubspot-429-daily",), after=_LATER), "HubSpot: the daily limit is reached after 2,000 requests"
    ),
    "salesforce": Profile(
        Fault(answers=("salesforce-403",), after=_LATER, seconds=5),
        "Salesforce: after 2,000 requests, 403 REQUEST_LIMIT_EXCEEDED for 5 s",
    ),
    "salesforce-busy": Profile(
        Fault(answers=("salesforce-503",), fraction=0.02), "Salesforce: 2 % of requests get 503 SERVER_UNAVAILABLE"
    ),
    "salesforce-session": Profile(
        Fault(answers=("salesforce-401",), after=_LATER), "Salesforce: 401 INVALID_SESSION_ID after 2,000 requests"
    ),
    "api-gateway": Profile(
        Fault(rate=250, over_limit="apigateway-429"),
        'API Gateway: 429 "Too Many Requests" above 250 requests per second',
    ),
    "limit-in-200": Profile(
        Fault(answers=("limit",), after=_LATER, first=1), "after 2,000 requests, one 200 whose JSON names a limit"
    ),
    "429-forever": Profile(Fault(status=429, retry_after=1), "all requests get 429 with Retry-After: 1"),
    "429-odd": Profile(
        Fault(answers=("429-brotli", "429-truncated"), after=_LATER, first=2),
        "after 2,000 requests, 429 with Retry-After: 2 and an unreadable body, twice",
    ),
    "retry-after-epoch": Profile(
        Fault(status=429, retry_after_date=5, retry_after_form="epoch", after=_LATER, first=1),
        "after 2,000 requests, one 429 with an epoch second in Retry-After",
    ),
    "retry-after-iso": Profile(
        Fault(status=429, retry_after_date=5, retry_after_form="iso", after=_LATER, first=1),
        "after 2,000 requests, one 429 with an ISO 8601 date in Retry-After",
    ),
    "retry-after-unit": Profile(
        Fault(status=429, retry_after="5.0 seconds", after=_LATER, first=1),
        "after 2,000 requests, one 429 with Retry-After: 5.0 seconds",
    ),
    "retry-after-ms": Profile(
        Fault(status=429, headers={"Retry-After-Ms": "5000"}, after=_LATER, first=1),
        "after 2,000 requests, one 429 with Retry-After-Ms: 5000",
    ),
    "retry-after-502": Profile(
        Fault(status=502, retry_after=5, after=_LATER, first=1), "after 2,000 requests, one 502 with Retry-After: 5"
    ),
    "retry-after-year": Profile(
        Fault(status=429, retry_after=31_536_000, after=_LATER, first=1),
        "after 2,000 requests, one 429 with Retry-After: 31536000",
    ),
}

_REFUSALS = {
    "not-allowed": Profile(
        Fault(answers=("flask-405",)), "all requests get an HTML page with 405, as of a static site"
    ),
    "404-for-a-second": Profile(Fault(status=404, after=_LATER, seconds=1), "after 2,000 requests, 404 for 1 s"),
    "404-stored": Profile(
        Fault(status=404, stored=True, after=_LATER, seconds=1),
        "after 2,000 requests, 404 for 1 s, replayed for the same key",
    ),
    "mostly-refused": Profile(
        Fault(answers=("flask-404", "flask-405", "word-failure"), fraction=0.95),
        "95 % of requests get 404, 405 or a failure, in turn",
    ),
    "waf": Profile(Fault(answers=("waf-403",), every_user=200), "a WAF refuses 1 in 200 users with an HTML 403"),
    "waf-challenge": Profile(Fault(answers=("waf-challenge",)), "AWS WAF: all requests get 202 with a challenge"),
    "api-gateway-path": Profile(
        Fault(answers=("apigateway-403",)), 'API Gateway: all requests get 403 "Missing Authentication Token"'
    ),
    "redirect-users": Profile(
        Fault(status=301, headers=_ELSEWHERE, every_user=200), "1 in 200 users gets 301 to another host"
    ),
    "token-401-once": Profile(
        Fault(answers=("salesforce-401",), after=_LATER, first=1), "after 2,000 requests, one 401"
    ),
    "token-users": Profile(Fault(revoked=True, every_user=200), "the token is rejected for 1 in 200 users"),
}

IMPOLITE: dict[str, Profile] = {**_ANSWERS, **_LIMITS, **_REFUSALS}
