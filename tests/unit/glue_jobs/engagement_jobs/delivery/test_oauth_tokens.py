"""Deliveries with OAuth tokens, counted at the CRM: tokens that expire, are refused early, or cannot be fetched."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import time
from bisect import bisect, bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engagement_jobs.crm_client.authentication.authenticator import _renewal
from engagement_jobs.crm_client.authentication.token_endpoint import Token
from engagement_jobs.delivery import token_refresh
from engagement_jobs.delivery.dispatcher import Dispatcher
from local.fake_crm.access.oauth import OAuthClient
from local.fake_crm.faults import Fault
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import DeliveryHarness, delivery_harness, delivery_settings, score_updates

CLIENT_SECRET = "canary-client-secret-93ad"
OTHER_SECRET = "canary-other-secret-93ad"
MALFORMED = "<html>canary-body-93ad</html>"
ON_THEIR_WAY = 3  # requests that may arrive after the token with which they were sent has expired


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_refresh, "_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr(token_refresh, "_POLL_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def no_value_is_shown(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Search every log line for tokens, secrets and bodies of the token endpoint."""
    caplog.set_level(logging.DEBUG)
    yield
    assert re.findall(r"canary-\w+|Bearer|U0000", caplog.text.replace("canary task", "")) == []


def secret(client_secret: str = CLIENT_SECRET, **changes: str) -> str:
    document = {
        "type": "oauth2_client_credentials",
        "token_url": "{crm}/oauth/token",
        "client_id": "engagement",
        "client_secret": client_secret,
    }
    return json.dumps(document | changes)


def harness(fault: Fault | None = None, expires_in: float | None = 3600, **options: Any) -> DeliveryHarness:
    """Return a harness with OAuth.

    :param fault: of the token endpoint
    """
    client = OAuthClient(client_id="engagement", client_secret=CLIENT_SECRET, expires_in=expires_in)
    created = delivery_harness(oauth=client, **options)
    created.secrets = [secret()]
    if fault is not None:
        created.crm.token_faults.switch(fault)
    return created


def tokens(created: DeliveryHarness) -> dict[str, int]:
    counts: dict[str, int] = created.crm.stats()["tokens"]
    return counts


def deliver_for(created: DeliveryHarness, seconds: float, **settings: Any) -> Dispatcher:
    """Deliver users at such a rate that it takes so many seconds."""
    return created.deliver(score_updates(int(200 * seconds)), rate=200, burst=1, **settings)


@pytest.mark.parametrize("client_auth", ["basic", "body"])
@pytest.mark.parametrize("expires_in", [None, 3600])
def test_one_token_is_enough_while_it_is_valid(client_auth: str, expires_in: float | None) -> None:
    created = harness(expires_in=expires_in)
    created.secrets = [secret(client_auth=client_auth)]
    check(created, created.deliver(score_updates(300)), delivered=300)
    assert tokens(created)["requests"] == 1
    assert created.secret_reads == 1


@pytest.mark.parametrize("expires_in", [1, 1.5, 2])
def test_tokens_are_renewed_before_they_expire(expires_in: float) -> None:
    created = harness(expires_in=expires_in)
    dispatcher = deliver_for(created, 5)

    check(created, dispatcher, delivered=1000)
    assert dispatcher.counters.posts == 1000
    assert tokens(created)["calls_with_expired"] == 0
    assert 5 / expires_in / 0.8 - 1 <= tokens(created)["issued"] <= 5 / expires_in / 0.5 + 2
    assert created.secret_reads == 1


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.6])
def test_tokens_refused_early_reject_no_user(fraction: float) -> None:
    created = harness(Fault(revoked=True, fraction=fraction), expires_in=1)
    dispatcher = deliver_for(created, 5)

    check(created, dispatcher, delivered=1000)
    assert dispatcher.stop_reason is None
    assert (tokens(created)["calls_refused_early"] > 0) == (fraction > 0.1)


def end_tokens_after(created: DeliveryHarness, calls: int) -> None:
    """End all tokens that were issued until then."""
    issuer = created.crm.access_tokens
    assert issuer is not None
    check_token, numbers = issuer.check, itertools.count(1)

    def check_and_end(authorization: str | None) -> Any:
        if next(numbers) == calls:
            issuer._ends = dict.fromkeys(issuer._ends, 0.0)
        return check_token(authorization)

    issuer.check = check_and_end  # type: ignore[method-assign]


