from __future__ import annotations

import pytest
from multidict import CIMultiDict

from engagement_jobs.crm_client.headers.quotas import announced_quotas

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"
EPOCH = 1_795_402_800  # DATE


def quotas(*headers: tuple[str, str]) -> list[tuple[int, float | None]]:
    """Return remaining requests and seconds of all quotas of a response with these headers."""
    announced = announced_quotas(CIMultiDict([("Date", DATE), *headers]))
    return [(quota.remaining, quota.seconds) for quota in announced]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"default";r=50;t=30', (50, 30.0)),
        ("default;r=50;t=30", (50, 30.0)),
        ('"default" ; r=0 ; t=1', (0, 1.0)),
        ('"default";pk=:cHs9:;t=30;r=50', (50, 30.0)),
        ('"a;r=1, \\"b";r=50;t=30', (50, 30.0)),
        ('"hour";r=990;t=3600', (990, 3600.0)),
        ("limit=100, remaining=50, reset=30", (50, 30.0)),
        ('"default";r=50', (50, None)),
        ('"default";r=50;t=0', (50, 1.0)),
        ('"default";r=50;t=2592000', (50, 30 * 86_400.0)),
        ('"default";r=50;t=99999999999', None),
        ('"default";r=5.5;t=30', (5, 30.0)),
        ('"default";t=30', None),
        ('"default";r=-1;t=30', None),
        ('"default";r="50";t=30', None),
        ("", None),
        (";;r=,", None),
        ('"default";r=' + "9" * 20_000, None),
        ('"' * 20_000, None),
    ],
)
def test_current_draft_is_read(value: str, expected: tuple[int, float | None] | None) -> None:
    assert quotas(("RateLimit", value)) == ([] if expected is None else [expected])


def test_window_of_the_policy_stands_in_for_a_missing_time() -> None:
    policy = ("RateLimit-Policy", '"burst";q=100;w=60,"daily";q=1000;w=86400')
    assert quotas(policy, ("RateLimit", '"burst";r=50, "daily";r=9')) == [(50, 60.0), (9, 86_400.0)]


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit", "x-ratelimit"])
@pytest.mark.parametrize(
    ("remaining", "reset", "expected"),
    [
        ("50", "30", (50, 30.0)),
        ("0", "30", (0, 30.0)),
        ("50", str(EPOCH + 30), (50, 30.0)),
        ("50", f"{EPOCH + 30}000", (50, 30.0)),
        ("50", "Mon, 23 Nov 2026 03:00:30 GMT", (50, 30.0)),
        ("50", "2026-11-23T03:00:30Z", (50, 30.0)),
        ("50", "1.5", (50, 1.5)),
        ("0", "0", (0, 1.0)),
        ("1,000", "30", (1000, 30.0)),
        ("1,234,567", "30", (1_234_567, 30.0)),
        ("5, 100", "30", (5, 30.0)),
        ("0 of 100", "30", (0, 30.0)),
        ("-1", "30", None),
        ("-3", "", None),
        ("-1", "0", None),
        ("0", str(EPOCH - 30), None),
        ("0", "2026-11-23T02:59:00Z", None),
        ("0", "4070908800", None),
        ("50", "4070908800000", None),
        ("50", "Thu, 01 Jan 2099 00:00:00 GMT", None),
        ("50", "999999999", None),
        ("50", "0", (50, 1.0)),
        ("50", str(EPOCH - 30), (50, 1.0)),
        ("50", "", (50, None)),
        ("many", "30", None),
        ("", "30", None),
    ],
)
def test_older_headers_are_read(
    prefix: str, remaining: str, reset: str, expected: tuple[int, float | None] | None
) -> None:
    headers = (f"{prefix}-Limit", "100"), (f"{prefix}-Remaining", remaining), (f"{prefix}-Reset", reset)
    assert quotas(*headers) == ([] if expected is None else [expected])


def test_all_quotas_are_read() -> None:
    older = ("X-RateLimit-Remaining", "10"), ("X-RateLimit-Reset", "60")
    assert quotas(("RateLimit", '"a";r=50;t=30'), *older, ("RateLimit", '"b";r=5;t=3')) == [(50, 30), (5, 3), (10, 60)]


@pytest.mark.parametrize(
    "headers", [(), (("X-RateLimit-Limit", "5"), ("X-RateLimit-Reset", "30")), (("RateLimit-Policy", "a;q=9;w=60"),)]
)
def test_limit_alone_announces_nothing(headers: tuple[tuple[str, str], ...]) -> None:
    assert quotas(*headers) == []


@pytest.mark.parametrize("prefix", ["RateLimit", "X-RateLimit"])
@pytest.mark.parametrize(
    ("limit", "reset", "expected"),
    [
        ("0", (), []),
        ("0", ("0",), []),
        ("0", ("30",), []),
        ("100", (), [(0, None)]),
        ("100", ("0",), [(0, 1.0)]),
        ("100, 100;w=60", ("0",), [(0, 1.0)]),
        (None, (), [(0, None)]),
        (None, ("0",), []),
        (None, ("30",), [(0, 30.0)]),
    ],
)
def test_nothing_left_of_no_limit_is_no_quota(
    prefix: str, limit: str | None, reset: tuple[str, ...], expected: list[tuple[int, float | None]]
) -> None:
    limits = [] if limit is None else [(f"{prefix}-Limit", limit)]
    assert quotas((f"{prefix}-Remaining", "0"), *limits, *((f"{prefix}-Reset", value) for value in reset)) == expected


@pytest.mark.parametrize("after", ["30", "29.5", "1"])
def test_reset_after_is_read_in_seconds(after: str) -> None:
    remaining, reset = ("X-RateLimit-Remaining", "5"), ("X-RateLimit-Reset-After", after)
    assert quotas(remaining, reset) == [(5, float(after))]
    assert quotas(remaining, reset, ("X-RateLimit-Reset", "3000")) == [(5, float(after))]


def test_reset_counts_from_the_date_of_each_response() -> None:
    for second in (0, 10, 20, 10):
        headers = {"date": f"Mon, 23 Nov 2026 03:00:{second:02} GMT", "x-ratelimit-remaining": "5"}
        (quota,) = announced_quotas(headers | {"x-ratelimit-reset": str(EPOCH + 30)})
        assert quota.seconds == 30 - second
