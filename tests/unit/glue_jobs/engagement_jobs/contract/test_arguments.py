"""Parsing and validation of job arguments."""

from __future__ import annotations

import pytest

from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.contract.errors import ArgumentError
from tests.support.job_arguments import PUSH, SCORE


def test_texts_are_parsed_to_typed_values() -> None:
    score = ScoreArguments.parse(SCORE)
    push = PushArguments.parse({**PUSH, "limit": "100", "resend_delivered": "true"})

    assert (score.input_etags, score.max_invalid_fraction) == ({"activity/dt=2026-11-23/activity.parquet": "abc"}, 0.05)
    assert score.stall_timeout_seconds == 900
    assert (push.limit, push.resend_delivered, push.max_requests_per_second, push.push_tasks) == (100, True, 50.0, 4)
    assert PushArguments.parse(PUSH).limit is None


def test_names_are_the_arguments_that_glue_must_pass() -> None:
    assert {*ScoreArguments.names(), "JOB_RUN_ID"} == set(SCORE)
    assert {*PushArguments.names(), "JOB_RUN_ID"} == set(PUSH)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score_date", "23.11.2026"),
        ("run_id", ""),
        ("base_url", "crm.example.com"),
        ("base_url", "https://crm.example.com:99999"),
        ("base_url", "https://crm..example.com"),
        ("base_url", "https://crm.example.com/?tenant=1"),
        ("crm_uri", "crm.json"),
        ("crm_uri", ""),
        ("proxy_url", "proxy.example.com:3128"),
        ("proxy_url", "socks5://proxy.example.com"),
        ("proxy_url", "http://proxy.example.com/path"),
        ("proxy_url", "http://proxy.example.com:99999"),
        ("no_proxy", "crm.example.com/api"),
        ("ca_uri", "default"),
        ("ca_uri", "s3://bucket"),
        ("push_mode", "everything"),
        ("resend_delivered", "yes"),
        ("limit", "0"),
        ("max_requests_per_second", "0"),
        ("max_requests_per_second", "inf"),
        ("push_tasks", "2.5"),
        ("max_failed_fraction", "1.5"),
    ],
)
def test_an_invalid_argument_is_named_with_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(ArgumentError, match=rf"--{name} is '.*', expected ") as error:
        PushArguments.parse({**PUSH, name: value})
    assert repr(value) in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("crm_uri", "s3://artifacts/crm/ours.json", "s3://artifacts/crm/ours.json"),
        ("proxy_url", "none", ""),
        ("proxy_url", "http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("no_proxy", "none", ""),
        ("no_proxy", "10.0.0.0/8,.example.com,crm:8443,*", "10.0.0.0/8,.example.com,crm:8443,*"),
        ("ca_uri", "none", ""),
        ("ca_uri", "s3://artifacts/crm/authorities.pem", "s3://artifacts/crm/authorities.pem"),
    ],
)
def test_the_way_to_the_crm_is_optional(name: str, value: str, parsed: str) -> None:
    assert getattr(PushArguments.parse({**PUSH, name: value}), name) == parsed


@pytest.mark.parametrize("user", ["user:pa55", "user:pass@pa55", ":pa55"])
def test_a_password_in_a_url_is_not_repeated(user: str) -> None:
    with pytest.raises(ArgumentError, match=r"'https://…@crm\.example\.com', expected .* no user name") as error:
        PushArguments.parse({**PUSH, "base_url": f"https://{user}@crm.example.com"})
    assert "pa55" not in str(error.value)
    with pytest.raises(ArgumentError, match=r"--proxy_url is 'http://…@proxy', expected .* in the secret") as error:
        PushArguments.parse({**PUSH, "proxy_url": f"http://{user}@proxy"})
    assert "pa55" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scored_at", "2026-11-23 03:00"),
        ("input_uri", "s3://bucket"),
        ("input_etags", "[]"),
        ("input_etags", "{}"),
        ("weights_uri", "weights.json"),
    ],
)
def test_invalid_scoring_arguments_are_refused(name: str, value: str) -> None:
    with pytest.raises(ArgumentError, match=f"--{name} is"):
        ScoreArguments.parse({**SCORE, name: value})


def test_all_invalid_arguments_are_reported_at_once() -> None:
    with pytest.raises(ArgumentError) as error:
        PushArguments.parse({})
    assert all(f"--{name} " in str(error.value) for name in PushArguments.names())
    assert "JOB_RUN_ID" in str(error.value)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8080", "HTTP://127.0.0.1:8080"])
def test_plain_http_needs_allow_http(base_url: str) -> None:
    with pytest.raises(ArgumentError, match="https://"):
        PushArguments.parse({**PUSH, "base_url": base_url})
    assert PushArguments.parse({**PUSH, "base_url": "http://127.0.0.1:8080", "allow_http": "true"}).allow_http
