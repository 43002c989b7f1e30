"""What the moments at which requests were sent say about their pace. Seconds of one clock, in order. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

# From here on the slow start is over.
_STEADY_SECONDS = 2.0


def steady_rate(sent: Sequence[float]) -> float:
    """Requests per second once the slow start is over."""
    steady = [moment for moment in sent if moment >= sent[0] + _STEADY_SECONDS]
    return (len(steady) - 1) / (steady[-1] - steady[0])


def busiest_second(sent: Sequence[float]) -> int:
    """The most requests in any window of one second."""
    window, most = deque[float](), 0
    for moment in sent:
        window.append(moment)
        while window[0] <= moment - 1:
            window.popleft()
        most = max(most, len(window))
    return most
