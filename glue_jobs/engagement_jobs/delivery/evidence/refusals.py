"""Refusals of a user that no retry changes: the token, the access, a redirect or the certificate."""

from __future__ import annotations

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.run_policy import ACCESS, CERTIFICATES, REDIRECT, TOKEN, RunVerdict, stop
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import StopReason


class Refusals:
    """Counts the users with each verdict since the last success. A refused user is not sent again in this attempt."""

    def __init__(self, quorum: Quorum) -> None:
        self._quorum = quorum
        self._users: dict[RunVerdict, int] = {}

    def clear(self) -> None:
        """Forget all refusals after a success."""
        self._users.clear()

    def add(self, request: InFlightRequest, classification: ResponseClassification) -> StopReason | None:
        """Count a refused user.

        :return: the reason to stop if several users got the same verdict
        """
        verdict = verdict_on_several(classification)
        if request.update.failed_alone and verdict in (ACCESS, REDIRECT):
            return None  # the same as in the last attempt, which reached others
        users = self._users[verdict] = self._users.get(verdict, 0) + 1
        if users < self._quorum.several():
            return None
        return stop(verdict, users=users, reason=classification.reason)


def verdict_on_several(classification: ResponseClassification) -> RunVerdict:
    """Return the verdict on the run if several users get this refusal."""
    if classification.action is Action.REFRESH_TOKEN:
        return TOKEN
    if classification.detail == "redirect":
        return REDIRECT
    return CERTIFICATES.get(classification.reason, ACCESS)
