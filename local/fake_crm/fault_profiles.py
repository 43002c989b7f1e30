"""Named faults, and how a fault is named or described: what the fault matrix and `make demo FAULTS=` switch on.

A profile says what the CRM does, never what a sender should make of it. Counts of requests and shares are of the
update requests since the fault was switched on; the same seed meets the same requests.
"""

from dataclasses import dataclass

from local.fake_crm.faults import Fault

_HTML = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"
_PARTLY = {"results": [{"status": 422, "error": "engagement_score was not accepted"}]}


@dataclass(frozen=True, slots=True)
class Profile:
    """A fault, and in one line what the CRM does while it is switched on."""

    fault: Fault
    what: str


PROFILES: dict[str, Profile] = {
    "latency-50ms": Profile(Fault(latency_ms=50), "every update takes 50 ms"),
    "latency-1s": Profile(Fault(latency_ms=1_000), "every update takes 1 s"),
    "heavy-tail": Profile(Fault(latency_ms=30_000, fraction=0.01), "1 % of updates take 30 s"),
    "503-few": Profile(Fault(status=503, fraction=0.05), "5 % are answered 503 without Retry-After"),
    "503-half": Profile(Fault(status=503, fraction=0.5), "50 % are answered 503 without Retry-After"),
    "503-all": Profile(Fault(status=503), "all are answered 503 without Retry-After"),
    "outage-30s": Profile(Fault(down=True, after=2_000, seconds=30), "after 2,000 requests it is down for 30 s"),
    "429-half-rate": Profile(Fault(rate=250), "429 with Retry-After beyond 250 requests per second"),
    "retry-after-5s": Profile(
        Fault(status=429, retry_after=5, after=2_000, first=1), "after 2,000 requests one 429 with Retry-After: 5"
    ),
    "retry-after-date": Profile(
        Fault(status=429, retry_after_date=5, after=2_000, first=1),
        "after 2,000 requests one 429 with the HTTP date of 5 s later in Retry-After",
    ),
    "retry-after-120s": Profile(
        Fault(status=429, retry_after=120, after=2_000, first=1), "after 2,000 requests one 429 with Retry-After: 120"
    ),
    "retry-after-garbage": Profile(
        Fault(status=429, retry_after="soon", fraction=0.05), "5 % are answered 429 with Retry-After: soon"
    ),
    "reset-before": Profile(Fault(drop_before=True, fraction=0.03), "3 % of connections are reset before applying"),
    "reset-after": Profile(Fault(drop_after=True, fraction=0.03), "3 % of connections are reset after applying"),
    "timeout-after": Profile(Fault(answer_after_ms=10_000, fraction=0.01), "1 % are applied and answered 10 s later"),
    "answers-204": Profile(Fault(status=204, body="", after_applying=True), "applied, answered 204 without a body"),
    "answers-202": Profile(
        Fault(status=202, body={"status": "accepted"}, after_applying=True), 'applied, answered 202 "accepted"'
    ),
    "answers-207": Profile(
        Fault(status=207, body=_PARTLY, fraction=0.02), "2 % are not applied, answered 207 whose body names a failure"
    ),
    "answers-html": Profile(
        Fault(status=200, body=_HTML, content_type="text/html; charset=utf-8", fraction=0.02),
        "2 % are not applied, answered 200 with an HTML page",
    ),
    "success-false": Profile(
        Fault(status=200, body={"success": False}, fraction=0.02), '2 % are not applied, answered 200 "success": false'
    ),
    "redirect": Profile(
        Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "all are answered 302 to another host"
    ),
    "token-revoked": Profile(Fault(revoked=True), "the token is refused"),
    "token-revoked-midway": Profile(Fault(revoked=True, after=4_000), "the token is refused after 4,000 requests"),
    "unknown-some": Profile(Fault(status=404, fraction=0.01), "1 % are answered 404 with a problem document"),
    "unknown-all": Profile(Fault(status=404), "all are answered 404 with a problem document"),
    "stored-500": Profile(
        Fault(status=500, stored=True, fraction=0.005), "0.5 % are answered 500, which is replayed for the same key"
    ),
    "slows-down": Profile(Fault(slots=8, latency_ms=20), "8 updates at once, 20 ms each; the others queue"),
}


def read_fault(text: str | bytes) -> Fault:
    """Return the fault that a JSON object describes, or the one of the profile of that name.

    :raises ValueError: it names the member that is wrong, what it is and what is expected, or the known names
    """
    try:
        given = (text.decode() if isinstance(text, bytes) else text).strip()
    except UnicodeDecodeError:
        raise ValueError("faults: not UTF-8") from None
    if given.startswith("{"):
        return Fault.from_json(given)
    if given not in PROFILES:
        raise ValueError(f"faults: {given[:40]!r} is neither a JSON object nor one of {', '.join(PROFILES)}")
    return PROFILES[given].fault
