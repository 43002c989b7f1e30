"""Pushback: responses with which the CRM asks for fewer requests, such as 429."""

from __future__ import annotations

from dataclasses import dataclass, field

from engagement_jobs.delivery.evidence.run_policy import SEVERAL
from engagement_jobs.delivery.request_state import InFlightRequest

_FIRST_WAIT_SECONDS = 1.0
_MAX_WAIT_SECONDS = 30.0
# A user is compared with others from its third pushback on.
_PUSHBACKS_BEFORE_COMPARISON = 2
# The last users of a task are not compared with others. They are given up after this time.
_LAST_USERS_SECONDS = 60.0
# Other answers per pushback of others that show that the CRM accepts requests in general.
_ANSWERS_PER_PUSHBACK = 10


@dataclass
class PushbackStreak:
    """Decides how long a task waits after pushback, and whether pushback is about the run or about one user.

    A user is *throttled alone* if the CRM pushes back again and again while it answers others. That does not make the
    others wait, unless the CRM announces a wait. All times are seconds of the event loop's clock.

    :param unavailable_timeout: seconds of nothing but pushback after which the task stops, not counting the longest
        wait that the CRM announced
    """

    unavailable_timeout: float
    last_reason: str = field(init=False, default="")
    _answers: int = field(init=False, default=0)
    _pushbacks: int = field(init=False, default=0)
    _wait: float = field(init=False, default=0.0)
    _wait_until: float = field(init=False, default=0.0)
    _wave_at: float = field(init=False, default=float("-inf"))
    _since: float | None = field(init=False, default=None)
    _longest_wait: float = field(init=False, default=0.0)
    _users: set[str] = field(init=False, default_factory=set)

    def record_answer(self, request: InFlightRequest) -> None:
        """Record a response that is not pushback."""
        self._answers += 1
        if self._since is not None:
            self._since, self._longest_wait = None, 0.0
            self._users.clear()
        if self._wait and request.sent_at > self._wave_at:
            self._wait = 0.0

    def record_pushback(self, request: InFlightRequest, reason: str, announced: float | None, now: float) -> float:
        """Record a response that is pushback.

        :param announced: seconds that the CRM requests to wait; None if it named no time
        :return: seconds for which the task has to wait
        """
        request.throttled_alone = self._is_throttled_alone(request)
        if not request.throttled_alone:
            self._pushbacks += 1
        request.throttled += 1
        request.answers_before, request.pushbacks_before = self._answers, self._pushbacks
        self._extend_streak(request, reason, announced or 0.0, now)
        # Responses to requests that were in flight at the same time count once.
        is_new = request.sent_at > self._wave_at
        if is_new:
            self._wave_at = now
        if announced is not None:
            wait = announced
        elif request.throttled_alone or not is_new:
            wait = 0.0
        else:
            wait = self._wait = min(_MAX_WAIT_SECONDS, self._wait * 2 or _FIRST_WAIT_SECONDS)
        self._wait_until = max(self._wait_until, now + wait)
        return wait

    @property
    def is_shared(self) -> bool:
        """Whether the streak is evidence about the run: several users, or no other response at all."""
        return len(self._users) >= SEVERAL or not self._answers

    def seconds(self, now: float) -> float:
        """Return the seconds since the first pushback of the streak."""
        return 0.0 if self._since is None else now - self._since

    def stops_run(self, now: float) -> bool:
        """Return whether the task must stop."""
        return self.is_shared and self._has_lasted(now, self.unavailable_timeout)

    def gives_up_user(self, now: float) -> bool:
        """Return whether a user must not be sent again, because only a few users are left and get only pushback."""
        return not self.is_shared and self._has_lasted(now, min(_LAST_USERS_SECONDS, self.unavailable_timeout))

    def _is_throttled_alone(self, request: InFlightRequest) -> bool:
        if request.throttled < _PUSHBACKS_BEFORE_COMPARISON:
            return False
        answers, pushbacks = self._answers - request.answers_before, self._pushbacks - request.pushbacks_before
        if not answers:
            return request.throttled_alone and not pushbacks
        return answers >= max(SEVERAL, _ANSWERS_PER_PUSHBACK * pushbacks)

    def _extend_streak(self, request: InFlightRequest, reason: str, announced: float, now: float) -> None:
        self.last_reason = reason
        if self._since is None:
            self._since = now
        self._longest_wait = max(self._longest_wait, announced)
        if len(self._users) < SEVERAL:
            self._users.add(request.update.user_id)

    def _has_lasted(self, now: float, seconds: float) -> bool:
        """Return whether the streak lasts for so long that no request would be sent before the time is over."""
        if self._since is None:
            return False
        next_request_at = max(now, min(self._wait_until, now + _MAX_WAIT_SECONDS))
        return next_request_at - self._since - self._longest_wait >= seconds
