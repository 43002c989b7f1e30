"""When the push job ends FAILED, and what it reports then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push.failure_check import FailureCheck

URI = "s3://out/responses/dt=2026-11-23/failed.csv"
AIRFLOW, WORKFLOW = FailureCheck(0.05, in_workflow=False), FailureCheck(0.05, in_workflow=True)


def manifest(outcomes: dict[str, int], errors: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Return the parts of a delivery manifest that are read."""
    return {"outcomes": outcomes, "errors": errors}


@pytest.mark.parametrize(
    ("outcomes", "under_airflow", "in_workflow"),
    [
        ({}, False, False),
        ({"delivered": 100}, False, False),
        ({"delivered": 60, "planned": 20, "superseded": 10, "unchanged": 10}, False, False),
        ({"delivered": 95, "rejected": 5}, False, False),
        ({"delivered": 95, "rejected": 2, "unknown": 2, "deferred": 1}, False, False),
        ({"delivered": 94, "rejected": 6}, False, True),
        ({"rejected": 100}, True, True),
        ({"delivered": 10, "rejected": 90}, True, True),
        ({"delivered": 1, "rejected": 9}, True, True),
        ({"delivered": 11, "rejected": 89}, False, True),
        ({"rejected": 9}, False, True),
        ({"rejected": 10, "unchanged": 990}, True, True),
        ({"delivered": 94, "rejected": 5, "deferred": 1}, True, True),
        ({"delivered": 94, "rejected": 5, "unknown": 1}, True, True),
        ({"delivered": 94, "unknown": 6}, True, True),
        ({"delivered": 94, "deferred": 6}, True, True),
        ({"delivered": 94, "unknown": 3, "deferred": 3}, True, True),
    ],
)
def test_the_limit_counts_all_failed_users(outcomes: dict[str, int], under_airflow: bool, in_workflow: bool) -> None:
    assert AIRFLOW.fails(outcomes, stopped=False) is under_airflow
    assert WORKFLOW.fails(outcomes, stopped=False) is in_workflow


@pytest.mark.parametrize("check", [AIRFLOW, WORKFLOW])
def test_a_stopped_delivery_always_fails(check: FailureCheck) -> None:
    assert check.fails({"delivered": 100}, stopped=True)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_limit_itself_is_allowed(fraction: float) -> None:
    outcomes = {"delivered": 100 - int(fraction * 100), "deferred": int(fraction * 100)}
    assert not FailureCheck(fraction, in_workflow=True).fails(outcomes, stopped=False)


def test_open_users_are_sent_by_a_clear() -> None:
    with pytest.raises(DeliveryFailedError) as failure:
        AIRFLOW.raise_if_failed(manifest({"delivered": 1_800, "rejected": 160, "deferred": 40}), None, URI)
    assert str(failure.value) == (
        "10.00% of the users are rejected, unknown or deferred, at most 5.00% are allowed (max_failed_fraction). "
        "40 of 2,000 users are open (1,800 delivered, 160 rejected, 40 deferred). "
        f"Users and reasons: {URI}. Clear push_scores: it sends only the open users. "
        "To send the rejected users again, use push_mode=retry_rejected."
    )


def test_a_workflow_is_started_again_for_open_users() -> None:
    with pytest.raises(
        DeliveryFailedError, match=r"Start the workflow again for this date: it sends only the open users"
    ):
        WORKFLOW.raise_if_failed(manifest({"delivered": 90, "unknown": 10}), None, URI)


def test_rejected_users_need_retry_rejected() -> None:
    outcomes = {"delivered": 90, "rejected": 10}
    AIRFLOW.raise_if_failed(manifest(outcomes), None, URI)
    with pytest.raises(DeliveryFailedError, match=r"0 of 100 users are open \(90 delivered, 10 rejected\)") as failure:
        WORKFLOW.raise_if_failed(manifest(outcomes), None, URI)
    assert "A retry would send nothing" in str(failure.value)
    assert str(failure.value).endswith("push_mode=retry_rejected.")


def group(outcome: str, reason: str, count: int) -> dict[str, Any]:
    return {"outcome": outcome, "reason": reason, "http_status": None, "detail": "", "count": count}


@pytest.mark.parametrize("check", [AIRFLOW, WORKFLOW])
def test_a_rejected_run_names_the_most_frequent_reason(check: FailureCheck) -> None:
    errors = [group("rejected", "http_405", 300), group("rejected", "http_422", 200), group("rejected", "http_405", 90)]
    with pytest.raises(DeliveryFailedError) as failure:
        check.raise_if_failed(manifest({"delivered": 10, "rejected": 590}, errors), None, URI)
    assert str(failure.value) == (
        "The CRM rejected 590 of 600 users sent, most often with http_405: base_url, the scores or the user ids are "
        "likely wrong for this CRM. 0 of 600 users are open (10 delivered, 590 rejected). "
        f"Users and reasons: {URI}. A retry would send nothing. Fix the cause, then send the date with "
        "push_mode=retry_rejected."
    )


@pytest.mark.parametrize(
    ("errors", "sentence"),
    [
        ([group("unknown", "http_200_html", 625)], "625 users kept failing (http_200_html)"),
        (
            [group("unknown", "timeout", 500), group("unknown", "http_500", 100), group("deferred", "http_403", 25)],
            "625 users kept failing (500 timeout, 100 http_500, 25 http_403)",
        ),
        (
            [group("unknown", f"http_50{number}", 100 - number) for number in (0, 2, 4, 7)]
            + [group("deferred", "connect", 9), group("rejected", "http_422", 99)],
            "387 users kept failing (100 http_500, 98 http_502, 96 http_504, others)",
        ),
    ],
)
def test_users_who_kept_failing_are_counted(errors: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(DeliveryFailedError) as failure:
        AIRFLOW.raise_if_failed(manifest({"delivered": 9_300, "rejected": 75, "unknown": 625}, errors), None, URI)
    assert str(failure.value).startswith(f"{sentence}; the CRM answered 9,375 others. 7.00% of the users are rejected,")


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ({"unknown": 625}, "timeout"),
        ({"delivered": 5, "deferred": 625}, "http_429"),
        ({"delivered": 5, "deferred": 9}, "dns"),
    ],
)
def test_others_are_not_said_to_keep_failing(outcomes: dict[str, int], reason: str) -> None:
    with pytest.raises(DeliveryFailedError, match=r"^\d+\.\d+% of the users are rejected"):
        AIRFLOW.raise_if_failed(manifest(outcomes, [group("deferred", reason, 9)]), None, URI)


def test_a_stop_is_the_cause() -> None:
    stop_reason = StopReason("deadline", "The deadline of the job has passed.")
    with pytest.raises(DeliveryFailedError, match=r"^The deadline of the job has passed\. 9 of 10 users are open"):
        AIRFLOW.raise_if_failed(manifest({"delivered": 1, "deferred": 9}), stop_reason, URI)
