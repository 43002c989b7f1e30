from __future__ import annotations

import pytest

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.crm_client.endpoint import normalize_endpoint
from engagement_jobs.crm_client.score_update import ScoreUpdate, idempotency_key
from tests.support.job_arguments import PUSH

UPDATE = ScoreUpdate("U1", "73.25", 0)


def key(base_url: str) -> str:
    """Return the idempotency key of a user if the job has this argument."""
    arguments = PushArguments.parse({**PUSH, "base_url": base_url, "allow_http": "true"})
    return idempotency_key(normalize_endpoint(arguments.endpoint), "2026-11-23", UPDATE, UPDATE.payload())


@pytest.mark.parametrize(
    "base_url",
    [
        "https://crm.example.com",
        "https://crm.example.com/",
        "https://crm.example.com//",
        "https://crm.example.com:443",
        "https://crm.example.com:443/",
        "https://CRM.Example.COM",
        "HTTPS://crm.example.com",
    ],
)
def test_key_is_the_same_however_base_url_is_spelled(base_url: str) -> None:
    # The value is that of the usual spelling; it must not change with a release.
    assert key(base_url) == "ce6c03d8a04e00e42ad55c5eb4068264ccb14ad3803efebf4d93084a44cf4e65"


@pytest.mark.parametrize(
    ("base_url", "same"),
    [
        ("http://crm.example.com/~v1", "http://crm.example.com:80/%7ev1/"),
        ("https://crm.example.com/a%2Fb", "https://crm.example.com/a%2fb"),
        ("https://crm.example.com/%C3%BC", "https://crm.example.com/\u00fc"),
        ("https://crm.example.com/v2", "https://crm.example.com/v1/../v2"),
        ("https://xn--bcher-kva.example", "https://B\u00dcCHER.example"),
        ("https://[::1]:8443", "https://[0:0::0001]:8443"),
    ],
)
def test_equivalent_urls_have_one_key(base_url: str, same: str) -> None:
    assert key(base_url) == key(same)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://crm.example.com",
        "https://crm.example.com:8443",
        "https://crm2.example.com",
        "https://crm.example.com/v2",
        "https://crm.example.com/V2",
        "https://crm.example.com/a%2Fb",
    ],
)
def test_another_endpoint_has_another_key(base_url: str) -> None:
    others = ["https://crm.example.com", "https://crm.example.com/a/b", "https://crm.example.com/v3"]
    assert key(base_url) not in map(key, others)
