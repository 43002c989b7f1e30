"""When the push job ends FAILED, and what it reports then."""

from __future__ import annotations

import pytest

from engagement_jobs.contract.errors import DeliveryFailedError
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push.failure_check import FailureCheck

URI = "s3://out/responses/dt=2026-11-23/failed.csv"
AIRFLOW, WORKFLOW = FailureCheck(0.05, in_workflow=False), FailureCheck(0.05, in_workflow=True)


@pytest.mark.parametrize(
    ("outcomes", "under_airflow", "in_workflow"),
    [
        ({}, False, False),
        ({"delivered": 100}, False, False),
        ({"delivered": 60, "planned": 20, "superseded": 10, "unchanged": 10}, False, False),
        ({"delivered": 95, "rejected": 5}, False, False),
        ({"delivered": 95, "rejected": 2, "unknown": 2, "deferred": 1}, False, False),
        ({"delivered": 94, "rejected": 6}, False, True),
        ({"rejected": 100}, False, True),
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
        AIRFLOW.raise_if_failed({"delivered": 1_800, "rejected": 160, "deferred": 40}, None, URI)
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
        WORKFLOW.raise_if_failed({"delivered": 90, "unknown": 10}, None, URI)


def test_rejected_users_need_retry_rejected() -> None:
    outcomes = {"delivered": 90, "rejected": 10}
    AIRFLOW.raise_if_failed(outcomes, None, URI)
    with pytest.raises(DeliveryFailedError, match=r"0 of 100 users are open \(90 delivered, 10 rejected\)") as failure:
        WORKFLOW.raise_if_failed(outcomes, None, URI)
    assert "A retry would send nothing" in str(failure.value)
    assert str(failure.value).endswith("push_mode=retry_rejected.")


def test_a_stop_is_the_cause() -> None:
    stop_reason = StopReason("deadline", "The deadline of the job has passed.")
    with pytest.raises(DeliveryFailedError, match=r"^The deadline of the job has passed\. 9 of 10 users are open"):
        AIRFLOW.raise_if_failed({"delivered": 1, "deferred": 9}, stop_reason, URI)
