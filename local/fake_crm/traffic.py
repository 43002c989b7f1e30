"""Counts of requests by second, so that memory grows with time and not with requests."""

import time
from collections import Counter, deque
from datetime import UTC, datetime
from typing import Any


class Traffic:
    """Requests to the update endpoint, their responses, and open connections."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.connections = 0
        self.clear()

    def clear(self) -> None:
        """Reset the counts; requests in flight and open connections remain."""
        self.requests = 0
        self.other_methods = 0
        self._replayed = 0
        self._dropped = 0
        self._statuses: Counter[int] = Counter()
        self._seconds: Counter[int] = Counter()
        self._in_flight_peak = self.in_flight
        self._connections_opened = self.connections
        self._connections_peak = self.connections
        self._first = self._last = 0.0
        self._window: deque[float] = deque()
        self._window_peak = 0

    def arrive(self) -> float:
        """Count a request and return the time, in epoch seconds."""
        now = time.time()
        self._first = self._first or now
        self._last = now
        self.requests += 1
        self._seconds[int(now)] += 1
        window = self._window
        window.append(now)
        while window[0] <= now - 1:
            window.popleft()
        self._window_peak = max(self._window_peak, len(window))
        self.in_flight += 1
        self._in_flight_peak = max(self._in_flight_peak, self.in_flight)
        return now

    def leave(self, status: int | None, replayed: bool) -> None:
        """Count a response.

        :param status: None if the connection was reset instead
        :param replayed: whether the response was replayed for an idempotency key
        """
        self.in_flight -= 1
        if replayed:
            self._replayed += 1
        if status is None:
            self._dropped += 1
        else:
            self._statuses[status] += 1

    def connect(self) -> None:
        """Count an opened connection."""
        self.connections += 1
        self._connections_opened += 1
        self._connections_peak = max(self._connections_peak, self.connections)

    def disconnect(self) -> None:
        """Count a closed connection."""
        self.connections -= 1

    def as_json(self) -> dict[str, Any]:
        """Return the counts; times are ISO 8601 in UTC, or None if there was no request."""
        return {
            "requests": self.requests,
            "other_methods": self.other_methods,
            "statuses": dict(sorted(self._statuses.items())),
            "dropped": self._dropped,
            "replayed": self._replayed,
            "first_at": _iso(self._first),
            "last_at": _iso(self._last),
            "seconds": dict(sorted(self._seconds.items())),
            "peak_in_one_second": self._window_peak,
            "in_flight": self.in_flight,
            "in_flight_peak": self._in_flight_peak,
            "connections_opened": self._connections_opened,
            "connections_peak": self._connections_peak,
        }


def _iso(seconds: float) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
