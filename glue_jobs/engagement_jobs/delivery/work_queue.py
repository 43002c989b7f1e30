"""Which record is next: those told to wait, those whose retry is due, and the rows that were not opened yet."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.request_state import InFlightRequest

_CHUNK = 500
_MAX_RETRIES = 10_000


class WorkQueue:
    """Everything that is not under way. Its size does not grow with the number of rows."""

    def __init__(self, rows: Iterable[ScoreUpdate]) -> None:
        self._rows: Iterator[ScoreUpdate] = iter(rows)
        self._more = True
        self._new: deque[ScoreUpdate] = deque()
        # Told to wait by the server, or by a newer token: they leave as soon as the pace allows, and cost nothing.
        self._throttled: deque[InFlightRequest] = deque()
        self._retries: list[tuple[float, int, InFlightRequest]] = []
        self._order = itertools.count()
        self.started = 0

    @property
    def waiting(self) -> int:
        """Records that were opened and will be tried again."""
        return len(self._throttled) + len(self._retries)

    @property
    def retries(self) -> int:
        """Of those, the ones that wait for their time to come."""
        return len(self._retries)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more retry."""
        return len(self._retries) >= _MAX_RETRIES

    async def refill(self) -> None:
        """Read more rows when there are none at hand; in a thread, for Spark's iterator blocks."""
        if self._new or not self._more:
            return
        chunk = await asyncio.to_thread(lambda: list(itertools.islice(self._rows, _CHUNK)))
        self._more = len(chunk) == _CHUNK
        self._new.extend(chunk)

    def next_new(self) -> ScoreUpdate | None:
        """Open the next row; None when there is none at hand."""
        if not self._new:
            return None
        self.started += 1
        return self._new.popleft()

    def next_throttled(self) -> InFlightRequest | None:
        """The next record that only waits for the pace."""
        return self._throttled.popleft() if self._throttled else None

    def next_retry(self, now: float) -> InFlightRequest | None:
        """The next record whose retry is due."""
        return heapq.heappop(self._retries)[2] if self._retries and self._retries[0][0] <= now else None

    def seconds_until_retry(self, now: float) -> float:
        """Seconds until a retry is due; infinite when none is waiting."""
        return max(0.0, self._retries[0][0] - now) if self._retries else float("inf")

    def requeue_throttled(self, request: InFlightRequest) -> None:
        """Send a record again as soon as requests may leave."""
        self._throttled.append(request)

    def schedule_retry(self, due: float, request: InFlightRequest) -> None:
        """Send a record again at `due` on the event loop's clock."""
        heapq.heappush(self._retries, (due, next(self._order), request))

    def drain(self) -> list[InFlightRequest]:
        """Give up all records that were to be tried again."""
        given_up = [*self._throttled, *(request for _, _, request in self._retries)]
        self._throttled.clear()
        self._retries.clear()
        return given_up

    def unstarted(self) -> Iterator[ScoreUpdate]:
        """All rows that were never opened; blocking."""
        return itertools.chain(self._new, self._rows)
