"""Retries: when a user's request is sent again, and how often.

A request that was throttled or whose token was refused is sent again as soon as the rate allows. That neither counts
as an attempt of the user nor against the retry budget. Every other repeated request is a retry: it waits for its
backoff and for the retry budget, and `max_attempts` limits how many there are.
"""

from __future__ import annotations

import random
import time

from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.work_queue import WorkQueue

_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
# A user is given up after this many throttled requests, if the CRM processes many others meanwhile.
_MAX_THROTTLED = 20
_MANY_OTHERS = 400


class Retries:
    """Decides whether a user gets another request, and queues it.

    :param max_attempts: attempts per user, see `InFlightRequest.attempts`
    """

    def __init__(self, max_attempts: int, queue: WorkQueue) -> None:
        self._max_attempts, self._queue = max_attempts, queue
        self._finalized = 0

    def count_finalized(self) -> None:
        """Count a user with a final response."""
        self._finalized += 1

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

        :return: False if the CRM throttles this user again and again while it processes many others
        """
        request.throttled += 1
        if request.throttled == 1:
            request.finalized_before = self._finalized
        if request.throttled > _MAX_THROTTLED and self._finalized - request.finalized_before > _MANY_OTHERS:
            return False
        self._queue.requeue_throttled(request)
        return True

    def repeat_refused(self, request: InFlightRequest) -> None:
        """Queue a request again whose token was refused."""
        self._queue.requeue_throttled(request)


def backoff(attempts: int) -> float:
    """Return the seconds to wait before a retry: exponential with full jitter.

    :param attempts: attempts of the user so far, from 0 (after a probe)
    """
    longest = min(_MAX_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2**attempts)
    return random.uniform(0, longest)  # noqa: S311 - jitter needs no cryptography
