"""Retries: when a user's request is sent again, and how often.

A request that was throttled or whose token was refused is sent again as soon as the rate allows. That does not count
against the retry budget, and 20 throttled requests count as one attempt of the user. The same holds for a request whose
connection was closed. Every other repeated request is a retry: it waits for its backoff and for the retry budget, and
`max_attempts` limits how many there are.
"""

from __future__ import annotations

import random
import time

from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.work_queue import WorkQueue

_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
_THROTTLED_PER_ATTEMPT = 20
# A throttled user waits until so many new users were sent, who show whether it is throttled alone.
_OTHERS_BEFORE_THROTTLED = 10


class Retries:
    """Decides whether a user gets another request, and queues it.

    :param max_attempts: attempts per user, see `InFlightRequest.attempts`
    """

    def __init__(self, max_attempts: int, queue: WorkQueue) -> None:
        self._max_attempts, self._queue = max_attempts, queue

    def retry(self, request: InFlightRequest) -> bool:
        """Schedule a retry after a failed request.

        :return: False if the user gets no other request, because all attempts are used up or the queue is full
        """
        if not request.probe:
            # A probe tests the CRM, not its user, so it does not count as an attempt of the user.
            request.attempts += 1
        if request.attempts >= self._max_attempts or self._queue.is_full:
            return False
        self._queue.schedule_retry(time.monotonic() + backoff(request.attempts), request)
        return True

    def repeat_throttled(self, request: InFlightRequest) -> bool:
        """Queue a throttled request again.

        :return: False if the user gets no other request, because all attempts are used up
        """
        if request.throttled_alone:
            return self.retry(request)
        if request.throttled % _THROTTLED_PER_ATTEMPT == 0:
            request.attempts += 1
            if request.attempts >= self._max_attempts:
                return False
        self._queue.requeue_throttled(request, others_first=_OTHERS_BEFORE_THROTTLED)
        return True

    def resend(self, request: InFlightRequest) -> None:
        """Queue a request before all others, because its connection was closed and nothing is known about it."""
        self._queue.throttled.add_first(request)

    def repeat_refused(self, request: InFlightRequest) -> None:
        """Queue a request again whose token was refused."""
        self._queue.requeue_throttled(request)


def backoff(attempts: int) -> float:
    """Return the seconds to wait before a retry: exponential with full jitter.

    :param attempts: attempts of the user so far, from 0 (after a probe)
    """
    longest = min(_MAX_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2**attempts)
    return random.uniform(0, longest)  # noqa: S311 - jitter needs no cryptography
