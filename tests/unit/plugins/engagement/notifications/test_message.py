"""SNS messages: their texts, the limits of SNS, and what they never contain."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Finding
from engagement.notifications import message
from engagement.summary.run_artifacts import LoadedManifest, RunArtifacts
from tests.unit.plugins.engagement import run_factory as factory

ABOUT = {"dag_id": factory.DAG_ID, "run_id": factory.RUN_ID, "run_type": "scheduled", "score_date": factory.DATE}


def message_of(artifacts: RunArtifacts, limit: float = 0.01, **changes: Any) -> message.Notification:
    return message.from_summary(factory.full_summary(artifacts, limit, **changes), run_type="scheduled")


def test_message_of_a_success() -> None:
    sent = message_of(factory.artifacts())
    assert sent.subject == "OK engagement scores 2026-11-23: 970 of 1,000 delivered, 8 not reached, 1 warning"
    assert sent.attributes == {
        "status": "success",
        "score_date": "2026-11-23",
        "dag_id": factory.DAG_ID,
        "run_type": "scheduled",
    }
    assert sent.body == (
        "970 of 1,000 scores for 2026-11-23 were delivered. 8 users were not reached.\n"
        "\n"
        "Not reached: 8 of 1,000 users (0.80%, limit 1%)\n"
        "Reasons: http_422 (5), http_503 (2), timeout (1)\n"
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


def test_a_failure_shows_count_reasons_and_advice() -> None:
    sent = message_of(factory.artifacts(), limit=0.005)
    assert sent.subject == "FAILED engagement scores 2026-11-23: 8 of 1,000 users not reached"
    assert sent.attributes["status"] == "failed"
    first, *_ = sent.body.splitlines()
    assert first.startswith("8 of 1,000 users were not reached (0.80%, limit 0.50%).")
    assert "Reasons: http_422 (5), http_503 (2), timeout (1)" in sent.body
    assert "   Next: See the reasons in the report. Open users (3): clear push_scores" in sent.body


def test_a_failed_task_is_named() -> None:
    sent = message_of(factory.without_extract())
    assert sent.subject == "FAILED engagement scores 2026-11-23: wait_for_activity failed"
    assert "Nothing was sent for 2026-11-23." in sent.body
    assert "Next: Check that the extract of 2026-11-23 is uploaded" in sent.body
    assert "- none" in sent.body


def test_other_failures_show_task_and_code() -> None:
    sent = message_of(factory.artifacts(delivery=factory.MISSING, aggregates={}))
    assert sent.subject == "FAILED engagement scores 2026-11-23: push_scores: delivery missing"


@pytest.mark.parametrize("ignored", ["2026-11-23T03:20:00Z", None])
def test_an_ignored_pause_is_reported(ignored: str | None) -> None:
    manifest = factory.delivery_manifest(retry_after_ignored=ignored)
    sent = message_of(factory.artifacts(delivery=LoadedManifest("d", manifest)))
    shown = (
        "A pause until 2026-11-23T03:20:00Z that the CRM had requested was ignored by ignore_retry_after" in sent.body
    )
    assert shown == (ignored is not None)
    assert ("was ignored" in sent.body) == shown


def test_an_incomplete_count_is_sent_as_a_limit() -> None:
    timeouts = ErrorGroup(outcome="unknown", reason="timeout", http_status=None, detail="", count=7)
    plan = factory.aggregate(factory.LAST, "plan", {})
    counted = factory.aggregate(factory.LAST, "ledger", {"delivered": 493, "unknown": 7}, errors=[timeouts])
    tasks = dict.fromkeys(factory.TASKS, "success") | {"push_scores": "failed"}
    sent = message_of(
        factory.artifacts(tasks=tasks, delivery=factory.MISSING, aggregates={factory.LAST: [plan, counted]})
    )
    about = "FAILED engagement scores 2026-11-23"
    assert sent.subject == f"{about}: push_scores failed, at least 493 of 1,000 delivered"
    assert "At least 493 of 1,000 scores for 2026-11-23 were delivered; at most 507 users" in sent.body
    assert "Not reached: at most 507 of 1,000 users (50.70%, limit 1%)" in sent.body
    assert "Reasons: timeout (7), no outcome was recorded (at most 500)" in sent.body
    assert "- delivered: at least 493\n- unknown: at least 7\n- unaccounted: at most 500\n" in sent.body


def test_message_of_a_dry_run() -> None:
    planned = factory.dry_run_manifest().outcomes
    sent = message_of(
        factory.artifacts(), mode="dry_run", outcomes=planned, not_reached=0, mode_reason="it is 9 days old"
    )
    assert sent.subject == "DRY RUN engagement scores 2026-11-23: 1,000 of 1,000 would be sent, 1 warning"
    assert "Mode dry_run: it is 9 days old" in sent.body


def test_message_without_a_result() -> None:
    sent = message.without_result(task_id="summarize_responses", problem="ClientError: SlowDown", **ABOUT)
    assert sent.subject == "FAILED engagement scores 2026-11-23: no result, see summarize_responses"
    assert sent.body.startswith("summarize_responses failed without a result: ClientError: SlowDown\n")
    assert f"Run: {factory.RUN_ID} (scheduled)" in sent.body
    assert sent.attributes["status"] == "failed"


def test_an_unknown_date_is_not_an_attribute() -> None:
    sent = message.without_result(task_id="t", problem="", **ABOUT | {"score_date": ""})
    assert set(sent.attributes) == {"status", "dag_id", "run_type"}
    assert sent.subject.startswith("FAILED engagement scores scheduled__")


@pytest.mark.parametrize("text", ["x" * 10**6, "ü\n\t\N{PILE OF POO}\0" * 10**5])
def test_sns_accepts_every_message(text: str) -> None:
    finding = Finding(code=text, task=text, detail=text, advice=text)
    error = factory.ERRORS[0].model_copy(update={"reason": text, "detail": text})
    notifications = [
        message_of(
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
        message.without_result(task_id=text, problem=text, **ABOUT | {"run_id": text}),
    ]
    for sent in notifications:
        assert 1 <= len(sent.subject) < 100
        assert sent.subject.isascii()
        assert sent.subject.isprintable()
        assert 1 <= len(sent.body) <= message.MAX_BODY_LENGTH
        assert len(sent.body.encode()) < 256 * 1024 / 4


def test_texts_of_the_crm_are_not_shown() -> None:
    errors = [factory.ERRORS[0].model_copy(update={"detail": "no such user U000004711"})]
    sent = message_of(factory.artifacts(), errors=errors)
    assert "U000004711" not in sent.subject + sent.body
    assert "http_422 (5)" in sent.body


def test_findings_beyond_the_limit_are_counted() -> None:
    finding = Finding(code="task_failed", task="push_scores", detail="d", advice="a")
    sent = message_of(factory.artifacts(), status="failed", findings=[finding] * 7)
    assert "1. d\n   Next: a\n2. d\n" in sent.body  # repeated advice is shown once
    assert "5. d\n2 more in the report.\n" in sent.body
    assert "6. " not in sent.body
