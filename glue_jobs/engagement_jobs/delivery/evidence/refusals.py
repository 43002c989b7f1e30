"""Refusals of a user that no retry changes: the token, the access, a redirect or the certificate."""

from __future__ import annotations

import time

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.run_policy import ACCESS, CERTIFICATES, REDIRECT, TOKEN, RunVerdict, stop
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import StopReason

_ANSWER_SECONDS = 5.0


class Refusals:
    """Counts the users with each verdict. A refused user is not sent again in this attempt.

    A refusal is forgotten when a user who was sent after it gets a success. It may arrive first: a firewall answers
    faster than the CRM, and a task sends many requests before the first answer. So when several users have a verdict,
    the task holds: it sends nothing until the requests in flight are answered.
    """

    def __init__(self, quorum: Quorum) -> None:
        self._quorum = quorum
        self._numbers: dict[RunVerdict, list[int]] = {}
        self._suspected: StopReason | None = None
        self._held_since = 0.0

    @property
    def hold(self) -> bool:
        """Whether nothing may be sent until the requests in flight are answered."""
        return self._suspected is not None

    def add(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Count a refused user."""
        verdict = verdict_on_several(classification)
        if request.update.failed_alone and verdict in (ACCESS, REDIRECT):
            return  # the same as in the last attempt, which reached others
        numbers = self._numbers.setdefault(verdict, [])
        numbers.append(request.number)
        if len(numbers) >= self._quorum.several():
            if self._suspected is None:
                self._held_since = time.monotonic()
            self._suspected = stop(verdict, users=len(numbers), reason=classification.reason)

    def record_success(self, request: InFlightRequest) -> None:
        """Forget the refused users who were sent before a user with a success."""
        if not self._numbers:
            return
        later = ((verdict, [n for n in numbers if n > request.number]) for verdict, numbers in self._numbers.items())
        self._numbers = {verdict: numbers for verdict, numbers in later if numbers}
        if all(len(numbers) < self._quorum.several() for numbers in self._numbers.values()):
            self._suspected = None

    def verdict(self, now: float, in_flight: int) -> StopReason | None:
        """Return the reason to stop if several users have a verdict and no success can contradict it any more.

        :param now: seconds of the event loop's clock
        """
        is_answered = not in_flight or now - self._held_since >= _ANSWER_SECONDS
        return self._suspected if is_answered else None


def verdict_on_several(classification: ResponseClassification) -> RunVerdict:
    """Return the verdict on the run if several users get this refusal."""
    if classification.action is Action.REFRESH_TOKEN:
        return TOKEN
    if classification.detail == "redirect":
        return REDIRECT
    return CERTIFICATES.get(classification.reason, ACCESS)
