"""The delivery core against a CRM that really answers; what counts is what the CRM saw."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.canary import Canary
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.stop_reasons import StopReason
from local.fake_crm.faults import NO_FAULT, Fault
from tests.support.exchange import TOKEN, Exchange, exchange, records


class Refusing(dict[str, bytes]):
    """S3 that takes nothing."""

    def __setitem__(self, key: str, body: bytes) -> None:
        raise PermissionError("AccessDenied")


def requests_of(faced: Exchange) -> int:
    total: int = faced.crm.stats()["requests"]
    return total


def check(faced: Exchange, delivery: Dispatcher, rows: int = 0, **outcomes: int) -> None:
    """Every row has one outcome, every opened record one line, and nothing was applied twice for one key.

    :param outcomes: exactly these, where they are known
    """
    lines = faced.lines()
    assert delivery.counters.rows == (rows or sum(outcomes.values()))
    assert not outcomes or dict(delivery.counters.outcomes) == outcomes
    assert len({line["user_id"] for line in lines}) == len(lines)
    assert faced.crm.stats()["duplicates"]["applied_per_key"] == 0
    assert delivery.counters.posts == requests_of(faced)
    assert sum(line["tries"] for line in lines) == delivery.counters.posts


def stop_of(delivery: Dispatcher) -> StopReason:
    assert delivery.stop is not None
    return delivery.stop


@pytest.fixture
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.dispatcher.backoff", lambda _: 0.05)


def test_delivers_each_record_once() -> None:
    faced = exchange()
    delivery = faced.deliver(records(1200))

    check(faced, delivery, delivered=1200)
    assert requests_of(faced) == 1200
    assert delivery.stop is None


def test_ledger_lines_are_those_of_the_contract() -> None:
    faced = exchange()
    faced.deliver([ScoreUpdate("Ü,1", "73.25", 2)])

    (line,) = faced.lines()
    assert tuple(line) == FIELDS
    assert (line["user_id"], line["score"], line["revision"]) == ("Ü,1", "73.25", 2)
    assert (line["outcome"], line["reason"], line["http_status"], line["tries"]) == ("delivered", "http_200", 200, 1)
    assert line["first_sent_at"] <= line["settled_at"]


def test_failures_of_a_few_are_tried_again_with_the_same_key() -> None:
    faced = exchange(Fault(status=503, fraction=0.05))
    delivery = faced.deliver(records(800))

    check(faced, delivery, delivered=800)
    assert faced.crm.stats()["keys"] == 800
    assert delivery.counters.retries > 0


def test_resets_after_applying_are_found_out_not_applied_again() -> None:
    faced = exchange(Fault(drop_after=True, fraction=0.03))
    delivery = faced.deliver(records(800))

    check(faced, delivery, delivered=800)
    assert faced.crm.stats()["replayed"] > 0


def test_retries_stay_within_their_budget() -> None:
    faced = exchange(Fault(status=503, fraction=0.5))
    delivery = faced.deliver(records(1000))

    check(faced, delivery, 1000)
    assert delivery.counters.outcomes["deferred"] > 0
    assert delivery.counters.retries <= 0.2 * delivery.counters.posts + 1


def test_a_crm_that_is_down_gets_few_requests() -> None:
    faced = exchange(Fault(down=True))
    delivery = faced.deliver(records(5000), unavailable_timeout=3)

    check(faced, delivery, deferred=5000)
    assert requests_of(faced) < 60
    assert stop_of(delivery).cause == "crm_unavailable"
    assert "http_503" in stop_of(delivery).detail


def test_an_outage_that_ends_is_waited_for() -> None:
    faced = exchange(Fault(down=True, after=300))
    healing = threading.Timer(3.0, faced.crm.faults.switch, [NO_FAULT])
    healing.start()
    delivery = faced.deliver(records(1000), unavailable_timeout=30)
    healing.join()

    check(faced, delivery, 1000)
    assert delivery.stop is None
    assert delivery.counters.outcomes["delivered"] >= 990


def test_nobody_there_is_deferred_not_unknown() -> None:
    faced = exchange()
    delivery = faced.deliver(records(50), endpoint="http://127.0.0.1:9/api/v1/update-score", unavailable_timeout=2)

    assert dict(delivery.counters.outcomes) == {"deferred": 50}
    assert {line["reason"] for line in faced.lines()} == {"connect"}


def test_a_timeout_is_unknown_for_it_may_have_been_applied() -> None:
    faced = exchange(Fault(latency_ms=600))
    delivery = faced.deliver(records(3), request_timeout_seconds=0.2, max_attempts=1)

    assert dict(delivery.counters.outcomes) == {"unknown": 3}
    assert {line["reason"] for line in faced.lines()} == {"timeout"}


def test_doubt_outlasts_a_later_sure_no() -> None:
    faced = exchange(Fault(status=503))
    delivery = faced.deliver(
        [ScoreUpdate("U1", "1.00", 0, in_doubt=True), ScoreUpdate("U2", "1.00", 0)], max_attempts=2
    )
    assert {line["user_id"]: line["outcome"] for line in faced.lines()} == {"U1": "unknown", "U2": "deferred"}
    assert dict(delivery.counters.outcomes) == {"unknown": 1, "deferred": 1}


def test_a_refused_token_stops_after_the_first_record_of_the_canary() -> None:
    faced = exchange(Fault(revoked=True))
    delivery = faced.deliver(records(100), Canary())

    check(faced, delivery, deferred=100)
    assert requests_of(faced) == 1
    assert stop_of(delivery).cause == "token_refused"
    assert faced.secret_reads == 2


@pytest.mark.parametrize("old", [["the-old-token"], ["the-oldest-token", "the-old-token"]])
def test_a_rotated_token_is_read_again(old: list[str]) -> None:
    faced = exchange()
    faced.secrets = [*old, TOKEN]
    delivery = faced.deliver(records(300))

    check(faced, delivery, delivered=300)
    assert faced.secret_reads == len(old) + 1


def test_nobody_sends_while_a_refused_token_is_read_again() -> None:
    faced = exchange(Fault(revoked=True, after=200), latency_ms=5)
    read = faced.read_secret

    async def slowly() -> str:
        await asyncio.sleep(0.3 * bool(faced.secret_reads))
        return await read()

    faced.read_secret = slowly  # type: ignore[method-assign]
    delivery = faced.deliver(records(1000), max_concurrency=16)

    check(faced, delivery, 1000)
    assert stop_of(delivery).cause == "token_refused"
    assert faced.secret_reads == 2
    assert requests_of(faced) <= 200 + 16


@pytest.mark.parametrize(
    ("fault", "cause", "most"),
    [
        (Fault(status=404), "canary_refused", 11),
        (Fault(status=400), "canary_refused", 11),
        (Fault(status=403), "token_refused", 1),
        (Fault(status=302, headers={"Location": "http://127.0.0.1:9/"}), "redirect", 1),
    ],
)
def test_what_is_wrong_with_the_run_stops_it(fault: Fault, cause: str, most: int) -> None:
    faced = exchange(fault)
    delivery = faced.deliver(records(111), Canary())

    check(faced, delivery, 111)
    assert stop_of(delivery).cause == cause
    assert requests_of(faced) == most


def test_an_unknown_user_among_many_is_rejected_alone() -> None:
    faced = exchange(Fault(status=404, for_users=("U000000", "U000050")))
    delivery = faced.deliver(records(111), Canary())

    check(faced, delivery, delivered=109, rejected=2)
    assert delivery.stop is None


@pytest.mark.usefixtures("short_backoff")
def test_a_bad_first_record_does_not_hold_up_the_day() -> None:
    faced = exchange(Fault(status=500, for_users=("U000000",)))
    delivery = faced.deliver(records(111), Canary())

    check(faced, delivery, delivered=110, unknown=1)
    assert delivery.stop is None


def test_retry_after_is_obeyed_by_all_senders() -> None:
    faced = exchange(Fault(status=429, retry_after=2, after=100, first=1))
    began = time.monotonic()
    delivery = faced.deliver(records(300))

    check(faced, delivery, delivered=300)
    assert time.monotonic() - began >= 2


def test_a_pause_beyond_the_deadline_ends_the_task_and_says_until_when() -> None:
    faced = exchange(Fault(status=429, retry_after=120, after=50, first=1))
    delivery = faced.deliver(records(500), deadline=time.time() + 5)

    check(faced, delivery, 500)
    assert stop_of(delivery).cause == "retry_after"
    assert 110 < (stop_of(delivery).not_before or 0) - time.time() <= 121


def test_a_pause_is_told_whatever_ended_the_task() -> None:
    faced = exchange(Fault(status=429, retry_after=30, after=550, first=1))
    faced.ledger_gives_up = 1.0
    faced.objects = Refusing()
    delivery = faced.deliver(records(5000))

    assert stop_of(delivery).cause == "ledger_unwritable"
    assert 20 < (stop_of(delivery).not_before or 0) - time.time() <= 30


def test_a_key_that_is_in_flight_is_asked_again() -> None:
    # The first request times out and is still being worked on when the second comes.
    faced = exchange(Fault(latency_ms=700, first=1))
    delivery = faced.deliver([ScoreUpdate("U1", "1.00", 0)], request_timeout_seconds=0.3)

    check(faced, delivery, delivered=1)
    assert faced.crm.stats()["applied"] == 1


def test_one_slow_call_holds_up_no_others() -> None:
    faced = exchange(Fault(latency_ms=3000, fraction=0.05))
    # The burst makes up for half a second in which a busy machine lets nobody run.
    delivery = faced.deliver(records(900), rate=200, burst=100, max_concurrency=128, request_timeout_seconds=10)

    check(faced, delivery, 900)
    # Ten of 200 requests a second hang for 3 s: 30 are stuck at any time, and the others go on at the full rate.
    seconds = sorted(delivery.counters.seconds.items())
    assert sum(count for _, count in seconds[1:4]) >= 0.75 * 3 * 200


def test_rows_that_break_off_lose_nothing_that_was_sent() -> None:
    def rows() -> Iterator[ScoreUpdate]:
        yield from records(700)
        raise ConnectionResetError("Spark is gone")

    faced = exchange(latency_ms=5)
    with pytest.raises(ConnectionResetError):
        faced.deliver(rows())
    lines = faced.lines()
    assert len(lines) == requests_of(faced) == 500
    assert {line["outcome"] for line in lines} == {"delivered"}


def test_a_row_that_cannot_be_opened_cancels_no_other() -> None:
    faced = exchange(latency_ms=20)
    rows = [*records(300), ScoreUpdate("half a character \ud800", "1.00", 0), *records(300)]
    with pytest.raises(UnicodeEncodeError):
        faced.deliver(rows, max_concurrency=16)
    # What was under way has ended, and its lines are written.
    assert len(faced.lines()) == requests_of(faced) == faced.crm.stats()["users"] > 100


def test_fast_refusals_say_nothing_about_how_long_the_work_takes() -> None:
    faced = exchange(Fault(status=429, first=64), latency_ms=200)
    delivery = faced.deliver(records(600), rate=200, burst=20, max_concurrency=64)

    check(faced, delivery, delivered=600)
    # At 200/s with 200 ms each there are forty under way, if the limit lets them.
    assert faced.crm.stats()["in_flight_peak"] >= 30


def test_a_crm_whose_own_burst_is_smaller_is_not_run_into_again_and_again() -> None:
    faced = exchange(Fault(rate=40, burst=2), latency_ms=20)
    delivery = faced.deliver(records(150), rate=50, burst=5, max_concurrency=16)

    check(faced, delivery, delivered=150)
    assert delivery.counters.status_codes["429"] <= 20


def test_a_time_in_which_nothing_was_asked_is_no_silence_of_the_crm() -> None:
    def rows() -> Iterator[ScoreUpdate]:
        yield from records(500)
        time.sleep(2.5)
        yield from records(600)[500:]

    faced = exchange(latency_ms=20)
    delivery = faced.deliver(rows(), unavailable_timeout=2)

    check(faced, delivery, delivered=600)


def test_no_time_at_all_is_no_pause() -> None:
    faced = exchange(Fault(status=503, retry_after=0))
    delivery = faced.deliver(records(2000), unavailable_timeout=3)

    check(faced, delivery, 2000)
    assert stop_of(delivery).cause == "crm_unavailable"
    assert requests_of(faced) < 60


def test_the_deadline_ends_the_task() -> None:
    faced = exchange()
    delivery = faced.deliver(records(500), rate=50, burst=1, deadline=time.time() + 2)

    check(faced, delivery, 500)
    assert stop_of(delivery).cause == "deadline"
    assert 60 <= requests_of(faced) <= 110


def test_never_more_at_once_than_allowed() -> None:
    faced = exchange(latency_ms=20)
    faced.deliver(records(400), max_concurrency=8)
    assert faced.crm.stats()["in_flight_peak"] <= 8


def test_the_rate_holds_with_retries_included() -> None:
    faced = exchange(Fault(status=503, fraction=0.05))
    delivery = faced.deliver(records(400), rate=200, burst=20)

    check(faced, delivery, 400)
    # Measured where requests arrive: a little more than leaves in a second may arrive in one.
    assert faced.crm.stats()["peak_in_one_second"] <= 200 + 20 + 10


def test_a_ledger_that_cannot_be_written_stops_the_sending() -> None:
    faced = exchange()
    faced.ledger_gives_up = 1.0
    faced.objects = Refusing()
    delivery = faced.deliver(records(20_000))

    assert stop_of(delivery).cause == "ledger_unwritable"
    assert requests_of(faced) <= 1000 + 32
    # Of what was sent there is no trace; of the rest it is known that it was not.
    sent = requests_of(faced)
    assert dict(+delivery.counters.outcomes) == {"unknown": sent, "deferred": 20_000 - sent}
    assert len(set(delivery.unlogged_users)) == len(delivery.unlogged_users) == sent
    assert faced.crm.stats()["users"] == sent


def test_what_the_ledger_took_before_it_failed_stays_known() -> None:
    class Full(dict[str, bytes]):
        def __setitem__(self, key: str, body: bytes) -> None:
            if len(self) == 2:
                raise PermissionError("AccessDenied")
            super().__setitem__(key, body)

    faced = exchange(Fault(status=422, fraction=0.1))
    faced.ledger_gives_up = 1.0
    faced.objects = Full()
    delivery = faced.deliver(records(20_000))

    written = Counter(line["outcome"] for line in faced.lines())
    unknown = requests_of(faced) - written.total()
    assert written.keys() == {"delivered", "rejected"}
    assert +delivery.counters.outcomes == written + Counter(unknown=unknown, deferred=20_000 - requests_of(faced))
    reasons = Counter[str]()
    for group in delivery.counters.error_groups():
        reasons[group["outcome"]] += group["count"]
    assert +reasons == +delivery.counters.outcomes - Counter(delivered=written["delivered"])


def test_no_token_and_no_user_in_the_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engagement_jobs.delivery.dispatcher._PROGRESS_SECONDS", 0.2)
    caplog.set_level("DEBUG")
    faced = exchange(Fault(status=503, fraction=0.3))
    faced.deliver(records(300), rate=300)

    said: list[Any] = [record.getMessage() for record in caplog.records]
    assert any("sent" in message for message in said)
    assert not any(TOKEN in message or "U0000" in message for message in said)


def test_a_secret_that_cannot_be_read_again_stops_the_task() -> None:
    faced = exchange(Fault(revoked=True))
    read = faced.read_secret

    async def once() -> str:
        if faced.secret_reads:
            raise PermissionError("AccessDenied")
        return await read()

    faced.read_secret = once  # type: ignore[method-assign]
    delivery = faced.deliver(records(100), Canary())

    check(faced, delivery, 100)
    assert stop_of(delivery).cause == "secret_unreadable"
    assert requests_of(faced) == 1


def test_an_error_of_the_delivery_itself_loses_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("U000000 had a secret")

    monkeypatch.setattr("engagement_jobs.delivery.dispatcher.classify", broken)
    faced = exchange()
    delivery = faced.deliver(records(200))

    check(faced, delivery, 200)
    assert stop_of(delivery).cause == "internal_error"
    assert "U000000" not in stop_of(delivery).detail
    assert delivery.counters.outcomes["unknown"] == requests_of(faced) > 0


def test_a_probe_answered_with_a_pause_does_not_end_the_day() -> None:
    faced = exchange(Fault(down=True, after=100))
    switches = [
        threading.Timer(1.5, faced.crm.faults.switch, [Fault(status=503, retry_after=1)]),
        threading.Timer(4.0, faced.crm.faults.switch, [NO_FAULT]),
    ]
    for switch in switches:
        switch.start()
    delivery = faced.deliver(records(400), unavailable_timeout=30)
    for switch in switches:
        switch.join()

    check(faced, delivery, 400)
    assert delivery.stop is None
    assert delivery.counters.outcomes["delivered"] >= 390


def test_one_record_that_is_always_told_to_wait_holds_up_no_others() -> None:
    faced = exchange(Fault(status=429, for_users=("U000000",)))
    delivery = faced.deliver(records(2000), max_concurrency=8)

    check(faced, delivery, delivered=1999, deferred=1)
    assert delivery.stop is None
