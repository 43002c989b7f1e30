"""Canary: sends the first users of a job in stages, so that a misconfigured run fails on a few users."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.delivery.request_state import InFlightRequest

_STAGES = (1, 11, 111)
_PASS_FRACTION = 0.9
_ANSWER_SECONDS = 5.0
_MAX_REPLACED = 10
_UNREADABLE = ("_html", "_unreadable", "_error_text", "_unexpected", "_no_value")

SIZE = _STAGES[-1]
MAX_USERS = SIZE + _MAX_REPLACED
"""Users that a canary may need; those that it does not need are sent by other tasks."""


def straggler_rate(rate: float) -> float:
    """Return the part of a job's rate, in requests per second, for the stragglers of a canary that has passed."""
    return min(1.0, 0.05 * rate)


@dataclass
class Canary:
    """Starts 1, then 10, then 100 users. A stage passes when 90 % of its users have a final answer.

    A user without an answer after 5 seconds, or with an answer that is not final, makes room for the next one, so that
    a few users cannot block the run. They are finished while the run goes on.

    Times are seconds of the event loop's clock. The attributes may be read in other threads.

    :param users: number of the canary's users if that is less than `SIZE`
    """

    users: int = SIZE
    decided: threading.Event = field(init=False, default_factory=threading.Event)
    """Set when it is released, or when its task has stopped or ended."""
    released: bool = field(init=False, default=False)
    """Whether other tasks may send: it has passed and its users have ended, or had 5 seconds to be answered."""
    started: int = field(init=False, default=0)
    """Users started; once it is released, it starts no others."""
    passed: bool = field(init=False, default=False)
    not_before: float = field(init=False, default=0.0)
    """End of the wait that the CRM announced until it was decided, in epoch seconds; may be in the past."""
    had_success: bool = field(init=False, default=False)
    """Whether the CRM accepted a score now, not in a stored response."""
    refusals: Counter[str] = field(init=False, default_factory=Counter)
    """Users with a final refusal that may be about the run, by reason."""
    has_answer: bool = field(init=False, default=False)
    _final: int = field(init=False, default=0)
    _evident: int = field(init=False, default=0)
    _sent_at: dict[str, float] = field(init=False, default_factory=dict)
    _open: set[str] = field(init=False, default_factory=set)
    _failed: set[str] = field(init=False, default_factory=set)
    _unreadable: dict[str, set[str]] = field(init=False, default_factory=dict)
    _ended: set[str] = field(init=False, default_factory=set)
    _passed_at: float = field(init=False, default=0.0)

    def allows(self, started: int, now: float, *, is_probe: bool = False) -> bool:
        """Return whether one more user may be started.

        :param started: users started so far
        :param is_probe: for a probe of the circuit breaker, which may exceed the stage
        """
        if self.released or is_probe:
            return not self.released
        size = next((size for size in _STAGES if self._final < _PASS_FRACTION * size), SIZE)
        replaced = len(self._open) + self._overdue(now)
        return started - min(_MAX_REPLACED, replaced) < size

    def start(self, user_id: str, now: float) -> None:
        """Note that a user is started."""
        self.started += 1
        self._sent_at[user_id] = now

    def record(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Record how a request ended."""
        user_id, action = request.update.user_id, classification.action
        self._sent_at.pop(user_id, None)
        self.has_answer |= request.status is not None
        if action not in (Action.FINALIZE, Action.REJECT):
            self._open.add(user_id)
            self._record_failure(request, classification)
            return
        self._open.discard(user_id)
        self._final += 1
        is_known = classification.replayed or classification.reason == request.update.earlier_refusal
        if action is Action.REJECT and not is_known:
            self.refusals[classification.reason] += 1
        else:
            self._evident += 1
            self.had_success |= classification.outcome == "delivered" and not classification.replayed

    def end(self, request: InFlightRequest) -> None:
        """Note that a user has an outcome."""
        self._ended.add(request.update.user_id)

    @property
    def stragglers(self) -> int:
        """Number of started users without a final answer who are still being sent."""
        return len(self._sent_at) + len(self._open - self._ended)

    def unanswered(self, now: float) -> int:
        """Return the number of users without any answer: after 5 seconds, or after a failed request."""
        return len(self._failed) + self._overdue(now)

    def unreadable(self) -> tuple[str, int]:
        """Return the most frequent reason of unreadable successes, and its number of users."""
        users, reason = max(((len(users), reason) for reason, users in self._unreadable.items()), default=(0, ""))
        return reason, users

    def update(self, now: float) -> bool:
        """Evaluate what depends on time.

        :return: whether it can be released
        """
        if not self.passed and self._final >= _PASS_FRACTION * min(self.users, SIZE) and self._evident:
            self.passed, self._passed_at = True, now
        if not self.passed or self.started < min(self.users, SIZE):
            return False
        return not self.stragglers or now - self._passed_at >= _ANSWER_SECONDS

    def _overdue(self, now: float) -> int:
        return sum(now - sent_at >= _ANSWER_SECONDS for sent_at in self._sent_at.values())

    def _record_failure(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        if classification.action is not Action.RETRY or request.update.failed_alone:
            return
        user_id = request.update.user_id
        if request.status is None:
            self._failed.add(user_id)
        if classification.reason.endswith(_UNREADABLE):
            self._unreadable.setdefault(classification.reason, set()).add(user_id)