@pytest.mark.parametrize("concurrency", [1, 8, 32])
def test_refused_token_is_replaced_once_for_all(concurrency: int) -> None:
    created = harness(expires_in=None, latency_ms=10)
    end_tokens_after(created, 100)
    check(created, created.deliver(score_updates(300), max_concurrency=concurrency), delivered=300)

    assert tokens(created)["requests"] == created.secret_reads == 2
    assert 1 <= tokens(created)["calls_with_expired"] <= concurrency


@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"drop_before": True}, {"status": 429, "retry_after": 1}, {"status": 500, "body": MALFORMED}],
)
def test_endpoint_may_be_down_for_a_while(fault: dict[str, Any], seconds: float) -> None:
    """It is down at the start, and again while tokens expire."""
    created = harness(Fault(**fault, seconds=seconds), expires_in=1)
    dispatcher = deliver_for(created, 2)

    check(created, dispatcher, delivered=400)
    assert dispatcher.stop_reason is None
    assert tokens(created)["calls_with_expired"] == 0
    assert dispatcher.counters.posts == 400


def test_outage_of_the_endpoint_delays_no_user_with_a_token() -> None:
    created = harness(Fault(status=503, after=1, seconds=1), expires_in=6)
    dispatcher = deliver_for(created, 6)

    check(created, dispatcher, delivered=1200)
    counts = tokens(created)
    assert counts["requests"] - counts["issued"] >= 2
    assert counts["calls_with_expired"] == 0


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("body", [MALFORMED, {"token": "canary-body-93ad"}, {"error": "canary-body-93ad"}])
@pytest.mark.parametrize("first", [1, 3])
def test_garbage_is_repeated(status: int, body: Any, first: int) -> None:
    created = harness(Fault(status=status, body=body, first=first))
    check(created, created.deliver(score_updates(50)), delivered=50)
    assert tokens(created)["requests"] == first + 1


NO_REQUEST = "No request may reach the CRM without a token."


@pytest.mark.parametrize(
    ("fault", "cause", "detail", "requests"),
    [
        (
            {"status": 200, "body": MALFORMED},
            "token_endpoint_refused",
            r"127.0.0.1/oauth/token answered HTTP 200 without a token: the body is not a JSON object\. Check",
            4,
        ),
        (
            {"status": 401, "body": {"error": "invalid_client", "error_description": "canary-body-93ad"}},
            "token_endpoint_refused",
            r"127.0.0.1/oauth/token refuses the client: HTTP 401 invalid_client\. Check the client",
            1,
        ),
        (
            {"status": 400, "body": {"error": "canary-body-93ad"}},
            "token_endpoint_refused",
            r"127.0.0.1/oauth/token refuses the client: HTTP 400\. Check the client",
            1,
        ),
        (
            {"status": 429, "retry_after": 60},
            "token_endpoint_unavailable",
            r"within 0 s: the token endpoint 127.0.0.1/oauth/token is not available: HTTP 429\. Contact",
            1,
        ),
    ],
)
def test_no_first_token_stops_the_task(fault: dict[str, Any], cause: str, detail: str, requests: int) -> None:
    created = harness(Fault(**fault))
    dispatcher = created.deliver(score_updates(50))

    check(created, dispatcher, deferred=50)
    assert created.requests == 0, NO_REQUEST
    assert stop_of(dispatcher).cause == cause
    assert re.search(detail, stop_of(dispatcher).detail)
    assert "canary" not in stop_of(dispatcher).detail
    assert tokens(created)["requests"] == requests
    assert created.secret_reads == 1


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop_before": True}, {"status": 502, "body": MALFORMED}])
@pytest.mark.parametrize(("timeout", "deadline"), [(1.0, 60.0), (60.0, 1.0)])
def test_endpoint_that_stays_down_stops_the_task(fault: dict[str, Any], timeout: float, deadline: float) -> None:
    created = harness(Fault(**fault))
    dispatcher = created.deliver(score_updates(50), unavailable_timeout=timeout, deadline=time.time() + deadline)

    check(created, dispatcher, deferred=50)
    assert created.requests == 0, NO_REQUEST
    assert stop_of(dispatcher).cause == "token_endpoint_unavailable"
    assert re.search(r"within [12] s: the token endpoint 127.0.0.1/oauth/token is not", stop_of(dispatcher).detail)
    assert 3 <= tokens(created)["requests"] <= 12


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"status": 503}, "token_endpoint_unavailable"),
        ({"status": 401, "body": {"error": "invalid_client"}}, "token_endpoint_refused"),
        ({"status": 200, "body": MALFORMED}, "token_endpoint_refused"),
    ],
)
def test_endpoint_that_fails_later_stops_after_the_last_token(fault: dict[str, Any], cause: str) -> None:
    created = harness(Fault(**fault, after=1), expires_in=2)
    dispatcher = deliver_for(created, 6, unavailable_timeout=1.5)

    check(created, dispatcher, rows=1200)
    assert stop_of(dispatcher).cause == cause
    assert dispatcher.counters.outcomes["rejected"] == dispatcher.counters.outcomes["unknown"] == 0
    assert 300 <= dispatcher.counters.outcomes["delivered"] <= 420
    assert tokens(created)["calls_with_expired"] <= ON_THEIR_WAY


