"""Which record is next: those told to wait, those whose retry is due, and the rows that were not opened yet."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from engagement_jobs.crm_client.score_update import Record
from engagement_jobs.delivery.request_state import Flight

_CHUNK = 500
_MOST_RETRIES = 10_000


class Backlog:
    """Everything that is not under way. Its size does not grow with the number of rows."""

    def __init__(self, rows: Iterable[Record]) -> None:
        self._rows: Iterator[Record] = iter(rows)
        self._more = True
        self._fresh: deque[Record] = deque()
        # Told to wait by the server, or by a newer token: they leave as soon as the pace allows, and cost nothing.
        self._paced: deque[Flight] = deque()
        self._retries: list[tuple[float, int, Flight]] = []
        self._order = itertools.count()
        self.opened = 0

    @property
    def waiting(self) -> int:
        """Records that were opened and will be tried again."""
        return len(self._paced) + len(self._retries)

    @property
    def retries(self) -> int:
        """Of those, the ones that wait for their time to come."""
        return len(self._retries)

    @property
    def crowded(self) -> bool:
        """Whether there is no room for one more retry."""
        return len(self._retries) >= _MOST_RETRIES

    async def fill(self) -> None:
        """Read more rows when there are none at hand; in a thread, for Spark's iterator blocks."""
        if self._fresh or not self._more:
            return
        chunk = await asyncio.to_thread(lambda: list(itertools.islice(self._rows, _CHUNK)))
        self._more = len(chunk) == _CHUNK
        self._fresh.extend(chunk)

    def fresh(self) -> Record | None:
        """Open the next row; None when there is none at hand."""
        if not self._fresh:
            return None
        self.opened += 1
        return self._fresh.popleft()

    def paced(self) -> Flight | None:
        """The next record that only waits for the pace."""
        return self._paced.popleft() if self._paced else None

    def due(self, now: float) -> Flight | None:
        """The next record whose retry is due."""
        return heapq.heappop(self._retries)[2] if self._retries and self._retries[0][0] <= now else None

    def until_due(self, now: float) -> float:
        """Seconds until a retry is due; infinite when none is waiting."""
        return max(0.0, self._retries[0][0] - now) if self._retries else float("inf")

    def again_at_the_servers_pace(self, flight: Flight) -> None:
        """Send a record again as soon as requests may leave."""
        self._paced.append(flight)

    def again_at(self, due: float, flight: Flight) -> None:
        """Send a record again at `due` on the event loop's clock."""
        heapq.heappush(self._retries, (due, next(self._order), flight))

    def abandon(self) -> list[Flight]:
        """Give up all records that were to be tried again."""
        given_up = [*self._paced, *(flight for _, _, flight in self._retries)]
        self._paced.clear()
        self._retries.clear()
        return given_up

    def unopened(self) -> Iterator[Record]:
        """All rows that were never opened; blocking."""
        return itertools.chain(self._fresh, self._rows)
