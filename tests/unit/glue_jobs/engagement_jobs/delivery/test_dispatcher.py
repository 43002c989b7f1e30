"""The dispatcher and its parts against a fake CRM, over HTTP. The CRM counts the requests.

Covers the request scheduler, request sender, response handler, outcome recorder, stop conditions and token refresh.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from engagement_jobs.crm_client.response_classification import ResponseClassification, classify
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.limits.canary import Canary
from local.fake_crm.faults import NO_FAULT, Fault
from tests.support.crm_requests import default_template
from tests.support.delivery_checks import check, stop_of
from tests.support.delivery_harness import TOKEN, delivery_harness, score_updates


class UnwritableBucket(dict[str, bytes]):
    """S3 that denies every write."""

    def __setitem__(self, key: str, body: bytes) -> None:
        raise PermissionError("AccessDenied")


@pytest.fixture
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.retries.backoff", lambda _: 0.05)


def test_every_score_is_sent_once() -> None:
    harness = delivery_harness()
    dispatcher = harness.deliver(score_updates(1200))

    check(harness, dispatcher, delivered=1200)
    assert harness.requests == 1200
    assert dispatcher.stop_reason is None


def test_ledger_lines_match_the_contract() -> None:
    harness = delivery_harness()
    harness.deliver([ScoreUpdate("Ü,1", "73.25", 2)])

    (line,) = harness.lines()
    assert tuple(line) == FIELDS
    assert (line["user_id"], line["score"], line["revision"]) == ("Ü,1", "73.25", 2)
    assert (line["outcome"], line["reason"], line["http_status"], line["tries"]) == ("delivered", "http_200", 200, 1)
    assert line["first_sent_at"] <= line["settled_at"]


def test_retries_use_the_same_key() -> None:
    harness = delivery_harness(Fault(status=503, fraction=0.05))
    dispatcher = harness.deliver(score_updates(800))

    check(harness, dispatcher, delivered=800)
    assert harness.crm.stats()["keys"] == 800
    assert dispatcher.counters.retries > 0


def test_reset_after_applying_is_not_applied_again() -> None:
    harness = delivery_harness(Fault(drop_after=True, fraction=0.03))
    dispatcher = harness.deliver(score_updates(800))

    check(harness, dispatcher, delivered=800)
    assert harness.crm.stats()["replayed"] > 0


def test_retries_stay_within_their_budget() -> None:
    harness = delivery_harness(Fault(status=503, fraction=0.5))
    dispatcher = harness.deliver(score_updates(1000))

    check(harness, dispatcher, 1000)
    assert dispatcher.counters.outcomes["deferred"] > 0
    assert dispatcher.counters.retries <= 0.2 * dispatcher.counters.posts + 1


def test_unavailable_crm_gets_few_requests() -> None:
    harness = delivery_harness(Fault(down=True))
    dispatcher = harness.deliver(score_updates(5000), unavailable_timeout=3)

    check(harness, dispatcher, deferred=5000)
    assert harness.requests < 60
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert "http_503" in stop_of(dispatcher).detail


def test_delivery_continues_after_an_outage() -> None:
    harness = delivery_harness(Fault(down=True, after=300))
    recovery = threading.Timer(3.0, harness.crm.faults.switch, [NO_FAULT])
    recovery.start()
    dispatcher = harness.deliver(score_updates(1000), unavailable_timeout=30)
    recovery.join()

    check(harness, dispatcher, 1000)
    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes["delivered"] >= 990


def test_refused_connections_are_deferred() -> None:
    harness = delivery_harness()
    dispatcher = harness.deliver(
        score_updates(50), template=default_template("http://127.0.0.1:9"), unavailable_timeout=2
    )

    assert dict(dispatcher.counters.outcomes) == {"deferred": 50}
    assert {line["reason"] for line in harness.lines()} == {"connect"}


def test_timeouts_are_unknown() -> None:
    harness = delivery_harness(Fault(latency_ms=600))
    dispatcher = harness.deliver(score_updates(3), request_timeout_seconds=0.2, max_attempts=1)

    assert dict(dispatcher.counters.outcomes) == {"unknown": 3}
    assert {line["reason"] for line in harness.lines()} == {"timeout"}


def test_user_in_doubt_stays_unknown_after_503() -> None:
    harness = delivery_harness(Fault(status=503))
    updates = [ScoreUpdate("U1", "1.00", 0, in_doubt=True), ScoreUpdate("U2", "1.00", 0)]
    dispatcher = harness.deliver(updates, max_attempts=2)
    assert {line["user_id"]: line["outcome"] for line in harness.lines()} == {"U1": "unknown", "U2": "deferred"}
    assert dict(dispatcher.counters.outcomes) == {"unknown": 1, "deferred": 1}


def test_refused_token_stops_the_canary_after_three_users() -> None:
    harness = delivery_harness(Fault(revoked=True))
    dispatcher = harness.deliver(score_updates(100), Canary())

    check(harness, dispatcher, deferred=100)
    assert harness.requests == 3
    assert stop_of(dispatcher).cause == "token_refused"
    assert harness.secret_reads == 3
    assert [(line["outcome"], line["reason"]) for line in harness.lines()] == [("deferred", "http_401")] * 3


@pytest.mark.parametrize("old_tokens", [["the-old-token"], ["the-oldest-token", "the-old-token"]])
def test_rotated_token_is_read_again(old_tokens: list[str]) -> None:
    harness = delivery_harness()
    harness.secrets = [*old_tokens, TOKEN]
    dispatcher = harness.deliver(score_updates(300))

    check(harness, dispatcher, delivered=300)
    assert harness.secret_reads == len(old_tokens) + 1


def test_no_request_is_sent_during_a_token_refresh() -> None:
    harness = delivery_harness(Fault(revoked=True, after=200), latency_ms=5)
    read_secret = harness.read_secret

    async def read_slowly() -> str:
        if harness.secret_reads:
            await asyncio.sleep(0.3)
        return await read_secret()

    harness.read_secret = read_slowly  # type: ignore[method-assign]
    dispatcher = harness.deliver(score_updates(1000), max_concurrency=16)

    check(harness, dispatcher, 1000)
    assert stop_of(dispatcher).cause == "token_refused"
    assert harness.secret_reads == 3
    # Those in flight, and two more users whose answers are evidence.
    assert harness.requests <= 200 + 16 + 2


@pytest.mark.parametrize(
    ("fault", "cause", "requests"),
    [
        (Fault(status=404), "canary_refused", 11),
        (Fault(status=400), "canary_refused", 11),
        (Fault(status=405), "canary_refused", 11),
        (Fault(status=410), "canary_refused", 11),
        (Fault(status=403), "access_refused", 3),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "redirect", 3),
    ],
)
def test_canary_stops_a_misconfigured_run(fault: Fault, cause: str, requests: int) -> None:
    harness = delivery_harness(fault)
    dispatcher = harness.deliver(score_updates(111), Canary())

    check(harness, dispatcher, 111)
    assert stop_of(dispatcher).cause == cause
    assert harness.requests == requests


def test_unknown_users_are_rejected_alone() -> None:
    harness = delivery_harness(Fault(status=404, for_users=("U000000", "U000050")))
    dispatcher = harness.deliver(score_updates(111), Canary())

    check(harness, dispatcher, delivered=109, rejected=2)
    assert dispatcher.stop_reason is None


@pytest.mark.usefixtures("short_backoff")
def test_failing_first_user_does_not_block_the_canary() -> None:
    harness = delivery_harness(Fault(status=500, for_users=("U000000",)))
    dispatcher = harness.deliver(score_updates(111), Canary())

    check(harness, dispatcher, delivered=110, unknown=1)
    assert dispatcher.stop_reason is None


def test_retry_after_holds_for_all_requests() -> None:
    harness = delivery_harness(Fault(status=429, retry_after=2, after=100, first=1))
    started = time.monotonic()
    dispatcher = harness.deliver(score_updates(300))

    check(harness, dispatcher, delivered=300)
    assert time.monotonic() - started >= 2


def test_retry_after_beyond_the_deadline_stops_the_task() -> None:
    harness = delivery_harness(Fault(status=429, retry_after=120, after=50, first=1))
    dispatcher = harness.deliver(score_updates(500), deadline=time.time() + 5)

    check(harness, dispatcher, 500)
    assert stop_of(dispatcher).cause == "retry_after"
    assert 110 < (stop_of(dispatcher).not_before or 0) - time.time() <= 121


def test_stop_reason_has_retry_after_whatever_its_cause() -> None:
    harness = delivery_harness(Fault(status=429, retry_after=30, after=550, first=1))
    harness.ledger_timeout = 1.0
    harness.objects = UnwritableBucket()
    dispatcher = harness.deliver(score_updates(5000))

    assert stop_of(dispatcher).cause == "ledger_unwritable"
    assert 20 < (stop_of(dispatcher).not_before or 0) - time.time() <= 30


def test_key_in_flight_is_retried() -> None:
    # The first request times out and is still being processed when the second one arrives.
    harness = delivery_harness(Fault(latency_ms=700, first=1))
    dispatcher = harness.deliver([ScoreUpdate("U1", "1.00", 0)], request_timeout_seconds=0.3)

    check(harness, dispatcher, delivered=1)
    assert harness.crm.stats()["applied"] == 1


def test_slow_requests_do_not_block_others() -> None:
    harness = delivery_harness(Fault(latency_ms=3000, fraction=0.05))
    # The burst makes up for half a second in which a busy machine does not run this process.
    dispatcher = harness.deliver(
        score_updates(900), rate=200, burst=100, max_concurrency=128, request_timeout_seconds=10
    )

    check(harness, dispatcher, 900)
    # 10 of 200 requests per second take 3 s: 30 of them are in flight at any time, and the rate stays the same.
    seconds = sorted(dispatcher.counters.seconds.items())
    assert sum(count for _, count in seconds[1:4]) >= 0.75 * 3 * 200


def test_iterator_error_loses_no_sent_request() -> None:
    def updates() -> Iterator[ScoreUpdate]:
        yield from score_updates(700)
        raise ConnectionResetError("Spark is gone")

    harness = delivery_harness(latency_ms=5)
    with pytest.raises(ConnectionResetError):
        harness.deliver(updates())
    lines = harness.lines()
    assert len(lines) == harness.requests == 500
    assert {line["outcome"] for line in lines} == {"delivered"}


def test_user_id_that_cannot_be_encoded_cancels_no_request() -> None:
    harness = delivery_harness(latency_ms=20)
    updates = [*score_updates(300), ScoreUpdate("lone surrogate \ud800", "1.00", 0), *score_updates(300)]
    with pytest.raises(UnicodeEncodeError):
        harness.deliver(updates, max_concurrency=16)
    # The requests in flight have ended, and their lines were written.
    assert len(harness.lines()) == harness.requests == harness.crm.stats()["users"] > 100


def test_latency_of_429_responses_does_not_count() -> None:
    harness = delivery_harness(Fault(status=429, first=2), latency_ms=200)
    dispatcher = harness.deliver(score_updates(600), rate=200, burst=20, max_concurrency=64)

    check(harness, dispatcher, delivered=600)
    # At 200 requests/s with 200 ms each, 40 are in flight if the concurrency limit allows it.
    assert harness.crm.stats()["in_flight_peak"] >= 30


def test_smaller_burst_of_the_crm_is_not_exceeded_repeatedly() -> None:
    harness = delivery_harness(Fault(rate=40, burst=2), latency_ms=20)
    dispatcher = harness.deliver(score_updates(150), rate=50, burst=5, max_concurrency=16)

    check(harness, dispatcher, delivered=150)
    assert dispatcher.counters.status_codes["429"] <= 20


def test_time_without_requests_does_not_count_as_unavailable() -> None:
    def updates() -> Iterator[ScoreUpdate]:
        yield from score_updates(500)
        time.sleep(2.5)
        yield from score_updates(600)[500:]

    harness = delivery_harness(latency_ms=20)
    dispatcher = harness.deliver(updates(), unavailable_timeout=2)

    check(harness, dispatcher, delivered=600)


def test_retry_after_0_is_not_a_pause() -> None:
    harness = delivery_harness(Fault(status=503, retry_after=0))
    dispatcher = harness.deliver(score_updates(2000), unavailable_timeout=3)

    check(harness, dispatcher, 2000)
    assert stop_of(dispatcher).cause == "crm_unavailable"
    assert harness.requests < 60


def test_deadline_stops_the_task() -> None:
    harness = delivery_harness()
    dispatcher = harness.deliver(score_updates(500), rate=50, burst=1, deadline=time.time() + 2)

    check(harness, dispatcher, 500)
    assert stop_of(dispatcher).cause == "deadline"
    assert 60 <= harness.requests <= 110


def test_concurrency_stays_within_its_limit() -> None:
    harness = delivery_harness(latency_ms=20)
    harness.deliver(score_updates(400), max_concurrency=8)
    assert harness.crm.stats()["in_flight_peak"] <= 8


def test_rate_limit_includes_retries() -> None:
    harness = delivery_harness(Fault(status=503, fraction=0.05))
    dispatcher = harness.deliver(score_updates(400), rate=200, burst=20)

    check(harness, dispatcher, 400)
    # Measured on arrival: slightly more requests may arrive in a second than are sent in one.
    assert harness.crm.stats()["peak_in_one_second"] <= 200 + 20 + 10


def test_unwritable_ledger_stops_the_task() -> None:
    harness = delivery_harness()
    harness.ledger_timeout = 1.0
    harness.objects = UnwritableBucket()
    dispatcher = harness.deliver(score_updates(20_000))

    assert stop_of(dispatcher).cause == "ledger_unwritable"
    assert harness.requests <= 1000 + 32
    # Users whose request was sent have no ledger line. The others were certainly not sent.
    sent = harness.requests
    assert dict(+dispatcher.counters.outcomes) == {"unknown": sent, "deferred": 20_000 - sent}
    assert len(set(dispatcher.unlogged_users)) == len(dispatcher.unlogged_users) == sent
    assert harness.crm.stats()["users"] == sent


def test_written_lines_stay_valid_when_the_ledger_fails_later() -> None:
    class FullBucket(dict[str, bytes]):
        def __setitem__(self, key: str, body: bytes) -> None:
            if len(self) == 2:
                raise PermissionError("AccessDenied")
            super().__setitem__(key, body)

    harness = delivery_harness(Fault(status=422, fraction=0.1))
    harness.ledger_timeout = 1.0
    harness.objects = FullBucket()
    dispatcher = harness.deliver(score_updates(20_000))

    written = Counter(line["outcome"] for line in harness.lines())
    unknown = harness.requests - written.total()
    assert written.keys() == {"delivered", "rejected"}
    assert +dispatcher.counters.outcomes == written + Counter(unknown=unknown, deferred=20_000 - harness.requests)
    reasons = Counter[str]()
    for group in dispatcher.counters.error_groups():
        reasons[group["outcome"]] += group["count"]
    assert +reasons == +dispatcher.counters.outcomes - Counter(delivered=written["delivered"])


def test_log_contains_no_token_and_no_user_id(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.dispatcher._PROGRESS_SECONDS", 0.2)
    caplog.set_level("DEBUG")
    harness = delivery_harness(Fault(status=503, fraction=0.3))
    harness.deliver(score_updates(300), rate=300)

    messages: list[Any] = [record.getMessage() for record in caplog.records]
    assert any("requests sent" in message for message in messages)
    assert not any(TOKEN in message or "U0000" in message for message in messages)


def test_unreadable_secret_stops_the_task() -> None:
    harness = delivery_harness(Fault(revoked=True))
    read_secret = harness.read_secret

    async def read_once() -> str:
        if harness.secret_reads:
            raise PermissionError("AccessDenied")
        return await read_secret()

    harness.read_secret = read_once  # type: ignore[method-assign]
    dispatcher = harness.deliver(score_updates(100), Canary())

    check(harness, dispatcher, 100)
    assert stop_of(dispatcher).cause == "secret_unreadable"
    assert harness.requests == 1


def test_secret_in_the_wrong_form_is_described() -> None:
    harness = delivery_harness(Fault(revoked=True))
    harness.secrets.append('{"Token": "hush"}')
    detail = stop_of(harness.deliver(score_updates(9), Canary())).detail
    assert "expected the CRM secret, a JSON object of the type bearer, to be as in docs/" in detail
    assert '"token" is missing; unknown keys: "Token"' in detail
    assert "hush" not in detail


def test_internal_error_loses_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("U000000 had a secret")

    monkeypatch.setattr("engagement_jobs.delivery.request_sender.classify", fail)
    harness = delivery_harness()
    dispatcher = harness.deliver(score_updates(200))

    check(harness, dispatcher, 200)
    assert stop_of(dispatcher).cause == "internal_error"
    assert "U000000" not in stop_of(dispatcher).detail
    assert dispatcher.counters.outcomes["unknown"] == harness.requests
    assert 3 <= harness.requests <= 3 + 32


@pytest.mark.parametrize("users", [{"U000000"}, {"U000100"}, {"U000000", "U000001"}, {"U000010", "U000100", "U000199"}])
def test_internal_error_for_some_users_stops_no_one_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, users: set[str]
) -> None:
    def fail_for_some(status: int, headers: Any, body: bytes, _: object) -> ResponseClassification:
        if json.loads(body)["user_id"] in users:
            raise ZeroDivisionError("had a secret")
        return classify(status, headers, body)

    monkeypatch.setattr("engagement_jobs.delivery.request_sender.classify", fail_for_some)
    harness = delivery_harness()
    dispatcher = harness.deliver(score_updates(200), max_concurrency=4)

    check(harness, dispatcher, delivered=200 - len(users), unknown=len(users))
    assert {line["user_id"] for line in harness.lines() if line["reason"] == "internal_error"} == users
    assert dispatcher.stop_reason is None
    assert "ZeroDivisionError in fail_for_some" in caplog.text
    assert "secret" not in caplog.text


def test_probe_with_retry_after_does_not_stop_the_task() -> None:
    harness = delivery_harness(Fault(down=True, after=100))
    switches = [
        threading.Timer(1.5, harness.crm.faults.switch, [Fault(status=503, retry_after=1)]),
        threading.Timer(4.0, harness.crm.faults.switch, [NO_FAULT]),
    ]
    for switch in switches:
        switch.start()
    dispatcher = harness.deliver(score_updates(400), unavailable_timeout=30)
    for switch in switches:
        switch.join()

    check(harness, dispatcher, 400)
    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes["delivered"] >= 390


def test_always_throttled_user_does_not_block_others() -> None:
    harness = delivery_harness(Fault(status=429, for_users=("U000000",)))
    dispatcher = harness.deliver(score_updates(2000), max_concurrency=8)

    check(harness, dispatcher, delivered=1999, deferred=1)
    assert dispatcher.stop_reason is None
