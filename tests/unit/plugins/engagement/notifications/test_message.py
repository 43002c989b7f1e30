"""Notices: what SNS takes, what a phone shows, and what they never tell."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.contract.summary import Finding
from engagement.notifications import message
from engagement.summary.run_artifacts import RunArtifacts
from tests.unit.plugins.engagement import run_factory as factory

ABOUT = {"dag_id": factory.DAG_ID, "run_id": factory.RUN_ID, "run_type": "scheduled", "score_date": factory.DATE}


def told(artifacts: RunArtifacts, limit: float = 0.01, **changes: Any) -> message.Notification:
    return message.from_summary(factory.whole_summary(artifacts, limit, **changes), run_type="scheduled")


def test_a_success() -> None:
    found = told(factory.artifacts())
    assert found.subject == "OK engagement scores 2026-11-23: 970 of 1,000 delivered, 8 not reached, 1 warning"
    assert found.attributes == {
        "status": "success",
        "score_date": "2026-11-23",
        "dag_id": factory.DAG_ID,
        "run_type": "scheduled",
    }
    assert found.body == (
        "970 of 1,000 scores of 2026-11-23 are delivered; 8 customers were not reached.\n"
        "\n"
        "Not reached: 8 of 1,000 customers (0.80%, allowed 1%)\n"
        "Why: http_422 (5), http_503 (2), timeout (1)\n"
        "\n"
        "Warning: fewer than usual\n"
        "\n"
        "Outcomes of 1,000 scores\n"
        "- delivered: 970\n"
        "- rejected: 5\n"
        "- unknown: 1\n"
        "- deferred: 2\n"
        "- superseded: 10\n"
        "- unchanged: 12\n"
        "\n"
        "Report: https://reports.example/x.html\n"
        "Run: scheduled__2026-11-23T03:00:00+00:00 (scheduled, mode all)\n"
        "Cost: $0.09 for 3 Glue runs"
    )


def test_a_failure_shows_how_many_why_and_what_to_do() -> None:
    found = told(factory.artifacts(), limit=0.005)
    assert found.subject == "FAILED engagement scores 2026-11-23: 8 of 1,000 customers not reached"
    assert found.attributes["status"] == "failed"
    first, *_ = found.body.splitlines()
    assert first.startswith("8 of 1,000 customers were not reached (0.80%, allowed 0.50%).")
    assert "Why: http_422 (5), http_503 (2), timeout (1)" in found.body
    assert "   Next: The error groups say why. Clear push_scores to send open rows again." in found.body


def test_a_day_without_an_extract_names_the_task() -> None:
    found = told(factory.without_extract())
    assert found.subject == "FAILED engagement scores 2026-11-23: wait_for_activity failed"
    assert "Nothing was sent for 2026-11-23." in found.body
    assert "Next: See that the extract of 2026-11-23 is uploaded" in found.body
    assert "- none is known" in found.body


def test_another_failure_names_task_and_code() -> None:
    found = told(factory.artifacts(delivery=factory.MISSING, aggregates={}))
    assert found.subject == "FAILED engagement scores 2026-11-23: push_scores delivery missing"


def test_a_dry_run() -> None:
    planned = factory.dry_run_manifest().outcomes
    found = told(factory.artifacts(), mode="dry_run", outcomes=planned, not_reached=0, mode_reason="it is 9 days old")
    assert found.subject == "DRY RUN engagement scores 2026-11-23: 1,000 of 1,000 would be sent"
    assert "Mode dry_run: it is 9 days old" in found.body


def test_a_run_without_a_verdict() -> None:
    found = message.without_summary(task_id="summarize_responses", problem="ClientError: SlowDown", **ABOUT)
    assert found.subject == "FAILED engagement scores 2026-11-23: no verdict, see summarize_responses"
    assert found.body.startswith("summarize_responses failed before it came to a verdict: ClientError: SlowDown\n")
    assert f"Run: {factory.RUN_ID} (scheduled)" in found.body
    assert found.attributes["status"] == "failed"


def test_a_date_that_is_not_known_is_no_attribute() -> None:
    found = message.without_summary(task_id="t", problem="", **ABOUT | {"score_date": ""})
    assert set(found.attributes) == {"status", "dag_id", "run_type"}
    assert found.subject.startswith("FAILED engagement scores scheduled__")


@pytest.mark.parametrize("text", ["x" * 10**6, "ü\n\t\N{PILE OF POO}\0" * 10**5])
def test_whatever_happened_sns_takes_it(text: str) -> None:
    finding = Finding(code=text, task=text, detail=text, advice=text)
    error = factory.ERRORS[0].model_copy(update={"reason": text, "detail": text})
    monsters = [
        told(
            factory.artifacts(),
            status="failed",
            not_reached=0,
            headline=text,
            findings=[finding] * 500,
            errors=[error] * 500,
            mode_reason=text,
            report_url=text,
            run_id=text,
        ),
        message.without_summary(task_id=text, problem=text, **ABOUT | {"run_id": text}),
    ]
    for found in monsters:
        assert 1 <= len(found.subject) < 100
        assert found.subject.isascii()
        assert found.subject.isprintable()
        assert 1 <= len(found.body) <= message.MAX_BODY_LENGTH
        assert len(found.body.encode()) < 256 * 1024 / 4


def test_what_the_crm_wrote_is_not_told() -> None:
    errors = [factory.ERRORS[0].model_copy(update={"detail": "no such user U000004711"})]
    found = told(factory.artifacts(), errors=errors)
    assert "U000004711" not in found.subject + found.body
    assert "http_422 (5)" in found.body


def test_many_findings_are_counted() -> None:
    finding = Finding(code="task_failed", task="push_scores", detail="d", advice="a")
    found = told(factory.artifacts(), status="failed", findings=[finding] * 7)
    assert "1. d\n   Next: a\n2. d\n" in found.body  # the same advice is given once
    assert "5. d\n2 more in the report.\n" in found.body
    assert "6. " not in found.body
