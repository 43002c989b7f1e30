"""The push job on bad days: the CRM is down, rejects, throttles or does not respond; a task is lost."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.push import dispatch
from tests.support.glue_checks import check_push_invariants, ledger
from tests.support.glue_days import DAY, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators
from tests.support.glue_losses import lose_the_last_task

RESPONSES = f"responses/dt={DAY}/"
MANIFEST = f"{RESPONSES}_manifest.json"


def fail(spark: SparkSession, emulators: Emulators, bucket: Bucket, attempt: str = "jr_1", **changes: object) -> str:
    """Run a push that must fail; return its message."""
    with pytest.raises(DeliveryFailedError) as failed:
        push(spark, push_arguments(emulators, bucket, attempt, **changes))
    assert "Clear push_scores: it sends only the open users." in str(failed.value)
    return str(failed.value)


def requests(emulators: Emulators) -> int:
    count: int = emulators.crm("GET", "stats")["requests"]
    return count


def test_a_crm_that_is_down_and_comes_back(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(400)
    put_scores(bucket, scores)
    crm.crm("PUT", "faults", json={"down": True})
    started = time.monotonic()
    message = fail(spark, crm, bucket, unavailable_timeout_seconds=4)
    assert time.monotonic() - started < 30
    manifest = bucket.json(MANIFEST)
    by_task = check_push_invariants(bucket, manifest, 400)
    assert manifest["stopped"]["cause"] == "crm_unavailable"
    assert message.startswith(manifest["stopped"]["detail"])
    assert "400 of 400 users are open (400 deferred)" in message
    assert manifest["outcomes"]["deferred"] == 400
    assert 1 <= manifest["posts"] == requests(crm) <= 100
    assert manifest["status_codes"] == {"503": manifest["posts"]}
    # Rows that no task received are counted too, with the stop reason.
    assert by_task["rest"]["rows"] == 400 - by_task["canary"]["rows"]
    reasons = Counter(row[2] for row in bucket.table(f"{RESPONSES}failed.csv")[1:])
    assert reasons["crm_unavailable"] == sum(
        group["count"] for group in manifest["errors"] if group["reason"] == "crm_unavailable"
    )
    assert reasons.keys() <= {"crm_unavailable", "http_503"}

    crm.crm("DELETE", "faults")
    later = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, later, 400)
    assert (later["posts"], later["outcomes"]["delivered"], later["attempts"]) == (400, 400, ["jr_1", "jr_2"])
    assert crm.crm("GET", "state") == scores
    assert crm.crm("GET", "stats")["duplicates"]["applied_per_user"] == 0


def test_a_refused_token_costs_a_few_requests(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(300))
    crm.crm("PUT", "faults", json={"revoked": True})
    message = fail(spark, crm, bucket)
    manifest = bucket.json(MANIFEST)
    check_push_invariants(bucket, manifest, 300)
    assert message.startswith("The CRM refuses the token: http_401 for 3 users in a row")
    assert manifest["stopped"]["cause"] == "token_refused"
    assert manifest["posts"] == requests(crm) <= 6
    assert manifest["outcomes"]["deferred"] == 300


def test_too_many_rows_are_refused_before_any_request(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(300))
    bucket.put(MANIFEST, json.dumps({"not_before": "2026-11-23T05:00:00Z"}).encode())
    message = fail(spark, crm, bucket, max_requests_per_second="2", deadline_seconds="100")
    assert "300 rows at 2 requests/s take 150 s" in message
    assert "push_mode=changed" in message
    assert "max_requests_per_second" in message
    assert "deadline_seconds" in message
    manifest = bucket.json(MANIFEST)
    by_task = check_push_invariants(bucket, manifest, 300)
    assert (manifest["stopped"]["cause"], manifest["posts"], requests(crm)) == ("impossible", 0, 0)
    assert by_task.keys() == {"plan", "rest"}
    # The manifest keeps the Retry-After of the earlier attempt.
    assert manifest["not_before"] == "2026-11-23T05:00:00Z"


def test_the_next_attempt_obeys_a_long_retry_after(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(150))
    crm.crm("PUT", "faults", json={"status": 429, "retry_after": 3600, "after": 5})
    fail(spark, crm, bucket)
    manifest = bucket.json(MANIFEST)
    check_push_invariants(bucket, manifest, 150)
    assert manifest["stopped"]["cause"] == "retry_after"
    until = datetime.fromisoformat(manifest["not_before"])
    assert 3590 < (until - datetime.now(UTC)).total_seconds() < 3602
    sent = requests(crm)
    assert sent == manifest["posts"] < 20
    assert manifest["outcomes"]["delivered"] == 5

    crm.crm("DELETE", "faults")
    fail(spark, crm, bucket, "jr_2")
    obeyed = bucket.json(MANIFEST)
    check_push_invariants(bucket, obeyed, 150)
    assert (requests(crm), obeyed["posts"]) == (sent, 0)
    assert (obeyed["stopped"]["cause"], obeyed["not_before"]) == ("retry_after", manifest["not_before"])
    assert obeyed["outcomes"]["delivered"] == 5


def test_a_short_retry_after_is_waited_for(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(3))
    until = time.time() + 6
    moment = datetime.fromtimestamp(until, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    bucket.put(MANIFEST, json.dumps({"not_before": moment}).encode())
    manifest = push(spark, push_arguments(crm, bucket))
    assert manifest["outcomes"]["delivered"] == 3
    assert manifest["not_before"] is None
    first = datetime.fromisoformat(crm.crm("GET", "stats")["first_at"]).timestamp()
    assert until - 0.05 <= first < until + 5
    # Without rows to send, the job does not wait.
    bucket.put(MANIFEST, json.dumps({"not_before": "2099-01-01T00:00:00Z"}).encode())
    again = push(spark, push_arguments(crm, bucket, "jr_2"))
    assert (again["stopped"], again["posts"], again["outcomes"]["delivered"]) == (None, 0, 3)


def test_an_unknown_user_stays_unknown_until_settled(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(60)
    put_scores(bucket, scores)
    no_response = ["U00001", "U00002", "U00003"]
    # The CRM applies the score and then resets the connection.
    crm.crm("PUT", "faults", json={"drop_after": True, "for_users": no_response})
    message = fail(spark, crm, bucket, max_attempts=2)
    assert "3 of 60 users are open (57 delivered, 3 unknown)" in message
    manifest = bucket.json(MANIFEST)
    check_push_invariants(bucket, manifest, 60)
    # Each of the three is retried once, and sent again at once if its connection was not new.
    assert manifest["stopped"] is None
    assert manifest["retries"] in (5, 6)
    assert manifest["posts"] == 60 + manifest["retries"]
    assert [row[:2] for row in bucket.table(f"{RESPONSES}failed.csv")[1:]] == [
        [user, "unknown"] for user in no_response
    ]

    # The CRM certainly applies nothing in this attempt, but the result of the first one is still unknown.
    crm.crm("PUT", "faults", json={"down": True})
    fail(spark, crm, bucket, "jr_2", unavailable_timeout_seconds=2)
    second = bucket.json(MANIFEST)
    check_push_invariants(bucket, second, 60)
    assert (second["outcomes"]["unknown"], second["outcomes"]["deferred"]) == (3, 0)

    crm.crm("DELETE", "faults")
    third = push(spark, push_arguments(crm, bucket, "jr_3"))
    check_push_invariants(bucket, third, 60)
    assert (third["outcomes"]["delivered"], third["posts"]) == (60, 3)
    stats = crm.crm("GET", "stats")
    assert (stats["applied"], stats["duplicates"]["applied_per_user"]) == (60, 0)
    keys = [{line["user_id"]: line["key"] for line in ledger(bucket, attempt)} for attempt in ("jr_1", "jr_3")]
    assert {user: keys[0][user] for user in no_response} == keys[1]


def test_a_few_open_rows_are_allowed(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(100))
    crm.crm("PUT", "faults", json={"status": 503, "for_users": ["U00050"]})
    manifest = push(spark, push_arguments(crm, bucket, max_attempts=2, max_failed_fraction="0.01"))
    check_push_invariants(bucket, manifest, 100)
    assert (manifest["outcomes"]["delivered"], manifest["outcomes"]["deferred"]) == (99, 1)
    assert bucket.table(f"{RESPONSES}failed.csv")[1:] == [["U00050", "deferred", "http_503", "503"]]


def test_a_lost_task_is_reported_and_counted(
    spark: SparkSession, bucket: Bucket, crm: Emulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = users(500)
    put_scores(bucket, scores)
    monkeypatch.setattr(dispatch, "run_partition", lose_the_last_task)
    monkeypatch.setattr(dispatch, "_WORKER_KILL_SECONDS", 0.5)  # the other tasks have finished by then
    message = fail(spark, crm, bucket)
    assert "Spark lost a push task" in message
    manifest = bucket.json(MANIFEST)
    by_task = check_push_invariants(bucket, manifest, 500)
    assert manifest["stopped"]["cause"] == "task_lost"
    assert by_task.keys() == {"plan", "canary", "0", "1", "2", "rest"}
    # The lost task wrote 20 lines. It may have sent its other rows.
    delivered = manifest["outcomes"]["delivered"]
    assert delivered == len(crm.crm("GET", "state"))
    assert manifest["outcomes"]["unknown"] == 500 - delivered > 50
    assert by_task["rest"]["outcomes"] == {"delivered": 20, "unknown": 500 - delivered}

    monkeypatch.undo()
    later = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, later, 500)
    assert (later["posts"], later["outcomes"]["delivered"]) == (500 - delivered, 500)
    assert crm.crm("GET", "state") == scores
    assert crm.crm("GET", "stats")["duplicates"]["applied_per_user"] == 0
