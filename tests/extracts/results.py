"""What the scoring job wrote, compared with what is expected."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.support.glue_days import DAY
from tests.support.glue_emulators import Bucket
from tests.writers.expected import Expected

FOLDER, SCORES, INVALID = f"activity/dt={DAY}/", f"scores/dt={DAY}/", f"invalid/dt={DAY}/"


def read_scores(bucket: Bucket, manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return user ids and scores of the files that the manifest names."""
    lines = [line for entry in manifest["files"] for line in bucket.table(SCORES + entry["name"])[1:]]
    return [(user, text) for user, text, _ in lines]


def check_result(bucket: Bucket, manifest: dict[str, Any], expected: Expected, folder: str = FOLDER) -> None:
    """Compare what the job wrote with what it has to be.

    :param folder: of the extract
    """
    assert manifest["rows"] == expected.counts
    assert {entry["key"]: entry["rows"] for entry in manifest["input"]} == {
        folder + name: rows for name, rows in expected.rows.items()
    }
    assert manifest["histogram"] == expected.histogram
    assert Counter(manifest["reasons"]) == expected.reasons
    scores = read_scores(bucket, manifest)
    assert {user: int(text.replace(".", "")) for user, text in scores} == expected.scores
    assert len(scores) == len(expected.scores)
    check_invalid_rows(bucket, expected)


def check_invalid_rows(bucket: Bucket, expected: Expected) -> None:
    """Compare the invalid rows that the job wrote with those that it has to find."""
    assert Counter((line["user_id"], line["reason"]) for line in bucket.lines(INVALID)) == expected.invalid
