"""What a long delivery says about itself every few seconds: sent, delivered, rate, concurrency, time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Lines about one task.

    :param expected: rows of the task, about; None when nobody can tell
    """

    name: str
    expected_rows: int | None
    _since: float = field(init=False, default_factory=lambda: time.monotonic())
    _posts: int = field(init=False, default=0)
    _settled: int = field(init=False, default=0)

    def line(self, *, posts: int, delivered: int, settled: int, in_flight: int, most: int, waiting: int) -> str:
        """One line; rates are those since the line before."""
        now = time.monotonic()
        seconds = max(now - self._since, 1e-9)
        rate, settling = (posts - self._posts) / seconds, (settled - self._settled) / seconds
        self._since, self._posts, self._settled = now, posts, settled
        of = "" if self.expected_rows is None else f" of about {self.expected_rows:,} rows"
        return (
            f"{self.name}: {posts:,} requests sent, {delivered:,} delivered{of}, {rate:,.0f}/s, "
            f"{in_flight} in flight of at most {most}, {waiting:,} waiting to be tried again"
            f"{self._left(settled, settling)}"
        )

    def _left(self, settled: int, settling: float) -> str:
        if self.expected_rows is None:
            return ""
        if settling <= 0:
            return ", time left unknown"
        return f", about {_span(max(0, self.expected_rows - settled) / settling)} left"


def _span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
