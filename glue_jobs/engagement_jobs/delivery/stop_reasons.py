"""Reasons why a delivery ends before all rows were sent; those that follow from responses are in `run_policy`."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.contract.errors import SecretError, TokenError, TokenUnavailableError

# After these causes ledger lines may be missing, so that a row without a line may have been sent.
TASK_LOST = "task_lost"
LEDGER_UNWRITABLE = "ledger_unwritable"


@dataclass(frozen=True)
class StopReason:
    """Why a task, or the full job, stopped sending.

    :param cause: short code, listed in the runbook
    :param detail: one sentence for the operator
    :param not_before: epoch seconds before which the CRM accepts no requests
    """

    cause: str
    detail: str
    not_before: float | None = None


def cause_of_unsent_rows(stop_reason: StopReason | None) -> str:
    """Return the reason of rows that were never started: the cause of the stop, or `unsent` without one."""
    return stop_reason.cause if stop_reason else "unsent"


def deadline() -> StopReason:
    """Return the reason for a passed deadline."""
    return StopReason("deadline", "The job's deadline passed before all rows were sent.")


def retry_after_too_long(until: float) -> StopReason:
    """Return the reason for a pause that ends after the deadline.

    :param until: end of the pause in epoch seconds
    """
    return StopReason("retry_after", "The CRM requested a pause that ends after the job's deadline.", until)


def secret_unreadable(error: Exception) -> StopReason:
    """Return the reason for a token that cannot be read.

    Only the text of a `SecretError` is certain to contain no part of a secret.
    """
    cause = f"{type(error).__name__}: {error}" if isinstance(error, SecretError) else type(error).__name__
    return StopReason(
        "secret_unreadable",
        f"Could not read the CRM token ({cause}): check secret_id, the secret and the job's role.",
    )


def token_refused(error: TokenError) -> StopReason:
    """Return the reason for a token endpoint that gives no token."""
    return StopReason(
        "token_endpoint_refused",
        f"Could not obtain a CRM token: {str(error).rstrip('.')}. Check the client, scope, audience and token_url in "
        "the secret, then clear push_scores.",
    )


def token_unavailable(error: TokenUnavailableError, seconds: float) -> StopReason:
    """Return the reason for a token endpoint that did not answer.

    :param seconds: for how long the task tried
    """
    return StopReason(
        "token_endpoint_unavailable",
        f"Could not obtain a CRM token within {seconds:.0f} s: {str(error).rstrip('.')}. Contact the owner of the "
        "token endpoint; clear push_scores once it answers.",
    )


def internal_error(error: Exception) -> StopReason:
    """Return the reason for a bug in the delivery.

    The error's text is left out because it may contain a response of the CRM or a header.
    """
    return StopReason("internal_error", f"The delivery failed with {type(error).__name__}; see the log for its place.")
