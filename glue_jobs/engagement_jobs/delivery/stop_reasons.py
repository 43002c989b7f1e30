"""Why a delivery ends before all rows were sent."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.crm_client.response_classification import ResponseClassification

# Causes after which nobody knows of every row whether it was sent: ledger lines may be missing.
TASK_LOST = "task_lost"
LEDGER_UNWRITABLE = "ledger_unwritable"


@dataclass(frozen=True)
class StopReason:
    """Why a task, or the whole job, stopped sending.

    :param cause: machine word
    :param detail: one sentence for a person
    :param not_before: epoch seconds before which the CRM wants no requests
    """

    cause: str
    detail: str
    not_before: float | None = None


def deadline() -> StopReason:
    """The time is up."""
    return StopReason("deadline", "The deadline of the job has passed.")


def too_long_a_pause(until: float) -> StopReason:
    """The CRM asked for a pause beyond the deadline, until `until` (epoch seconds)."""
    return StopReason("retry_after", "The CRM asked for a pause that is longer than the time left.", until)


def crm_unavailable(seconds: float, last: str) -> StopReason:
    """No healthy answer for so many seconds; `last` is the reason of the last failure."""
    return StopReason("crm_unavailable", f"No healthy answer of the CRM for {seconds:.0f} s; last: {last}.")


def canary_refused(records: int, reason: str) -> StopReason:
    """The first records got nothing but one refusal."""
    return StopReason(
        "canary_refused",
        f"The CRM answered the first {records} records with nothing but {reason}: "
        "base_url or the records do not fit this CRM.",
    )


def canary_unanswered(records: int) -> StopReason:
    """Too few of the first records got an answer, tries and all."""
    return StopReason(
        "canary_unanswered",
        f"The CRM answered fewer than nine of ten of the first {records} records: "
        "it is not well enough to be sent all of them.",
    )


def refused(classification: ResponseClassification) -> StopReason:
    """The CRM redirects, or takes no request with this token."""
    if classification.detail == "redirect":
        return StopReason(
            "redirect", f"The CRM redirects ({classification.reason}): base_url does not name the API itself."
        )
    return StopReason(
        "token_refused",
        f"The CRM refuses the token ({classification.reason}): "
        "check the secret and its rights, then clear push_scores.",
    )


def secret_unreadable(error: Exception) -> StopReason:
    """The token cannot be read."""
    return StopReason(
        "secret_unreadable",
        f"The CRM's token could not be read ({type(error).__name__}): check secret_id, the secret and the job's role.",
    )


def internal_error(error: Exception) -> StopReason:
    """A mistake of the delivery itself. Its text is not told: it may hold what the CRM said, or a header."""
    return StopReason("internal_error", f"The delivery itself failed with {type(error).__name__}; its log says where.")
