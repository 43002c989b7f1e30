"""S3 keys, compared with literals because the Glue side has its own code for them."""

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from engagement.contract import s3_keys

RUN = "manual__2026-11-23T14:30:07+00:00"
KEY = "manual__2026-11-23T14-30-07-00-00-" + hashlib.sha256(RUN.encode()).hexdigest()[:8]


def test_run_key() -> None:
    assert s3_keys.run_key(RUN) == KEY


@given(st.text(min_size=1))
def test_run_keys_are_one_safe_segment(run_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+-[0-9a-f]{8}", s3_keys.run_key(run_id))


@given(st.lists(st.text("/:+-", min_size=1, max_size=4), unique=True, min_size=2, max_size=20))
def test_different_run_ids_have_different_run_keys(run_ids: list[str]) -> None:
    assert len({s3_keys.run_key(run_id) for run_id in run_ids}) == len(run_ids)


def test_keys_of_a_date() -> None:
    day = "2026-11-23"
    assert s3_keys.scores_prefix(day) == f"scores/dt={day}/"
    assert s3_keys.scores_manifest_key(day) == f"scores/dt={day}/_manifest.json"
    assert s3_keys.latest_summary_key(day) == f"summaries/dt={day}/summary.json"


def test_keys_of_a_delivery() -> None:
    day = "2026-11-23"
    assert s3_keys.delivery_manifest_key(day, RUN, dry_run=False) == f"responses/dt={day}/_manifest.json"
    assert s3_keys.attempt_prefix(day, RUN, "jr_1", dry_run=False) == f"responses/dt={day}/attempt=jr_1/"
    assert s3_keys.summary_prefix(day, RUN, dry_run=False) == f"summaries/dt={day}/runs/{KEY}"


def test_a_dry_run_stays_in_its_own_folder() -> None:
    day = "2026-11-23"
    assert s3_keys.delivery_manifest_key(day, RUN, dry_run=True) == f"dry_runs/{KEY}/_manifest.json"
    assert s3_keys.attempt_prefix(day, RUN, "jr_1", dry_run=True) == f"dry_runs/{KEY}/"
    assert s3_keys.summary_prefix(day, RUN, dry_run=True) == f"dry_runs/{KEY}/summary"


def test_date_of_scores_folder() -> None:
    assert s3_keys.date_of_scores_folder("scores/dt=2026-11-23/") == "2026-11-23"
    assert s3_keys.date_of_scores_folder("scores/_temporary/") is None
    assert s3_keys.date_of_scores_folder("x/scores/dt=2026-11-23/") is None
