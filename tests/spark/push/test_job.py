"""The push job on good days, with real Spark and a fake CRM that counts what it receives."""

from __future__ import annotations

import hashlib
import json
import logging
import time

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.errors import ScoresError, TooFewSlotsError
from tests.support.crm_requests import DEFAULT
from tests.support.glue_checks import aggregates, check_push_invariants, ledger
from tests.support.glue_days import (
    DAY,
    DAY_BEFORE,
    HOSTILE_IDS,
    RUN_ID,
    parquet,
    push,
    push_arguments,
    put_scores,
    row,
    score,
    score_arguments,
    users,
)
from tests.support.glue_emulators import SLOTS, TOKEN, Bucket, Emulators

RESPONSES = f"responses/dt={DAY}/"
MANIFEST = f"{RESPONSES}_manifest.json"
NOTHING = {"delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned"}
OTHER_RUN = "manual__2026-11-23T09:00:00+00:00"


def outcomes(**counts: int) -> dict[str, int]:
    return dict.fromkeys(NOTHING, 0) | counts


def test_a_date_is_delivered_once_and_then_corrected(
    spark: SparkSession,
    bucket: Bucket,
    crm: Emulators,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    scores = users(600) | {"canary.of.privacy@example.com": "98.76"}
    scores_manifest = put_scores(bucket, scores)
    manifest = push(spark, push_arguments(crm, bucket))
    by_task = check_push_invariants(bucket, manifest, 601)
    assert manifest == {
        "version": 1,
        "run_id": RUN_ID,
        "job_run_id": "jr_1",
        "score_date": DAY,
        "mode": "all",
        "resend_delivered": False,
        "scores_sha256": scores_manifest["sha256"],
        "crm_version": "2026-12-01",
        "crm_sha256": hashlib.sha256(DEFAULT.encode()).hexdigest(),
        "rows": 601,
        "outcomes": outcomes(delivered=601),
        "stopped": None,
        "not_before": None,
        "retry_after_ignored": None,
        "posts": 601,
        "retries": 0,
        "status_codes": {"200": 601},
        "errors": [],
        "attempts": ["jr_1"],
        "warnings": [],
    }
    assert by_task.keys() == {"plan", "canary", *"0123"}
    assert (by_task["plan"]["rows"], by_task["canary"]["rows"]) == (0, 111)
    assert all(by_task[task]["rows"] > 100 for task in "0123")
    stats = crm.crm("GET", "stats")
    assert (stats["requests"], stats["applied"]) == (601, 601)
    assert stats["connections_peak"] <= 4 * 32
    assert crm.crm("GET", "state") == scores
    lines = ledger(bucket, "jr_1")
    assert {line["user_id"]: line["score"] for line in lines} == scores
    assert len({line["key"] for line in lines}) == 601
    assert bucket.read(f"{RESPONSES}failed.csv") == b"UserID,outcome,reason,http_status\n"
    assert bucket.json("delivered/_current.json")["attempts"] == [f"{RESPONSES}attempt=jr_1/"]

    # The next attempt sends nothing; its manifest has the outcomes of the date.
    again = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, again, 601)
    assert again["outcomes"] == outcomes(delivered=601)
    assert (again["posts"], again["attempts"]) == (0, ["jr_1", "jr_2"])
    assert crm.crm("GET", "stats")["requests"] == 601

    # A correction and its reversal are each sent once, with a key of their own.
    for attempt, text, revision in (("jr_3", "11.11", 1), ("jr_4", scores["U00007"], 2)):
        put_scores(bucket, scores | {"U00007": text}, run_id=OTHER_RUN)
        corrected = push(spark, push_arguments(crm, bucket, attempt, run_id=OTHER_RUN))
        check_push_invariants(bucket, corrected, 601)
        assert (corrected["outcomes"], corrected["posts"]) == (outcomes(delivered=601), 1)
        (line,) = ledger(bucket, attempt)
        assert (line["user_id"], line["score"], line["revision"]) == ("U00007", text, revision)
        assert crm.crm("GET", "state")["U00007"] == text
    assert corrected["attempts"] == ["jr_3", "jr_4"]
    stats = crm.crm("GET", "stats")
    assert (stats["requests"], stats["applied"], stats["replayed"]) == (603, 603, 0)

    logged = "".join((caplog.text, *capfd.readouterr()))
    assert "601 rows" in logged
    for secret in (TOKEN, "canary.of.privacy", "98.76", "U00007"):
        assert secret not in logged
        assert all(secret not in json.dumps(each) for each in (manifest, *by_task.values()))


