"""Pacing by announced quotas: slow down before the CRM has to push back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engagement_jobs.crm_client.headers.quotas import Quota

# The CRM may round the time until the reset up to full seconds, and so may the `Date` that an epoch second counts from.
_ROUNDING_SECONDS = 2.0
# If the CRM does not announce the reset, as short a time as a quota can have.
_UNKNOWN_SECONDS = 1.0
# A quota counts only if it may not suffice for all requests that are left, of which some will be repeated.
_MARGIN = 1.1
# A quota of a longer time, such as a day, is used as fast as the other limits allow.
_MAX_SPREAD_SECONDS = 600.0
# While the last requests of such a quota are on their way, the next response shows what is left.
_RESPONSE_SECONDS = 1.0
# Requests left unused for every other task, since their requests are not spread perfectly.
_RESERVE_PER_TASK = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a task may send because of a quota.

    :param rate: requests per second until the reset; 0 if nothing usable is left
    :param reset_at: when the quota is full again, in seconds of the event loop's clock
    :param next_rate: requests per second from then on, until the next response shows the new quota
    """

    rate: float
    reset_at: float
    next_rate: float

    def at(self, now: float) -> float:
        """Return the requests per second at this time."""
        return self.rate if now < self.reset_at else self.next_rate


NO_LIMIT = Pace(math.inf, math.inf, math.inf)


@dataclass
class QuotaPacing:
    """Spreads a quota evenly over the time until its reset and over the tasks that share it.

    Nothing is known about the other tasks, except that they pace themselves in the same way. All tasks see the same
    remaining number, so a task that sends less leaves more to the others. All times are seconds of the event loop's
    clock.

    :param tasks: tasks that send at the same time
    :param max_wait: longest wait for a reset in seconds
    :param deadline: when the tasks stop; a quota with a later reset is not spread, but used until then
    """

    tasks: int
    max_wait: float
    deadline: float = math.inf
    _reset_at: float = field(init=False, default=0.0)
    _first_rate: float = field(init=False, default=math.inf)

    def pace(self, now: float, quotas: Sequence[Quota], sent_since: int, requests_left: float) -> Pace:
        """Return how fast the task may send according to the quotas of a response.

        :param sent_since: requests that this task sent after the one with this response
        :param requests_left: requests that this task still has to send; infinity if unknown
        """
        needed = self.tasks * requests_left * _MARGIN
        tight = [quota for quota in quotas if quota.remaining < needed]
        if not tight:
            return NO_LIMIT
        last_reset = min(_MAX_SPREAD_SECONDS, self.deadline - now)
        for quota in tight:
            if (seconds := quota.seconds or 0.0) > last_reset and quota.remaining <= self.tasks * sent_since:
                return self._wait(now, quota.remaining, seconds)
        tight = [quota for quota in tight if (quota.seconds or 0.0) <= last_reset]
        if not tight:
            return NO_LIMIT
        quota = min(tight, key=lambda quota: quota.remaining / (quota.seconds or _UNKNOWN_SECONDS))
        # Less what is on its way from all tasks.
        usable = quota.remaining - self.tasks * sent_since - _RESERVE_PER_TASK * (self.tasks + 3)
        reset_at = now + min(quota.seconds or _UNKNOWN_SECONDS, self.max_wait)
        is_same_window = now < self._reset_at and abs(reset_at - self._reset_at) < _ROUNDING_SECONDS
        if is_same_window:
            # Of the announced ends of one window, the earliest is the exact one.
            reset_at = min(reset_at, self._reset_at)
        self._reset_at = reset_at
        rate = max(0.0, usable) / (reset_at - now) / self.tasks
        if rate and not is_same_window:
            self._first_rate = rate
        return Pace(rate, reset_at, max(rate, self._first_rate))

    def _wait(self, now: float, remaining: int, seconds: float) -> Pace:
        """Return the pace if all requests that are left of a long quota are used, or are on their way."""
        if not remaining:
            return Pace(0.0, now + min(seconds, self.max_wait), math.inf)
        return Pace(0.0, now + _RESPONSE_SECONDS, max(1.0, remaining / self.tasks))
