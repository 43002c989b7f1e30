"""The push job with another CRM document than the default one. The CRM counts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import CrmDocumentError, DeliveryFailedError
from tests.support.crm_requests import DEFAULT, ROOT
from tests.support.glue_checks import check_push_invariants, ledger
from tests.support.glue_days import DAY, HOSTILE_IDS, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators

MANIFEST = f"responses/dt={DAY}/_manifest.json"
KEY = "crm/document.json"


def put_document(bucket: Bucket, name: str, **changes: tuple[str, str]) -> str:
    """Upload an example document; return its URI.

    :param changes: a text in the document and what replaces it
    """
    text = (ROOT / "docs" / "reference" / "crm-documents" / f"{name}.json").read_text(encoding="utf-8")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    bucket.put(KEY, text.encode())
    return f"s3://{bucket.name}/{KEY}"


def requests_of(crm: Emulators, user: str) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = crm.crm("GET", "requests", params={"user_id": user})
    return requests


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("contact-property", {"properties": {"engagement_score": "7.50", "engagement_score_date": DAY}}),
        ("upsert", {"traits": {"engagement_score": 7.5, "scored_at": f"{DAY}T03:00:00Z"}}),
        ("events", {"score": 7.5, "score_date": DAY, "weights_version": "1"}),
    ],
)
def test_a_document_of_s3_is_sent(
    spark: SparkSession, bucket: Bucket, crm: Emulators, name: str, body: dict[str, Any]
) -> None:
    scores = users(200) | dict.fromkeys(HOSTILE_IDS, "44.00")
    put_scores(bucket, scores)
    uri = put_document(bucket, name)
    manifest = push(spark, push_arguments(crm, bucket, crm_uri=uri))

    check_push_invariants(bucket, manifest, len(scores))
    assert (manifest["crm_version"], manifest["crm_sha256"]) == (
        f"{name}-1",
        hashlib.sha256(bucket.read(KEY)).hexdigest(),
    )
    assert crm.crm("GET", "state") == scores
    assert crm.crm("GET", "stats")["requests"] == len(scores)
    (request,) = requests_of(crm, "U00007")
    sent = json.loads(request["body"])
    assert sent.get("properties", sent) == body.get("properties", body)
    again = push(spark, push_arguments(crm, bucket, "jr_2", crm_uri=uri))
    assert (again["posts"], again["outcomes"]["delivered"]) == (0, len(scores))


@pytest.mark.parametrize(("mode", "text"), [("all", None), ("dry_run", None), ("all", "{}"), ("dry_run", "[]")])
def test_a_bad_document_deletes_nothing(
    spark: SparkSession, bucket: Bucket, crm: Emulators, mode: str, text: str | None
) -> None:
    put_scores(bucket, users(5))
    bucket.put(MANIFEST, b"of an earlier run")
    uri = f"s3://{bucket.name}/{KEY}"
    if text is not None:
        bucket.put(KEY, text.encode())
    with pytest.raises(CrmDocumentError, match=f"crm_uri: {uri} does not" if text is None else "invalid CRM document"):
        push(spark, push_arguments(crm, bucket, push_mode=mode, crm_uri=uri))
    assert bucket.keys("responses/") == [MANIFEST]
    assert crm.crm("GET", "stats")["requests"] == 0


def test_a_dry_run_names_the_document(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(5))
    manifest = push(spark, push_arguments(crm, bucket, push_mode="dry_run", crm_uri=put_document(bucket, "upsert")))
    assert (manifest["crm_version"], manifest["outcomes"]["planned"]) == ("upsert-1", 5)
    assert crm.crm("GET", "stats")["requests"] == 0


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_user_in_doubt_gets_a_new_key_for_a_new_body(
    spark: SparkSession, bucket: Bucket, crm: Emulators, *, is_changed: bool
) -> None:
    put_scores(bucket, users(40))
    lost = ("U00003", "U00030")
    crm.crm("PUT", "faults", json={"drop_after": True, "for_users": lost})
    uri = put_document(bucket, "events")
    with pytest.raises(DeliveryFailedError):
        push(spark, push_arguments(crm, bucket, crm_uri=uri, max_attempts=1))
    crm.crm("DELETE", "faults")

    if is_changed:
        # The CRM knows the event's id and refuses it with another content.
        uri = put_document(bucket, "events", weights=("{weights_version}", "of {weights_version}"))
    manifest = push(spark, push_arguments(crm, bucket, "jr_2", crm_uri=uri))
    check_push_invariants(bucket, manifest, 40)
    assert (manifest["outcomes"]["delivered"], manifest["posts"]) == (40, 2)
    for user in lost:
        requests = requests_of(crm, user)
        assert requests[-1]["status"] == (202 if is_changed else 200)
        assert len({json.loads(each["body"])["event_id"] for each in requests}) == (2 if is_changed else 1)


def test_an_id_that_changes_the_path_gets_no_request(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    unsafe = ("..", "a/../U00001", ".")
    scores = users(300) | dict.fromkeys(unsafe, "99.00")
    put_scores(bucket, scores)
    uri = put_document(bucket, "upsert")
    manifest = push(spark, push_arguments(crm, bucket, crm_uri=uri, max_failed_fraction="0.05"))
    check_push_invariants(bucket, manifest, 303)
    assert (manifest["outcomes"]["rejected"], manifest["posts"]) == (3, 300)
    failed = bucket.table(f"responses/dt={DAY}/failed.csv")[1:]
    assert [tuple(row) for row in failed] == [(user, "rejected", "unsafe_path", "") for user in sorted(unsafe)]
    assert crm.crm("GET", "state") == users(300)

    # The default document has the id in its body, where it is safe.
    manifest = push(spark, push_arguments(crm, bucket, "jr_2"))
    assert (manifest["outcomes"]["delivered"], manifest["posts"]) == (303, 3)
    assert {line["user_id"] for line in ledger(bucket, "jr_2")} == set(unsafe)


def test_the_uploaded_default_is_the_default(spark: SparkSession, bucket: Bucket, crm: Emulators) -> None:
    put_scores(bucket, users(30))
    bucket.put(KEY, DEFAULT.encode())
    manifest = push(spark, push_arguments(crm, bucket, crm_uri=f"s3://{bucket.name}/{KEY}"))
    keys = {line["user_id"]: line["key"] for line in ledger(bucket, "jr_1")}
    assert manifest["outcomes"]["delivered"] == 30
    bucket.delete(*bucket.keys("responses/"), *bucket.keys("delivered/"))
    push(spark, push_arguments(crm, bucket))
    assert {line["user_id"]: line["key"] for line in ledger(bucket, "jr_1")} == keys
    assert crm.crm("GET", "stats")["applied"] == 30