def test_hostile_user_ids_reach_the_crm_unchanged(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    score(spark, score_arguments(bucket, parquet([row(user_id, logins=2) for user_id in HOSTILE_IDS])))
    crm.crm("PUT", "faults", json={"status": 422, "for_users": list(HOSTILE_IDS[::2])})
    manifest = push(spark, push_arguments(crm, bucket))
    check_push_invariants(bucket, manifest, len(HOSTILE_IDS))
    half = len(HOSTILE_IDS[::2])
    assert manifest["outcomes"] == outcomes(delivered=len(HOSTILE_IDS) - half, rejected=half)
    assert crm.crm("GET", "state") == dict.fromkeys(HOSTILE_IDS[1::2], "44.00")
    failed = bucket.table(f"{RESPONSES}failed.csv")[1:]
    assert sorted(failed) == sorted([user_id, "rejected", "http_422", "422"] for user_id in HOSTILE_IDS[::2])
    # The next attempt recognizes all of them in the ledger.
    again = push(spark, push_arguments(crm, bucket, "jr_2"))
    assert (again["posts"], again["outcomes"]) == (0, manifest["outcomes"])


def test_a_killed_attempt_is_resumed(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(600)
    put_scores(bucket, scores)
    push(spark, push_arguments(crm, bucket))
    keys = {line["user_id"]: line["key"] for line in ledger(bucket, "jr_1")}
    # As after a kill: two tasks wrote no ledger and no aggregate, and there is no manifest or snapshot.
    attempt = f"{RESPONSES}attempt=jr_1/"
    lost_parts = [key for key in bucket.keys(attempt) if "/part-1-" in key or "/part-3-" in key]
    lost = {line["user_id"] for key in lost_parts for line in bucket.lines(key)}
    assert 200 < len(lost) < 300
    bucket.delete(*lost_parts, MANIFEST, f"{RESPONSES}failed.csv", f"{attempt}agg-1.json", f"{attempt}agg-3.json")
    bucket.delete(*bucket.keys("delivered/"))

    manifest = push(spark, push_arguments(crm, bucket, "jr_2"))
    check_push_invariants(bucket, manifest, 600)
    assert manifest["outcomes"] == outcomes(delivered=600)
    assert (manifest["posts"], manifest["attempts"]) == (len(lost), ["jr_1", "jr_2"])
    assert {line["user_id"]: line["key"] for line in ledger(bucket, "jr_2")} == {user: keys[user] for user in lost}
    stats = crm.crm("GET", "stats")
    assert (stats["requests"], stats["replayed"], stats["applied"]) == (600 + len(lost), len(lost), 600)
    assert stats["duplicates"]["applied_per_user"] == 0
    assert crm.crm("GET", "state") == scores
    # The snapshot holds what both attempts sent.
    parts = [key for key in bucket.keys("delivered/v=jr_2/") if key.endswith(".parquet")]
    assert spark.read.parquet(*(f"s3://{bucket.name}/{key}" for key in parts)).count() == 600


def test_a_dry_run_changes_nothing_of_the_date(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(60))
    push(spark, push_arguments(crm, bucket, limit="20"))
    before = bucket.objects()
    sent = crm.crm("GET", "stats")["requests"]
    manifest = push(spark, push_arguments(crm, bucket, "jr_2", push_mode="dry_run"))
    folder = s3_keys.dry_run_prefix(RUN_ID)
    assert bucket.json(f"{folder}_manifest.json") == manifest
    assert manifest["outcomes"] == outcomes(delivered=20, planned=40)
    assert (manifest["mode"], manifest["posts"], manifest["attempts"]) == ("dry_run", 0, ["jr_2"])
    by_task = aggregates(bucket, folder)
    assert {task: document["outcomes"] for task, document in by_task.items()} == {
        "plan": {"delivered": 20, "planned": 40}
    }
    after = bucket.objects()
    assert {key for key in after if after[key] != before.get(key)} == {
        f"{folder}_manifest.json",
        f"{folder}agg-plan.json",
    }
    assert before.keys() <= after.keys()
    assert crm.crm("GET", "stats")["requests"] == sent == 20


def test_a_limit_sends_the_first_users(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(40)
    put_scores(bucket, dict(reversed(scores.items())))
    manifest = push(spark, push_arguments(crm, bucket, limit="15"))
    check_push_invariants(bucket, manifest, 40)
    assert manifest["outcomes"] == outcomes(delivered=15, planned=25)
    assert sorted(crm.crm("GET", "state")) == [f"U{number:05d}" for number in range(15)]
    rest = push(spark, push_arguments(crm, bucket, "jr_2"))
    assert (rest["posts"], rest["outcomes"]) == (25, outcomes(delivered=40))
    assert crm.crm("GET", "state") == scores


def test_an_older_date_never_overwrites_a_newer_one(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30, "70.00"))
    push(spark, push_arguments(crm, bucket))
    put_scores(bucket, users(40, "10.00"), day=DAY_BEFORE)
    manifest = push(spark, push_arguments(crm, bucket, "jr_2", score_date=DAY_BEFORE, resend_delivered="true"))
    check_push_invariants(bucket, manifest, 40)
    assert manifest["outcomes"] == outcomes(delivered=10, superseded=30)
    assert crm.crm("GET", "state") == users(40, "10.00") | users(30, "70.00")
    # The next date with push_mode=changed does not send users whose score is the last one delivered.
    put_scores(bucket, users(40, "70.00"), day="2026-11-24")
    changed = push(spark, push_arguments(crm, bucket, "jr_3", score_date="2026-11-24", push_mode="changed"))
    check_push_invariants(bucket, changed, 40)
    assert changed["outcomes"] == outcomes(delivered=10, unchanged=30)
    assert crm.crm("GET", "state") == users(40, "70.00")


def test_retry_rejected_sends_rejected_users_again(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    scores = users(30)
    put_scores(bucket, scores)
    rejected = ["U00003", "U00004"]
    crm.crm("PUT", "faults", json={"status": 422, "for_users": rejected})
    first = push(spark, push_arguments(crm, bucket))
    check_push_invariants(bucket, first, 30)
    assert first["outcomes"] == outcomes(delivered=28, rejected=2)
    assert first["errors"] == [
        {
            "outcome": "rejected",
            "reason": "http_422",
            "http_status": 422,
            "detail": first["errors"][0]["detail"],
            "count": 2,
        }
    ]
    assert bucket.table(f"{RESPONSES}failed.csv")[1:] == [[user, "rejected", "http_422", "422"] for user in rejected]
    crm.crm("DELETE", "faults")
    # Neither the run's own retry nor another run in mode all sends them again, and the reason is kept.
    for attempt, run_id in (("jr_2", RUN_ID), ("jr_3", OTHER_RUN)):
        put_scores(bucket, scores, run_id=run_id)
        kept = push(spark, push_arguments(crm, bucket, attempt, run_id=run_id))
        check_push_invariants(bucket, kept, 30)
        assert (kept["posts"], kept["outcomes"], kept["errors"][0]["count"]) == (0, first["outcomes"], 2)
    retried = push(spark, push_arguments(crm, bucket, "jr_4", run_id=OTHER_RUN, push_mode="retry_rejected"))
    check_push_invariants(bucket, retried, 30)
    assert (retried["posts"], retried["outcomes"]) == (2, outcomes(delivered=30))
    assert crm.crm("GET", "state") == scores


def test_resend_delivered_sends_what_other_runs_sent(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    for run_id, attempt, posts in ((RUN_ID, "jr_1", 20), (OTHER_RUN, "jr_2", 20), (OTHER_RUN, "jr_3", 0)):
        put_scores(bucket, users(20), run_id=run_id)
        manifest = push(spark, push_arguments(crm, bucket, attempt, run_id=run_id, resend_delivered="true"))
        check_push_invariants(bucket, manifest, 20)
        assert (manifest["posts"], manifest["resend_delivered"]) == (posts, True)
    stats = crm.crm("GET", "stats")
    assert (stats["applied"], stats["replayed"]) == (40, 0)


def test_wrong_scores_or_slots_are_refused_before_sending(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    with pytest.raises(ScoresError, match=r"_manifest\.json does not exist"):
        push(spark, push_arguments(crm, bucket))
    put_scores(bucket, users(5), rows=6)
    bucket.put(MANIFEST, b"{}")
    with pytest.raises(ScoresError, match="have 5 rows, expected 6 rows as listed in their manifest"):
        push(spark, push_arguments(crm, bucket))
    put_scores(bucket, users(5))
    with pytest.raises(TooFewSlotsError, match=f"push_tasks is 5, but this cluster runs {SLOTS} tasks at a time"):
        push(spark, push_arguments(crm, bucket, push_tasks=SLOTS + 1))
    assert crm.crm("GET", "stats")["requests"] == 0
    # The job deletes the manifest first, so that no reader mistakes an earlier attempt's manifest for this one's.
    assert bucket.keys("responses/") == []


@pytest.mark.parametrize(
    ("user_ids", "repeated", "mode"),
    [
        (["Zo\ufffd", "Zo\ufffd", "Zoe"], "1 ids", "all"),
        (["U1", "U2", "U1", "U2", "U2", "U3"], "2 ids", "changed"),
        (["a,b", " a", "a", "a,b"], "1 ids", "dry_run"),
    ],
)
def test_a_user_id_twice_is_refused_before_sending(
    spark: SparkSession, bucket: Bucket, crm: Emulators, user_ids: list[str], repeated: str, mode: str
) -> None:
    put_scores(bucket, [(user_id, f"{number}.50") for number, user_id in enumerate(user_ids)])
    with pytest.raises(ScoresError, match=f"for the same user id .{repeated}.,") as refused:
        push(spark, push_arguments(crm, bucket, push_mode=mode))
    assert not any(user_id in str(refused.value) for user_id in user_ids if len(user_id) > 1)
    assert crm.crm("GET", "stats")["requests"] == 0
    assert bucket.keys("responses/") == []


def test_all_tasks_share_one_rate(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(500))
    started = time.monotonic()
    manifest = push(spark, push_arguments(crm, bucket, max_requests_per_second="150"))
    assert manifest["outcomes"]["delivered"] == 500
    assert time.monotonic() - started > (500 - 2 * 15) / 150
    # Measured on arrival: slightly more requests may arrive in a second than are sent in one.
    assert crm.crm("GET", "stats")["peak_in_one_second"] <= (150 + 15) * 1.1