def rotate_client_secret(created: DeliveryHarness) -> None:
    """Issue one token to the client with the other secret, then accept the usual one only."""
    issuer = created.crm.access_tokens
    assert issuer is not None
    client, respond = issuer._client, issuer.respond
    issuer._client = replace(client, client_secret=OTHER_SECRET)

    def respond_once(*arguments: Any, **options: Any) -> Any:
        response = respond(*arguments, **options)
        issuer._client = client
        return response

    issuer.respond = respond_once  # type: ignore[method-assign]
    created.secrets = [secret(OTHER_SECRET), secret()]


@pytest.mark.parametrize("expires_in", [1, 2])
def test_new_client_secret_is_read_when_the_old_one_is_refused(expires_in: float) -> None:
    created = harness(expires_in=expires_in)
    rotate_client_secret(created)
    dispatcher = deliver_for(created, 3)

    check(created, dispatcher, delivered=600)
    assert tokens(created)["refused"] >= 1
    assert created.secret_reads == 2


def test_late_client_secret_is_awaited_before_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret is replaced after it was read again, and the token expires before it may be read another time."""
    monkeypatch.setattr(token_refresh, "_REFRESH_SECONDS", 1.5)
    created = harness(expires_in=1)
    rotate_client_secret(created)
    created.secrets.insert(0, secret(OTHER_SECRET))
    dispatcher = deliver_for(created, 3)

    check(created, dispatcher, delivered=600)
    assert created.secret_reads == 3
    assert tokens(created)["calls_with_expired"] <= ON_THEIR_WAY


def test_secret_may_change_from_a_token_to_oauth() -> None:
    created = harness(expires_in=1)
    created.secrets = ["canary-old-token", secret()]
    check(created, deliver_for(created, 2), delivered=400)
    assert created.secret_reads == 2
    assert tokens(created)["issued"] >= 2


def test_tokens_that_are_never_accepted_stop_the_task() -> None:
    created = harness(expires_in=None)
    created.crm.faults.switch(Fault(revoked=True))
    dispatcher = created.deliver(score_updates(200))

    check(created, dispatcher, deferred=200)
    assert stop_of(dispatcher).cause == "token_refused"
    assert tokens(created)["issued"] <= 6
    assert created.secret_reads <= 6


def test_secret_is_read_at_most_once_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some users always get 401; the time is shortened to 1 s."""
    monkeypatch.setattr(token_refresh, "_REFRESH_SECONDS", 1.0)
    created = harness(expires_in=None)
    created.crm.faults.switch(Fault(status=401, every_user=20))
    started = time.monotonic()
    dispatcher = deliver_for(created, 4)

    limit = 1 + (time.monotonic() - started) / 1.0 + 1
    assert dispatcher.stop_reason is None
    assert set(dispatcher.counters.outcomes) == {"delivered", "deferred"}
    assert 3 <= created.secret_reads <= limit
    assert 3 <= tokens(created)["requests"] <= limit


def test_tasks_do_not_fetch_at_the_same_time() -> None:
    """The first requests of 40 tasks are spread over 2 s, the renewals over a third of the lifetime."""
    fetched: list[float] = []

    async def read_token() -> None:
        fetched.append(time.monotonic())

    class Client:
        pass

    client: Any = Client()
    client.read_token = read_token
    settings = replace(delivery_settings(), tasks=40)

    async def main() -> None:
        await asyncio.gather(*(token_refresh.first_token(client, settings) for _ in range(40)))

    asyncio.run(main())
    fetched.sort()
    assert 1.0 <= fetched[-1] - fetched[0] <= 3.0
    assert max(bisect(fetched, at + 0.1) - bisect_left(fetched, at) for at in fetched) <= 12


def test_renewals_are_spread_over_the_lifetime() -> None:
    renewals = [_renewal(Token("t", 100.0, 1000.0)) for _ in range(400)]
    parts = [(renewal.due - 100.0) / 1000.0 for renewal in renewals if renewal]
    assert len(parts) == 400
    assert 0.5 <= min(parts) < 0.52
    assert 0.78 < max(parts) <= 0.8
    assert {renewal.expires_at for renewal in renewals if renewal} == {1100.0}
