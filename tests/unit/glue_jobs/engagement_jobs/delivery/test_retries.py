from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from engagement_jobs.crm_client.document.request_template import CrmRequest
from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.retries import Retries, backoff
from engagement_jobs.delivery.work_queue import WorkQueue
from tests.support.crm_requests import TEMPLATE
from tests.support.delivery_harness import delivery_settings, score_updates

FOREVER = float("inf")


class ThrottlingClient:
    """Throttles the first request of every 100th user, and responds with 503 to half of the others."""

    def __init__(self) -> None:
        self.token_version, self.renewal = 0, None
        self.requests = Counter[str]()

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        del fresh_connection
        await asyncio.sleep(0)
        key = request.key
        self.requests[key] += 1
        number = self.requests[key]
        # A bit of the key is as good as a random number, and the same in every run.
        fails = int(key, 16) >> number & 1
        if number == 1 and int(key, 16) % 100 == 0:
            status = 429
        elif fails:
            status = 503
        else:
            status = 200
        return CrmResponse(status, {}, b"{}", self.token_version)

    async def refresh_token(self, *, read_secret: bool = True) -> bool:  # noqa: ARG002
        return False

    def stop_reusing_connections(self) -> None:
        pass


@pytest.fixture
def request_of_user() -> InFlightRequest:
    return InFlightRequest.of(ScoreUpdate("U1", "1.00", 0), TEMPLATE)


def test_each_request_counts_against_the_budget_by_its_cause(request_of_user: InFlightRequest) -> None:
    request, queue = request_of_user, WorkQueue([])
    limits, retries = RequestLimits.of(delivery_settings(), is_canary=False), Retries(5, queue)
    counted = []
    limits.acquire(request)
    for cause in (retries.repeat_throttled, retries.retry, retries.repeat_refused, retries.retry):
        cause(request)
        assert (queue.throttled.take_held() or queue.throttled.take(0) or queue.next_retry(FOREVER)) is request
        limits.acquire(request)
        counted.append(limits.retry_budget.retries)
    assert counted == [0, 1, 1, 2]
    assert limits.retry_budget.posts == 5


def test_retries_of_throttled_users_stay_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.retries.backoff", lambda _: 0.01)
    client = ThrottlingClient()
    ledger = Ledger(lambda *_: None, "attempt=a/", "0")
    dispatcher = Dispatcher(delivery_settings(), client, ledger, score_updates(600))
    asyncio.run(dispatcher.run())

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes["deferred"] > 0
    retries = sum(client.requests.values()) - 600 - dispatcher.counters.status_codes["429"]
    assert 32 < retries <= 0.2 * dispatcher.counters.posts + 1


def test_attempts_are_limited(request_of_user: InFlightRequest) -> None:
    retries = Retries(3, WorkQueue([]))
    assert [retries.retry(request_of_user) for _ in range(3)] == [True, True, False]


def test_a_probe_is_not_an_attempt(request_of_user: InFlightRequest) -> None:
    retries = Retries(2, WorkQueue([]))
    request_of_user.probe = True
    assert all(retries.retry(request_of_user) for _ in range(5))
    assert request_of_user.attempts == 0


def test_twenty_throttled_requests_are_one_attempt(request_of_user: InFlightRequest) -> None:
    retries = Retries(3, WorkQueue([]))
    repeated = []
    for request_of_user.throttled in range(1, 61):
        repeated.append(retries.repeat_throttled(request_of_user))
    assert repeated == [True] * 59 + [False]


def test_each_request_of_a_user_throttled_alone_is_an_attempt(request_of_user: InFlightRequest) -> None:
    retries = Retries(3, WorkQueue([]))
    request_of_user.throttled_alone = True
    assert [retries.repeat_throttled(request_of_user) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("attempts", [0, 1, 3, 10])
def test_backoff_has_full_jitter_and_a_maximum(attempts: int) -> None:
    delays = [backoff(attempts) for _ in range(2000)]
    maximum = min(30.0, 0.5 * 2**attempts)
    assert 0 <= min(delays) < 0.1 * maximum
    assert 0.9 * maximum < max(delays) <= maximum
