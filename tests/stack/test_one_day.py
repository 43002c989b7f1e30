"""One day from the extract to the CRM, with Airflow and Spark: the main promise in one cheap test."""

from __future__ import annotations

import re

import pytest

from tests.stack.conftest import World
from tests.stack.expected import expected_scores

pytestmark = pytest.mark.timeout(600)
DAY, ROWS = "2026-11-23", 2_000


def test_a_day_is_delivered_reported_and_announced(world: World) -> None:
    extract = world.upload(DAY, ROWS)
    with world.subscribed() as received:
        ended = world.run_day(DAY)
        (message,) = received()

    assert ended.exit_code == 0, ended.log[-3000:]
    assert set(ended.states.values()) == {"success"}
    expected = expected_scores(extract)
    assert len(expected) == ROWS
    assert world.crm_scores() == expected
    assert world.crm_stats()["requests"] == ROWS
    user, score = next(iter(expected.items()))
    (request,) = world.stack.crm("GET", "requests", params={"user_id": user})
    assert request["body"] == f'{{"user_id": "{user}", "engagement_score": "{score}"}}'
    assert request["content_type"] == "application/json"

    summary = ended.summary
    assert (summary["rows"], summary["posts"], summary["outcomes"]["delivered"]) == (ROWS, ROWS, ROWS)
    report = (world.output / summary["report_key"]).read_text()
    assert "2,000" in report
    assert "<script" not in report
    assert message["Subject"] == f"OK engagement scores {DAY}: 2,000 of 2,000 delivered"
    # The fixture searches all files for user ids and the token; the message is in no file.
    assert not re.search(r"U\d{9}", message["Message"])
