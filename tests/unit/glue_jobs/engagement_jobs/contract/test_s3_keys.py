"""S3 keys of the data contract."""

from __future__ import annotations

import hashlib
import re

import pytest

from engagement_jobs.contract import s3_keys


def test_prefixes_are_those_of_the_data_contract() -> None:
    assert s3_keys.scores_prefix("2026-11-23") == "scores/dt=2026-11-23/"
    assert s3_keys.invalid_prefix("2026-11-23") == "invalid/dt=2026-11-23/"
    assert s3_keys.responses_prefix("2026-11-23") == "responses/dt=2026-11-23/"
    assert s3_keys.attempt_prefix("2026-11-23", "jr_1") == "responses/dt=2026-11-23/attempt=jr_1/"
    assert s3_keys.snapshot_prefix("jr_1") == "delivered/v=jr_1/"
    assert s3_keys.SNAPSHOT_POINTER == "delivered/_current.json"
    assert s3_keys.MANIFEST == "_manifest.json"


def test_a_run_key_is_safe_and_unique() -> None:
    run_id = "scheduled__2026-11-23T03:00:00+00:00"
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
    assert s3_keys.run_key(run_id) == f"scheduled__2026-11-23T03-00-00-00-00-{digest}"
    assert s3_keys.dry_run_prefix(run_id) == f"dry_runs/{s3_keys.run_key(run_id)}/"
    assert s3_keys.run_key("a:b") != s3_keys.run_key("a+b")


@pytest.mark.parametrize("run_id", ["../../x", "a b", "Zoë", "a\nb", "%2e", "ärger/🛒"])
def test_a_run_key_has_no_character_that_leaves_its_folder(run_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", s3_keys.run_key(run_id))
