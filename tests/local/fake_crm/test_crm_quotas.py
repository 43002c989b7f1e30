"""Announced quotas: windows, headers, and the answer beyond them."""

import time
from typing import Any

import pytest

from local.fake_crm.behaviors.quota import Quota
from tests.local.fake_crm.client import Client


def test_a_window_starts_with_its_first_request() -> None:
    now = [100.0]
    quota = Quota(2, 10, clock=lambda: now[0])
    assert [quota.take() for _ in range(3)] == [0, 0, 10]
    now[0] = 109.5
    assert quota.take() == 1
    now[0] = 115.0
    assert [quota.take() for _ in range(3)] == [0, 0, 10]


@pytest.mark.parametrize(
    ("style", "headers"),
    [
        ("draft", {"RateLimit-Policy": '"default";q=750;w=60', "RateLimit": '"default";r=749;t=58'}),
        ("fields", {"RateLimit-Limit": "750", "RateLimit-Remaining": "749", "RateLimit-Reset": "58"}),
        ("x", {"X-RateLimit-Limit": "750", "X-RateLimit-Remaining": "749", "X-RateLimit-Reset": "58"}),
        ("x-epoch", {"X-RateLimit-Limit": "750", "X-RateLimit-Remaining": "749", "X-RateLimit-Reset": "160"}),
        (
            "hubspot",
            {
                "X-HubSpot-RateLimit-Daily": "1000000",
                "X-HubSpot-RateLimit-Daily-Remaining": "999999",
                "X-HubSpot-RateLimit-Interval-Milliseconds": "60000",
                "X-HubSpot-RateLimit-Max": "750",
                "X-HubSpot-RateLimit-Remaining": "749",
            },
        ),
        ("none", {}),
    ],
)
def test_each_style_announces_the_quota(style: str, headers: dict[str, str]) -> None:
    now = [100.0]
    quota = Quota(750, 60, style, clock=lambda: now[0])
    quota.take()
    now[0] = 102.3
    assert quota.headers() == headers


def test_every_answer_announces_and_429_is_beyond(crm: Client) -> None:
    crm.switch_fault(quota=2, quota_seconds=60, quota_headers="x")
    answers = [crm.send(f"U{number}") for number in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert [each.headers["X-RateLimit-Remaining"] for each in answers] == ["1", "0", "0"]
    assert 55 <= int(answers[2].headers["Retry-After"]) <= 60
    assert crm.stats()["applied"] == 2


def test_a_new_window_allows_requests_again(crm: Client) -> None:
    crm.switch_fault(quota=1, quota_seconds=0.3)
    assert [crm.send().status_code for _ in range(2)] == [200, 429]
    time.sleep(0.35)
    assert crm.send().status_code == 200


@pytest.mark.parametrize("limit", [{"quota": 1}, {"rate": 0.001, "burst": 1}])
def test_a_platform_answers_beyond_a_limit(crm: Client, limit: dict[str, Any]) -> None:
    crm.switch_fault(**limit, over_limit="hubspot-429")
    answers = [crm.send(), crm.send()]
    assert [each.status_code for each in answers] == [200, 429]
    assert answers[1].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert "Retry-After" not in answers[1].headers
    assert crm.stats()["statuses"] == {"200": 1, "429": 1}
