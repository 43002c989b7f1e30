"""Queue of what is not in flight: throttled requests, retries, and users not started yet."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Iterable, Iterator

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.request_state import InFlightRequest

_READ_SIZE = 500
_MAX_RETRIES = 10_000
# New users between two throttled ones, so that users who are always throttled are never in the majority.
_OTHERS_BETWEEN_THROTTLED = 3


class ThrottledRequests:
    """Requests that are sent again as soon as the rate allows, outside the retry budget."""

    def __init__(self) -> None:
        self._ready: deque[InFlightRequest] = deque()
        # Each waits until so many users were started.
        self._held: deque[tuple[int, InFlightRequest]] = deque()
        self._held_until = 0

    def __len__(self) -> int:
        return len(self._ready) + len(self._held)

    def __iter__(self) -> Iterator[InFlightRequest]:
        return itertools.chain(self._ready, (request for _, request in self._held))

    def add_first(self, request: InFlightRequest) -> None:
        """Add a request before all others."""
        request.is_retry = False
        self._ready.appendleft(request)

    def add(self, request: InFlightRequest, held_until: int = 0) -> None:
        """Add a request.

        :param held_until: number of users that are started before, as long as there are others to start
        """
        request.is_retry = False
        if held_until:
            self._held.append((held_until, request))
        else:
            self._ready.append(request)

    def take(self, started: int) -> InFlightRequest | None:
        """Take the next request that is not held; None if there is none.

        :param started: users started so far
        """
        if self._ready:
            return self._ready.popleft()
        if not self._held or started < max(self._held_until, self._held[0][0]):
            return None
        self._held_until = started + _OTHERS_BETWEEN_THROTTLED
        return self.take_held()

    def take_held(self) -> InFlightRequest | None:
        """Take the next request that is held; None if there is none."""
        return self._held.popleft()[1] if self._held else None


class WorkQueue:
    """Holds the three kinds apart. Its size does not grow with the number of users.

    :param updates: the scores to send; iterated in a worker thread
    :param keep_order: always take new users in their order
    """

    def __init__(self, updates: Iterable[ScoreUpdate], *, keep_order: bool = False) -> None:
        self._updates: Iterator[ScoreUpdate] = iter(updates)
        self._has_more = True
        self._new: deque[ScoreUpdate] = deque()
        self.throttled = ThrottledRequests()
        """Requests that were throttled, had a refused token, or lost their connection."""
        self._retries: list[tuple[float, int, InFlightRequest]] = []
        self._order = itertools.count()
        self._keep_order = keep_order
        self._mixed_until = 0
        self.started = 0
        """Users taken with `next_new`."""
        self.total: int | None = None
        """Number of all users; None until the last one is in the buffer."""

    @property
    def waiting(self) -> int:
        """Number of started users who wait for another request."""
        return len(self.throttled) + len(self._retries)

    @property
    def is_empty(self) -> bool:
        """Whether no user in the buffer waits for a request; after `refill`, whether none at all does."""
        return not (self._new or self.throttled or self._retries)

    @property
    def is_full(self) -> bool:
        """Whether no further retry may be scheduled."""
        return len(self._retries) >= _MAX_RETRIES

    async def refill(self) -> None:
        """Refill the buffer of new users in a worker thread, because Spark's iterator blocks."""
        if self._new or not self._has_more:
            return
        updates = await asyncio.to_thread(lambda: list(itertools.islice(self._updates, _READ_SIZE)))
        self._has_more = len(updates) == _READ_SIZE
        self._new.extend(updates)
        if not self._has_more:
            self.total = self.started + len(self._new)

    def next_new(self) -> ScoreUpdate | None:
        """Take the next user who was not started yet; None if the buffer is empty.

        After a throttled user, the next ones are taken from anywhere in the buffer, because what throttles a user may
        throttle its neighbors too.
        """
        if not self._new:
            return None
        self.started += 1
        if self.started <= self._mixed_until:
            place = random.randrange(len(self._new))  # noqa: S311 - needs no cryptography
            # Users who failed alone before stay last.
            if not self._new[place].failed_alone:
                self._new[0], self._new[place] = self._new[place], self._new[0]
        return self._new.popleft()

    def next_retry(self, now: float) -> InFlightRequest | None:
        """Take the next retry that is due; None if there is none."""
        return heapq.heappop(self._retries)[2] if self._retries and self._retries[0][0] <= now else None

    def seconds_until_retry(self, now: float) -> float:
        """Return the seconds until the next retry is due; infinity if none is scheduled."""
        return max(0.0, self._retries[0][0] - now) if self._retries else float("inf")

    def requeue_throttled(self, request: InFlightRequest, others_first: int = 0) -> None:
        """Queue a request to be sent again as soon as the rate allows, outside the retry budget.

        :param others_first: new users to start before, as long as there are any
        """
        self.throttled.add(request, self.started + others_first if others_first else 0)
        if not self._keep_order:
            self._mixed_until = self.started + others_first

    def schedule_retry(self, due: float, request: InFlightRequest) -> None:
        """Schedule a retry, which counts against the retry budget.

        :param due: seconds of the event loop's clock
        """
        request.is_retry = True
        heapq.heappush(self._retries, (due, next(self._order), request))

    def waiting_requests(self) -> Iterator[InFlightRequest]:
        """Iterate over the requests that wait to be sent again."""
        return itertools.chain(self.throttled, (request for _, _, request in self._retries))

    def unstarted(self) -> Iterator[ScoreUpdate]:
        """Iterate over all users who were never started; blocks."""
        return itertools.chain(self._new, self._updates)
