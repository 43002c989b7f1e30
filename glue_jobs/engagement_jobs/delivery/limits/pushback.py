"""Pushback: responses with which the CRM asks for fewer requests, such as 429."""

from __future__ import annotations

from dataclasses import dataclass, field

from engagement_jobs.delivery.evidence.run_policy import SEVERAL
from engagement_jobs.delivery.request_state import InFlightRequest

_FIRST_WAIT_SECONDS = 1.0
_MAX_WAIT_SECONDS = 30.0
# The last users of a task are not compared with others. They are given up after this time.
_LAST_USERS_SECONDS = 60.0
# Other answers per pushback of others that show that the CRM accepts requests in general.
_ANSWERS_PER_PUSHBACK = 2
# Pushback in a row that is about the run, whatever the CRM did before.
_SHARED_IN_A_ROW = 10


@dataclass
class PushbackStreak:
    """Decides how long a task waits after pushback, and whether pushback is about the run or about one user.

    A user is *throttled alone* if the CRM pushes back again although it answers others. That does not make the others
    wait, unless the CRM announces a wait. Once several users are throttled alone, the CRM evidently limits users, not
    the run: then the first pushback of a user counts like this too. If throttled users are answered when they are sent
    again, or no one is answered, pushback is about the run. All times are seconds of the event loop's clock.

    :param unavailable_timeout: seconds of nothing but pushback after which the task stops, not counting the longest
        wait that the CRM announced
    """

    unavailable_timeout: float
    last_reason: str = field(init=False, default="")
    _answers: int = field(init=False, default=0)
    _pushbacks: int = field(init=False, default=0)
    _in_a_row: int = field(init=False, default=0)
    _lone_users: int = field(init=False, default=0)
    _wait: float = field(init=False, default=0.0)
    _wait_until: float = field(init=False, default=0.0)
    _wave_at: float = field(init=False, default=float("-inf"))
    _since: float | None = field(init=False, default=None)
    _longest_wait: float = field(init=False, default=0.0)
    _users: set[str] = field(init=False, default_factory=set)

    def record_answer(self, request: InFlightRequest) -> None:
        """Record a response that is not pushback."""
        self._answers += 1
        self._in_a_row = 0
        if request.throttled and self._lone_users:
            self._lone_users -= 1
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
        if not request.throttled_alone:
            self._in_a_row += 1
        self._compare_with_others(request)
        if not request.throttled_alone:
            self._pushbacks += 1
            self._extend_streak(request, reason, announced or 0.0, now)
        request.throttled += 1
        request.answers_before, request.pushbacks_before = self._answers, self._pushbacks
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

    def _compare_with_others(self, request: InFlightRequest) -> None:
        if self._in_a_row >= _SHARED_IN_A_ROW:
            self._lone_users = 0
        if request.throttled_alone:
            return
        if not request.throttled:
            request.throttled_alone = self._lone_users >= SEVERAL
        elif self._is_throttled_alone(request):
            self._lone_users = min(self._lone_users + 1, 2 * SEVERAL)
            request.throttled_alone = True

    def _is_throttled_alone(self, request: InFlightRequest) -> bool:
        answers, pushbacks = self._answers - request.answers_before, self._pushbacks - request.pushbacks_before
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
