"""Named faults, which the fault matrix and `make demo FAULTS=` switch on.

A profile describes the behavior of the CRM, not the expected behavior of the sender. Counts and percentages are of the
update requests since the fault was switched on. The same seed picks the same requests.
"""

from local.fake_crm.behaviors.profiles import IMPOLITE
from local.fake_crm.faults import Fault, Profile

_HTML = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
_PARTLY = {"results": [{"status": 422, "error": "engagement_score was not accepted"}]}


PROFILES: dict[str, Profile] = {
    "latency-50ms": Profile(Fault(latency_ms=50), "every update takes 50 ms"),
    "latency-1s": Profile(Fault(latency_ms=1_000), "every update takes 1 s"),
    "heavy-tail": Profile(Fault(latency_ms=30_000, fraction=0.01), "1 % of updates take 30 s"),
    "503-few": Profile(Fault(status=503, fraction=0.05), "5 % of requests get 503 without Retry-After"),
    "503-half": Profile(Fault(status=503, fraction=0.5), "50 % of requests get 503 without Retry-After"),
    "503-all": Profile(Fault(status=503), "all requests get 503 without Retry-After"),
    "outage-30s": Profile(Fault(down=True, after=2_000, seconds=30), "after 2,000 requests, 503 for 30 s"),
    "429-half-rate": Profile(Fault(rate=250), "429 with Retry-After above 250 requests per second"),
    "retry-after-5s": Profile(
        Fault(status=429, retry_after=5, after=2_000, first=1), "after 2,000 requests, one 429 with Retry-After: 5"
    ),
    "retry-after-date": Profile(
        Fault(status=429, retry_after_date=5, after=2_000, first=1),
        "after 2,000 requests, one 429 with the HTTP date 5 s later in Retry-After",
    ),
    "retry-after-120s": Profile(
        Fault(status=429, retry_after=120, after=2_000, first=1), "after 2,000 requests, one 429 with Retry-After: 120"
    ),
    "retry-after-garbage": Profile(
        Fault(status=429, retry_after="soon", fraction=0.05), "5 % of requests get 429 with Retry-After: soon"
    ),
    "reset-before": Profile(Fault(drop_before=True, fraction=0.03), "3 % of requests: not applied, connection reset"),
    "reset-after": Profile(Fault(drop_after=True, fraction=0.03), "3 % of requests: applied, connection reset"),
    "timeout-after": Profile(
        Fault(answer_after_ms=10_000, fraction=0.01), "1 % of requests: applied, response 10 s later"
    ),
    "answers-204": Profile(
        Fault(status=204, body="", after_applying=True), "all requests: applied, 204 without a body"
    ),
    "answers-202": Profile(
        Fault(status=202, body={"status": "accepted"}, after_applying=True), 'all requests: applied, 202 "accepted"'
    ),
    "answers-207": Profile(
        Fault(status=207, body=_PARTLY, fraction=0.02), "2 % of requests: not applied, 207 with a failure in the body"
    ),
    "answers-html": Profile(
        Fault(status=200, body=_HTML, content_type="text/html; charset=utf-8", fraction=0.02),
        "2 % of requests: not applied, 200 with an HTML page",
    ),
    "success-false": Profile(
        Fault(status=200, body={"success": False}, fraction=0.02), '2 % of requests: not applied, 200 "success": false'
    ),
    "redirect": Profile(
        Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "all requests get 302 to another host"
    ),
    "token-revoked": Profile(Fault(revoked=True), "the token is rejected"),
    "token-revoked-midway": Profile(Fault(revoked=True, after=4_000), "the token is rejected after 4,000 requests"),
    "unknown-some": Profile(Fault(status=404, fraction=0.01), "1 % of requests get 404 with a problem document"),
    "unknown-all": Profile(Fault(status=404), "all requests get 404 with a problem document"),
    "stored-500": Profile(
        Fault(status=500, stored=True, fraction=0.005), "0.5 % of requests get 500, replayed for the same key"
    ),
    "slows-down": Profile(Fault(slots=8, latency_ms=20), "8 updates at a time, 20 ms each; the others wait"),
    **IMPOLITE,
}


def read_fault(text: str | bytes) -> Fault:
    """Return the fault for a JSON object or for the name of a profile.

    :raises ValueError: names the invalid member, its value and what was expected, or the names of the profiles
    """
    try:
        stripped = (text.decode() if isinstance(text, bytes) else text).strip()
    except UnicodeDecodeError:
        raise ValueError("faults: not UTF-8") from None
    if stripped.startswith("{"):
        return Fault.from_json(stripped)
    if stripped not in PROFILES:
        raise ValueError(f"faults: expected a JSON object or one of {', '.join(PROFILES)}; got {stripped[:40]!r}")
    return PROFILES[stripped].fault
