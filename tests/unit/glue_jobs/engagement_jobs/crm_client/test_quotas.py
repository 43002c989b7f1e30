from __future__ import annotations

import pytest
from multidict import CIMultiDict

from engagement_jobs.crm_client.quotas import announced_quota, quota_is_used_up

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"
EPOCH = 1_795_402_800  # DATE


def quota(*headers: tuple[str, str]) -> tuple[int, float] | None:
    announced = announced_quota(CIMultiDict([("Date", DATE), *headers]))
    return None if announced is None else (announced.remaining, announced.seconds)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"default";r=50;t=30', (50, 30.0)),
        ("default;r=50;t=30", (50, 30.0)),
        ('"default" ; r=0 ; t=1', (0, 1.0)),
        ('"default";pk=:cHs9:;t=30;r=50', (50, 30.0)),
        ('"a;r=1, \\"b";r=50;t=30', (50, 30.0)),
        ('"hour";r=990;t=3600, "second";r=9;t=1', (990, 3600.0)),
        ('"hour";r=36000;t=3600, "second";r=9;t=1', (9, 1.0)),
        ("limit=100, remaining=50, reset=30", (50, 30.0)),
        ('"default";r=50', None),
        ('"default";r=50;t=0', None),
        ('"default";t=30', None),
        ('"default";r=-1;t=30', None),
        ('"default";r="50";t=30', None),
        ("", None),
        (";;r=,", None),
        ('"default";r=' + "9" * 20_000, None),
        ('"' * 20_000, None),
    ],
)
def test_current_draft_is_read(value: str, expected: tuple[int, float] | None) -> None:
    assert quota(("RateLimit", value)) == expected


def test_window_of_the_policy_stands_in_for_a_missing_time() -> None:
    policy = ("RateLimit-Policy", '"burst";q=100;w=60,"daily";q=1000;w=86400')
    assert quota(policy, ("RateLimit", '"burst";r=50')) == (50, 60.0)
    assert quota(policy, ("RateLimit", '"daily";r=50')) == (50, 86_400.0)
    assert quota(policy) is None


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
        ("-3", "30", (0, 30.0)),
        ("50", "0", None),
        ("50", str(EPOCH - 30), None),
        ("many", "30", None),
        ("", "30", None),
    ],
)
def test_older_headers_are_read(prefix: str, remaining: str, reset: str, expected: tuple[int, float] | None) -> None:
    headers = (f"{prefix}-Limit", "100"), (f"{prefix}-Remaining", remaining), (f"{prefix}-Reset", reset)
    assert quota(*headers) == expected


def test_tightest_of_all_headers_counts() -> None:
    older = ("X-RateLimit-Remaining", "10"), ("X-RateLimit-Reset", "60")
    assert quota(*older, ("RateLimit", '"a";r=50;t=30')) == (10, 60.0)
    assert quota(*older, ("RateLimit", '"a";r=1;t=30')) == (1, 30.0)
    assert quota(("RateLimit", '"a";r=50;t=30'), ("RateLimit", '"b";r=5;t=30')) == (5, 30.0)


@pytest.mark.parametrize(
    "headers",
    [(), (("X-RateLimit-Remaining", "5"),), (("X-RateLimit-Limit", "5"), ("X-RateLimit-Reset", "30"))],
)
def test_incomplete_headers_announce_nothing(headers: tuple[tuple[str, str], ...]) -> None:
    assert quota(*headers) is None


def test_used_up_quota_needs_no_reset() -> None:
    assert quota_is_used_up({"x-ratelimit-remaining": "0"})
    assert quota_is_used_up({"ratelimit": '"default";r=0'})
    assert not quota_is_used_up({"x-ratelimit-remaining": "1"})
    assert not quota_is_used_up({})
