"""Progress lines of a running delivery: requests, delivered users, rate, concurrency, time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Formats the progress lines of one task.

    :param expected_rows: approximate number of rows of the task; None if unknown
    """

    name: str
    expected_rows: int | None
    _since: float = field(init=False, default_factory=lambda: time.monotonic())
    _posts: int = field(init=False, default=0)
    _finished: int = field(init=False, default=0)

    def line(self, *, posts: int, delivered: int, finished: int, in_flight: int, limit: int, waiting: int) -> str:
        """Return one line. Its rates are those since the previous line.

        :param posts: requests sent
        :param finished: users with an outcome
        :param limit: of requests in flight
        :param waiting: users who wait for another request
        """
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        post_rate, finish_rate = (posts - self._posts) / seconds, (finished - self._finished) / seconds
        self._since, self._posts, self._finished = now, posts, finished
        total = "" if self.expected_rows is None else f" of about {self.expected_rows:,} rows"
        return (
            f"{self.name}: {posts:,} requests sent, {delivered:,} delivered{total}, {post_rate:,.0f}/s, "
            f"{in_flight} in flight (limit {limit}), {waiting:,} waiting for a retry"
            f"{self._time_left(finished, finish_rate)}"
        )

    def _time_left(self, finished: int, finish_rate: float) -> str:
        if self.expected_rows is None:
            return ""
        if finish_rate <= 0:
            return ", time left unknown"
        return f", about {_format_duration(max(0, self.expected_rows - finished) / finish_rate)} left"


def _format_duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
