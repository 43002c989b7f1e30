"""No response of a server, however strange, raises an error other than those of the client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from engagement_jobs.crm_client.headers.quotas import announced_quotas
from engagement_jobs.crm_client.headers.waits import requested_wait
from engagement_jobs.crm_client.response_classification import Action, classify

_WORDS = ["Mon", ",", "23", "Nov", "2026", "03:00:30", "GMT", "+9999", "T", "Z", "P", "99999999999999", "-1", ".5", "s"]
_WORDS += [
    "r=",
    "t=",
    ";",
    '"',
    "\\",
    "remaining=",
    "\u0663",
    "\x00",
    "charset=",
    "utf-16",
    "cp0",
    "json",
    "problem+json",
]
_VALUES = st.lists(st.sampled_from(_WORDS) | st.text(max_size=3), max_size=12).map("".join)
_SPACED = st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join)
_NAMES = ["date", "retry-after", "retry-after-ms", "ratelimit", "ratelimit-policy", "ratelimit-remaining"]
_NAMES += ["ratelimit-reset", "x-ratelimit-remaining", "x-ratelimit-reset", "content-type", "content-encoding"]
_HEADERS = st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES | _SPACED), max_size=8).map(CIMultiDict[str])
_JSON = ['{"error":', '"status":', "[", "]", "}", ",", "1e999", "NaN", '"\\ud800"', "9" * 5_000, "null", "true"]
_BODIES = (
    st.none() | st.binary(max_size=40) | st.lists(st.sampled_from(_JSON)).map(lambda parts: "".join(parts).encode())
)


@given(st.integers(100, 999), _HEADERS, _BODIES)
def test_any_response_is_classified(status: int, headers: CIMultiDict[str], body: bytes | None) -> None:
    classification = classify(status, headers, body)
    assert isinstance(classification.action, Action)
    assert classification.outcome in ("delivered", "rejected", "unknown", "deferred")
    assert classification.reason.startswith(f"http_{status}")


@given(st.integers(100, 999), _HEADERS)
def test_any_header_is_read(status: int, headers: CIMultiDict[str]) -> None:
    wait = requested_wait(status, headers)
    assert wait is None or 0 < wait.seconds <= 366 * 86_400
    for quota in announced_quotas(headers):
        assert quota.remaining >= 0
        assert quota.seconds is None or 1 <= quota.seconds <= 32 * 86_400
