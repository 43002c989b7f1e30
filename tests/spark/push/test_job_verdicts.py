"""What the next attempt makes of the verdicts of an earlier one, counted at the CRM's side."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from engagement_jobs.contract.errors import DeliveryFailedError
from tests.support.crm_requests import default_template
from tests.support.glue_checks import check_push_invariants, ledger
from tests.support.glue_days import DAY, RUN_ID, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators

RESPONSES = f"responses/dt={DAY}/"
MANIFEST = f"{RESPONSES}_manifest.json"


def fail(spark: SparkSession, emulators: Emulators, bucket: Bucket, attempt: str = "jr_1", **changes: object) -> str:
    """Run a push that must fail; return its message."""
    with pytest.raises(DeliveryFailedError) as failed:
        push(spark, push_arguments(emulators, bucket, attempt, **changes))
    return str(failed.value)


def put_attempt(
    emulators: Emulators, bucket: Bucket, reasons: dict[str, tuple[str, str]], endpoint: str | None = None
) -> None:
    """Write the ledger of an attempt `jr_0`, in which the user of each line was sent before the next.

    :param reasons: outcome and reason by user
    :param endpoint: to which it was sent, by default that of `push_arguments`
    """
    scores = users(10_000)
    lines = [
        {
            "user_id": user,
            "score": scores[user],
            "key": f"key of {user}",
            "payload_sha256": "",
            "revision": 0,
            "outcome": outcome,
            "reason": reason,
            "http_status": None,
            "tries": 1,
            "latency_ms": None,
            "first_sent_at": f"{DAY}T03:00:{number // 1000:02d}.{number % 1000:03d}Z",
            "settled_at": f"{DAY}T03:01:{number // 1000:02d}.{number % 1000:03d}Z",
            "run_id": RUN_ID,
        }
        for number, (user, (outcome, reason)) in enumerate(reasons.items())
    ]
    folder = f"{RESPONSES}attempt=jr_0/"
    url = endpoint or default_template(emulators.crm_url).endpoint
    bucket.put(f"{folder}endpoint.json", json.dumps({"version": 1, "endpoint": url}).encode())
    bucket.put(f"{folder}part-0-000000.jsonl", "\n".join(map(json.dumps, lines)).encode())


def first_sent(bucket: Bucket, attempt: str, who: Iterable[str]) -> list[str]:
    chosen = set(who)
    return sorted(line["first_sent_at"] for line in ledger(bucket, attempt) if line["user_id"] in chosen)


@pytest.mark.parametrize("status", [404, 405, 410])
def test_a_total_refusal_is_open_and_then_sent(
    spark: SparkSession, bucket: Bucket, crm: Emulators, status: int
) -> None:
    scores = users(600)
    put_scores(bucket, scores)
    # The CRM stores its answer under the key, so the same key would get it again.
    crm.crm("PUT", "faults", json={"status": status, "stored": True})
    message = fail(spark, crm, bucket)
    manifest = bucket.json(MANIFEST)
    check_push_invariants(bucket, manifest, 600)
    assert re.match(f"The CRM refused all of the first 1[01] users with http_{status}: base_url or the CRM", message)
    assert (manifest["outcomes"]["rejected"], manifest["outcomes"]["deferred"]) == (0, 600)
    refused = {line["user_id"]: line for line in ledger(bucket, "jr_1")}
    assert 10 <= manifest["posts"] == crm.crm("GET", "stats")["requests"] == len(refused) <= 21
    assert {line["reason"] for line in refused.values()} == {f"http_{status}_shared"}

    crm.crm("DELETE", "faults")
    later = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, later, 600)
    assert (later["posts"], later["outcomes"]["delivered"]) == (600, 600)
    assert crm.crm("GET", "state") == scores
    stats = crm.crm("GET", "stats")
    assert (stats["applied"], stats["duplicates"]["applied_per_user"]) == (600, 0)
    for line in ledger(bucket, "jr_2"):
        was_answered = line["user_id"] in refused
        assert line["revision"] == (1 if was_answered else 0)
        assert not was_answered or line["key"] != refused[line["user_id"]]["key"]


def test_a_corrected_base_url_sends_everyone(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(150))
    fail(spark, crm, bucket, base_url=f"{crm.crm_url}/old")
    assert bucket.json(MANIFEST)["stopped"]["cause"] == "canary_refused"
    later = push(spark, push_arguments(crm, bucket, "jr_2", base_url=f"{crm.crm_url.upper()}/"))
    check_push_invariants(bucket, later, 150)
    assert later["outcomes"]["delivered"] == crm.crm("GET", "stats")["applied"] == 150


@pytest.mark.parametrize("count", [3, 25, 45])
def test_invalid_leftovers_are_rejected(spark: SparkSession, bucket: Bucket, crm: Emulators, count: int) -> None:
    scores = users(120)
    put_scores(bucket, scores)
    invalid = list(scores)[-count:]
    put_attempt(
        crm,
        bucket,
        dict.fromkeys(list(scores)[:-count], ("delivered", "http_200"))
        | dict.fromkeys(invalid, ("deferred", "http_422_shared")),
    )
    crm.crm("PUT", "faults", json={"status": 422})
    manifest = push(spark, push_arguments(crm, bucket))
    check_push_invariants(bucket, manifest, 120)
    assert (manifest["posts"], manifest["outcomes"]["rejected"], manifest["stopped"]) == (count, count, None)
    assert {line["user_id"] for line in ledger(bucket, "jr_1")} == set(invalid)


@pytest.mark.parametrize(
    ("earlier", "endpoint"),
    [
        pytest.param("http_422_shared", "http://127.0.0.1:1/api/v1/update-score", id="of another endpoint"),
        pytest.param("http_404_shared", None, id="of another status"),
    ],
)
def test_another_refusal_is_no_proof(
    spark: SparkSession, bucket: Bucket, crm: Emulators, earlier: str, endpoint: str | None
) -> None:
    scores = users(120)
    put_scores(bucket, scores)
    invalid = list(scores)[-45:]
    done = dict.fromkeys(list(scores)[:-45], ("delivered", "http_200"))
    put_attempt(crm, bucket, done | dict.fromkeys(invalid, ("deferred", earlier)), endpoint)
    crm.crm("PUT", "faults", json={"status": 422})
    fail(spark, crm, bucket)
    manifest = bucket.json(MANIFEST)
    assert (manifest["stopped"]["cause"], manifest["outcomes"]["rejected"]) == ("canary_refused", 0)


def test_an_unknown_user_keeps_its_key(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30))
    put_attempt(crm, bucket, {"U00007": ("unknown", "timeout")}, "https://moved.example.com/api/v1/update-score")
    manifest = push(spark, push_arguments(crm, bucket))
    assert manifest["outcomes"]["delivered"] == 30
    keys = {line["user_id"]: line["key"] for line in ledger(bucket, "jr_1")}
    assert [user for user, key in keys.items() if key.startswith("key of")] == ["U00007"]


@pytest.mark.parametrize(("status", "outcome"), [(500, "unknown"), (403, "deferred")])
def test_users_who_failed_alone_come_last(
    spark: SparkSession, bucket: Bucket, crm: Emulators, status: int, outcome: str
) -> None:
    scores = users(301)
    put_scores(bucket, scores)
    poisoned = list(scores)[:40]  # the first of all, so that they would be the canary
    others = list(scores)[40:300]
    put_attempt(
        crm, bucket, dict.fromkeys(poisoned, (outcome, f"http_{status}")) | {"U00300": ("delivered", "http_200")}
    )
    crm.crm("PUT", "faults", json={"status": status, "for_users": poisoned})
    message = fail(spark, crm, bucket, push_tasks=2, max_attempts=2)
    manifest = bucket.json(MANIFEST)
    by_task = check_push_invariants(bucket, manifest, 301)
    assert (manifest["outcomes"]["delivered"], manifest["outcomes"][outcome]) == (261, 40)
    assert message.startswith(f"40 users kept failing (http_{status}); the CRM answered 261 others.")
    assert by_task["canary"]["outcomes"] == {"delivered": by_task["canary"]["rows"]}
    for task in ("0", "1"):
        lines = [line for key in bucket.keys(f"{RESPONSES}attempt=jr_1/part-{task}-") for line in bucket.lines(key)]
        sent = {name: [line["first_sent_at"] for line in lines if line["user_id"] in group] for name, group in
                (("others", set(others)), ("poisoned", set(poisoned)))}  # fmt: skip
        assert max(sent["others"]) <= min(sent["poisoned"])


def test_only_users_who_failed_alone_need_no_canary(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30))
    put_attempt(
        crm,
        bucket,
        {f"U{number:05d}": ("unknown", "timeout") for number in range(28)} | {"U00028": ("delivered", "http_200")},
    )
    manifest = push(spark, push_arguments(crm, bucket))
    by_task = check_push_invariants(bucket, manifest, 30)
    assert by_task.keys() == {"plan", "0", "1", "2", "3"}
    assert (manifest["outcomes"]["delivered"], manifest["posts"]) == (30, 29)


def test_the_tasks_start_before_the_canary_has_ended(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(400)
    put_scores(bucket, scores)
    by_hash = spark.createDataFrame([(user,) for user in scores], "user_id string").orderBy(
        F.xxhash64(F.lit("jr_1"), "user_id")
    )
    first = [row["user_id"] for row in by_hash.limit(100).collect()]
    silent = [first[1], first[20], first[99]]
    crm.crm("PUT", "faults", json={"silent": True, "for_users": silent})
    message = fail(spark, crm, bucket, request_timeout_seconds=9, max_attempts=1, max_failed_fraction=0.001)
    manifest = bucket.json(MANIFEST)
    by_task = check_push_invariants(bucket, manifest, 400)
    assert message.startswith("3 users kept failing (timeout); the CRM answered 397 others.")
    assert by_task["canary"]["outcomes"] == {"delivered": by_task["canary"]["rows"] - 3, "unknown": 3}
    waited = sorted(line["settled_at"] for line in ledger(bucket, "jr_1") if line["user_id"] in silent)
    delivered = [line["settled_at"] for line in ledger(bucket, "jr_1") if line["outcome"] == "delivered"]
    assert len(delivered) == 397
    assert max(delivered) < min(waited[1:])  # the first one may be sent some seconds before the others
