"""Refusals of a user that no retry changes: the token, the access, a redirect, the proxy or a certificate."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.evidence.hold import Hold
from engagement_jobs.delivery.evidence.quorum import Quorum
from engagement_jobs.delivery.evidence.run_policy import (
    ACCESS,
    CONNECTIONS,
    IN_A_ROW,
    LONE_USERS,
    REDIRECT,
    TOKEN,
    RunVerdict,
    stop,
)
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import StopReason


class Refusals:
    """Counts the users with each verdict. A refused user is not sent again in this attempt.

    A refusal is forgotten when a user who was sent after it gets a success. It may arrive first: a firewall answers
    faster than the CRM, and a task sends many requests before the first answer. So when several users have a verdict,
    the task holds: it sends nothing until the requests in flight are answered.

    Every forgotten refusal was about its user alone, so chance makes a row of them more likely: the task then needs one
    more user for the verdict.

    Users whose token was refused have no outcome until they are forgotten, because they are sent again if the secret
    turns out to have changed.

    :param had_success: whether the CRM accepted a score of the canary that preceded this task
    """

    def __init__(self, quorum: Quorum, outcomes: OutcomeRecorder, *, had_success: bool) -> None:
        self._quorum, self._outcomes, self._has_success = quorum, outcomes, had_success
        self._users: dict[RunVerdict, list[InFlightRequest]] = {}
        self._forgotten = Counter[RunVerdict]()
        self._suspected: StopReason | None = None
        self.hold = Hold()

    def add(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Count a refused user, unless the answer is older than this attempt, or likely the same as before it."""
        verdict = verdict_on_several(classification)
        is_known = classification.replayed or (request.update.failed_alone and self._has_success)
        if is_known or verdict is not TOKEN:
            self._outcomes.record_outcome(request, classification)
        if is_known:
            return
        users = self._users.setdefault(verdict, [])
        users.append(request)
        if self._are_several(verdict, users):
            self.hold.begin(time.monotonic())
            self._suspected = stop(verdict, users=len(users), reason=classification.reason)

    def record_success(self, request: InFlightRequest) -> None:
        """Forget the refused users who were sent before a user with a success."""
        self._has_success = True
        if not self._users:
            return
        later: dict[RunVerdict, list[InFlightRequest]] = {}
        for verdict, users in self._users.items():
            left = [user for user in users if user.number > request.number]
            if verdict is TOKEN:
                self._outcomes.record_outcomes(user for user in users if user.number <= request.number)
            self._forgotten[verdict] += len(users) - len(left)
            if left:
                later[verdict] = left
        self._set(later)

    def suspected_tokens(self) -> list[InFlightRequest]:
        """Return the users whose tokens were refused if they are several, else none."""
        users = self._users.get(TOKEN, [])
        return users if self._are_several(TOKEN, users) else []

    def take_tokens(self) -> list[InFlightRequest]:
        """Return the users whose tokens were refused, and forget them."""
        users = self._users.get(TOKEN, [])
        self._set({verdict: refused for verdict, refused in self._users.items() if verdict is not TOKEN})
        return users

    def verdict(self, now: float, in_flight: int) -> StopReason | None:
        """Return the reason to stop if several users have a verdict and no success can contradict it any more.

        :param now: seconds of the event loop's clock
        """
        return self._suspected if self.hold.is_over(now, in_flight) else None

    def _set(self, users: Mapping[RunVerdict, list[InFlightRequest]]) -> None:
        self._users = dict(users)
        if not any(self._are_several(verdict, refused) for verdict, refused in users.items()):
            self._suspected = None
            self.hold.end()

    def _are_several(self, verdict: RunVerdict, users: list[InFlightRequest]) -> bool:
        are_lone = all(user.update.failed_alone for user in users)
        needed = self._quorum.several(LONE_USERS) if are_lone else self._quorum.several()
        return bool(users) and len(users) >= min(needed + self._forgotten[verdict], IN_A_ROW)


def verdict_on_several(classification: ResponseClassification) -> RunVerdict:
    """Return the verdict on the run if several users get this refusal."""
    if classification.action is Action.REFRESH_TOKEN:
        return TOKEN
    if classification.detail == "redirect":
        return REDIRECT
    return CONNECTIONS.get(classification.reason, ACCESS)
